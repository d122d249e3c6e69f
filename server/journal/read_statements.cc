#include "server/journal/read_statements.h"

#include <string_view>
#include <utility>
#include <vector>

#include "server/journal/sql.h"

namespace covey {

Result<Void> ReadStatements::Prepare(sqlite::Database& db) {
  std::vector<std::pair<sqlite::Statement*, std::string_view>> all = {
      {&begin, "BEGIN"},
      {&commit, "COMMIT"},
      {&find_gid, sql::kFindGid},
      {&head, sql::kHead},
      {&read_records, sql::kReadRecords},
      {&watch, sql::kWatch},
      {&get_meta, sql::kGetMeta},
      {&last_seq, sql::kLastSeq},
      {&next_seq, sql::kNextSeq},
      {&find_garbage, sql::kFindGarbage},
      {&get_spec, sql::kGetSpec},
      {&get_summary, sql::kGetSummary},
      {&get_snapshot, sql::kGetSnapshot},
      {&find_mark, sql::kFindMark},
      {&get_tasks, sql::kGetTasks},
      {&get_late_tasks, sql::kGetLateTasks},
      {&find_request, sql::kFindRequest},
      {&pools, sql::kPools},
      {&list_all, sql::kListAll},
      {&list_label, sql::kListLabel},
      {&list_name, sql::kListName},
      {&many_names, sql::kManyNames},
      {&list_one_name, sql::kListOneName},
      {&list_id, sql::kListId},
      {&many_ids, sql::kManyIds},
  };
  for (sqlite::Statement& statement : list_phase) all.emplace_back(&statement, sql::kListPhase);
  for (const auto& [statement, text] : all) {
    Result<sqlite::Statement> prepared = db.Prepare(text);
    if (!prepared.ok()) return prepared.error();
    *statement = std::move(prepared.value());
  }
  return Void{};
}

}  // namespace covey
