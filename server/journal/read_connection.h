#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/journal/journal.h"
#include "server/journal/sqlite.h"
#include "server/journal/sqlite_open.h"

namespace covey {

struct ReadStatements;

// A connection that reads, with the reads of Journal as plain calls. Each sees one state of the file: every
// append that was answered before it began. Used by one thread at a time.
class ReadConnection {
 public:
  static Result<std::unique_ptr<ReadConnection>> Open(const SqliteFile& file, uint64_t identity);
  ~ReadConnection();

  Result<uint64_t> Head(const std::string& group);
  Result<std::vector<Record>> Read(const std::string& group, uint64_t from, PageLimit limit);
  Result<WatchPage> Watch(const std::string& cursor, PageLimit limit);
  Result<std::string> Newest();
  Result<GroupPage> List(const GroupFilter& filter, PageLimit limit, const std::string& token);
  Result<GroupSummary> Find(const std::string& group);
  Result<std::optional<Snapshot>> ReadSnapshot(const std::string& group);
  Result<std::vector<TaskBlock>> ReadTasks(const std::string& group, uint32_t task, uint32_t end);
  Result<std::vector<Mark>> FindMarks(const std::string& group, std::vector<Mark> marks);
  Result<std::string> FindRequest(const std::string& request_id, WallTime now);
  Result<std::vector<StoredPool>> Pools();
  Result<EndedPage> Oldest(bool failed, size_t limit, const std::string& token);
  Result<std::vector<std::string>> Orphans();

 private:
  // Where a Watch is.
  struct Position {
    int64_t seq = 0;       // of the last row of which something was told
    uint64_t through = 0;  // number of the last record told of that row; 0: all were
  };

  ReadConnection(sqlite::Database db, uint64_t identity);

  // 0: no such group.
  Result<int64_t> FindGid(const std::string& group);
  Result<uint64_t> HeadOf(int64_t gid);
  // `id` is that of the group also when it is damaged; "" when even that is not there.
  Result<GroupSummary> SummaryOf(int64_t gid, std::string* id);
  // Null: the group is purged, and its records are not all deleted yet.
  Result<std::shared_ptr<const GroupSpec>> SpecOf(int64_t gid);
  // Why the last statement failed; of damage, what it kept from being told.
  Error Failure(const std::string& what) const;
  // The newest row that ever was.
  Result<int64_t> LastSeq();
  // A place behind `after`, as near as can be, from where rows can be read.
  Result<int64_t> NextReadable(int64_t after);
  // Whether damage may keep rows between these from being seen.
  bool HidesRows(int64_t first, int64_t last);
  // Moves `position` behind what it tells.
  Result<Void> WatchRows(PageLimit limit, WatchPage* page, Position* position);
  // Whether those that begin so are few enough to be sorted; `many` is the statement that tells.
  Result<bool> Few(sqlite::Statement& many, const std::string& prefix);

  const uint64_t identity_;
  sqlite::Database db_;
  std::unique_ptr<ReadStatements> statements_;  // before db_ in destruction
};

}  // namespace covey
