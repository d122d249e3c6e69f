#include "server/journal/write_statements.h"

#include <string_view>
#include <utility>

#include "server/journal/sql.h"

namespace covey {

Result<Void> WriteStatements::Prepare(sqlite::Database& db) {
  const std::pair<sqlite::Statement*, std::string_view> all[] = {
      {&begin, "BEGIN IMMEDIATE"},
      {&commit, "COMMIT"},
      {&set_meta, sql::kSetMeta},
      {&get_meta, sql::kGetMeta},
      {&find_gid, sql::kFindGid},
      {&head, sql::kHead},
      {&find_commit, sql::kFindCommit},
      {&find_purged, sql::kFindPurged},
      {&find_request, sql::kFindRequest},
      {&insert_group, sql::kInsertGroup},
      {&update_group, sql::kUpdateGroup},
      {&insert_label, sql::kInsertLabel},
      {&insert_request, sql::kInsertRequest},
      {&insert_records, sql::kInsertRecords},
      {&insert_owner, sql::kInsertOwner},
      {&put_snapshot, sql::kPutSnapshot},
      {&put_mark, sql::kPutMark},
      {&forget_marks, sql::kForgetMarks},
      {&put_tasks, sql::kPutTasks},
      {&forget_tasks, sql::kForgetTasks},
      {&put_pool, sql::kPutPool},
      {&remove_pool, sql::kRemovePool},
      {&insert_ended, sql::kInsertEnded},
      {&row_sizes, sql::kRowSizes},
      {&get_ended, sql::kGetEnded},
      {&delete_ended, sql::kDeleteEnded},
      {&insert_orphan, sql::kInsertOrphan},
      {&delete_orphan, sql::kDeleteOrphan},
      {&get_request, sql::kGetRequest},
      {&get_size, sql::kGetSize},
      {&read_records, sql::kReadRecords},
      {&get_summary, sql::kGetSummary},
      {&find_row, sql::kFindRow},
      {&delete_group, sql::kDeleteGroup},
      {&delete_label, sql::kDeleteLabel},
      {&delete_labels_of, sql::kDeleteLabelsOf},
      {&delete_snapshot, sql::kDeleteSnapshot},
      {&expire_request, sql::kExpireRequest},
      {&expire_requests_of, sql::kExpireRequestsOf},
      {&insert_purged, sql::kInsertPurged},
      {&forget_requests, sql::kForgetRequests},
      {&forget_purged, sql::kForgetPurged},
      {&insert_garbage, sql::kInsertGarbage},
      {&next_garbage, sql::kNextGarbage},
      {&look_at_garbage, sql::kLookAtGarbage},
      {&collect_garbage, sql::kCollectGarbage},
      {&delete_garbage, sql::kDeleteGarbage},
  };
  for (const auto& [statement, text] : all) {
    Result<sqlite::Statement> prepared = db.Prepare(text);
    if (!prepared.ok()) return prepared.error();
    *statement = std::move(prepared.value());
  }
  return Void{};
}

}  // namespace covey
