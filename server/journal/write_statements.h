#pragma once

#include "covey/result.h"
#include "server/journal/sqlite.h"

namespace covey {

// The prepared statements of the connection that writes; sql.h has their texts. They go before their
// connection.
struct WriteStatements {
  sqlite::Statement begin, commit, set_meta, get_meta;
  // Appends.
  sqlite::Statement find_gid, head, find_commit, find_purged, find_request;
  sqlite::Statement insert_group, update_group, insert_label, insert_request, insert_records;
  sqlite::Statement insert_ended, row_sizes;
  // Ownership, snapshots, pools.
  sqlite::Statement insert_owner, put_snapshot, put_mark, forget_marks, put_tasks, forget_tasks, put_pool,
      remove_pool;
  // Purge.
  sqlite::Statement get_summary, get_request, get_size, read_records, find_row;
  sqlite::Statement delete_group, delete_label, delete_labels_of, delete_snapshot;
  sqlite::Statement expire_request, expire_requests_of, insert_purged;
  sqlite::Statement get_ended, delete_ended, insert_orphan, delete_orphan, forget_requests, forget_purged;
  sqlite::Statement insert_garbage, next_garbage, look_at_garbage, collect_garbage, delete_garbage;

  Result<Void> Prepare(sqlite::Database& db);
};

}  // namespace covey
