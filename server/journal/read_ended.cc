#include <utility>

#include "server/journal/read_connection.h"
#include "server/journal/rules.h"
#include "server/journal/sql.h"
#include "server/journal/token.h"

// ReadConnection: what those ask who purge or start. Seldom asked, so their statements are not kept.

namespace covey {

Result<EndedPage> ReadConnection::Oldest(bool failed, size_t limit, const std::string& token) {
  uint64_t time = 0;
  uint64_t gid = 0;
  if (!token.empty()) {
    const auto decoded = Token::Decode(token, Token::Kind::kEnded, identity_);
    if (!decoded || decoded->values[2] != uint64_t{failed}) return journal::BadPageToken();
    time = decoded->values[0];
    gid = decoded->values[1];
  }
  EndedPage page;
  Result<sqlite::Statement> prepared = db_.Prepare(sql::kOldest);
  if (!prepared.ok()) return prepared.error();
  sqlite::Statement& oldest = prepared.value();
  oldest.Bind(int64_t{failed}).Bind(time).Bind(gid).Bind(static_cast<int64_t>(limit));
  sqlite::Step step;
  while ((step = oldest.Next()) == sqlite::Step::kRow) {
    time = static_cast<uint64_t>(oldest.Int(0));
    gid = static_cast<uint64_t>(oldest.Int(1));
    page.groups.push_back({.id = std::string(oldest.Bytes(2)),
                           .ended = WallTime(std::chrono::microseconds(oldest.Int(0))),
                           .phase = static_cast<GroupPhase>(oldest.Int(3)),
                           .bytes = static_cast<uint64_t>(oldest.Int(4))});
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  if (page.groups.size() == limit) {
    page.next = Token{.kind = Token::Kind::kEnded, .values = {time, gid, uint64_t{failed}}}.Encode(identity_);
  }
  return page;
}

Result<std::vector<std::string>> ReadConnection::Orphans() {
  std::vector<std::string> ids;
  Result<sqlite::Statement> orphans = db_.Prepare(sql::kOrphans);
  if (!orphans.ok()) return orphans.error();
  sqlite::Step step;
  while ((step = orphans.value().Next()) == sqlite::Step::kRow) ids.emplace_back(orphans.value().Bytes(0));
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return ids;
}

Result<std::vector<StoredPool>> ReadConnection::Pools() {
  std::vector<StoredPool> pools;
  Result<sqlite::Statement> all = db_.Prepare(sql::kPools);
  if (!all.ok()) return all.error();
  sqlite::Step step;
  while ((step = all.value().Next()) == sqlite::Step::kRow) {
    pools.push_back({.name = std::string(all.value().Bytes(0)),
                     .max = static_cast<uint32_t>(all.value().Int(1)),
                     .closing = all.value().Int(2) != 0});
  }
  if (step == sqlite::Step::kFailed) return db_.last_error();
  return pools;
}

}  // namespace covey
