#pragma once

#include <array>
#include <cstddef>

#include "covey/result.h"
#include "server/journal/sqlite.h"

namespace covey {

// The statements of a ReadConnection.
struct ReadStatements {
  static constexpr size_t kPhases = 5;

  sqlite::Statement begin, commit, find_gid, head, read_records, watch, get_spec, get_summary, find_request;
  sqlite::Statement get_meta, last_seq, next_seq, find_garbage, get_snapshot, find_mark, get_tasks,
      get_late_tasks, pools, list_all, list_label, list_name, many_names;
  sqlite::Statement list_one_name, list_id, many_ids;
  std::array<sqlite::Statement, kPhases> list_phase;

  Result<Void> Prepare(sqlite::Database& db);
};

// One state of the file for several statements. Everything read within must be reset before its end.
class ReadTransaction {
 public:
  explicit ReadTransaction(ReadStatements& statements) : statements_(statements) { statements_.begin.Run(); }
  ~ReadTransaction() { statements_.commit.Run(); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  ReadStatements& statements_;
};

}  // namespace covey
