#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/journal/read_connection.h"
#include "server/journal/read_statements.h"
#include "server/journal/rules.h"
#include "server/journal/token.h"
#include "server/journal/verified.h"

// ReadConnection: the events of all groups, in the order of their commits.

namespace covey {
namespace {

// Rows of purged groups that one page passes over: what waits behind a read does not wait for a whole journal.
constexpr size_t kMaxSkipped = 10'000;
// Rows that damage may hide before the rest is given up.
constexpr int64_t kMostSkipped = int64_t{1} << 40;

}  // namespace

Result<Void> ReadConnection::WatchRows(PageLimit limit, WatchPage* page, Position* position) {
  std::unordered_map<int64_t, std::shared_ptr<const GroupSpec>> specs;
  PageFill fill({std::max<size_t>(limit.count, 1), limit.bytes});
  std::vector<Record> row;
  size_t skipped = 0;  // rows of groups that are purged or damaged
  int64_t group = 0;   // of the newest entry of the page
  sqlite::Use watch(statements_->watch);
  watch->Bind(position->through == 0 ? position->seq : position->seq - 1);
  sqlite::Step step = sqlite::Step::kDone;
  while ((step = watch->Next()) == sqlite::Step::kRow) {
    // A full row is not even decoded.
    page->more = skipped >= kMaxSkipped || (fill.count() > 0 && fill.Full(watch->Bytes(4).size()));
    if (page->more) return Void{};
    const Position before = *position;
    const uint64_t told = watch->Int(0) == before.seq ? before.through : 0;
    *position = {.seq = watch->Int(0)};
    const int64_t gid = watch->Int(1);
    auto spec = specs.find(gid);
    if (spec == specs.end()) {
      Result<std::shared_ptr<const GroupSpec>> found = SpecOf(gid);
      if (!found.ok() && found.error().code != ErrorCode::kDataLoss) return found.error();
      if (!found.ok()) page->damaged.push_back({.group = {}, .error = found.error()});
      spec = specs.emplace(gid, found.ok() ? std::move(found.value()) : nullptr).first;
    }
    if (spec->second == nullptr) {
      ++skipped;
      continue;
    }
    row.clear();
    const Place place{.part = Part::kRecords,
                      .gid = gid,
                      .group = spec->second->id,
                      .number = static_cast<uint64_t>(watch->Int(2))};
    Result<Void> decoded = verified::Records(place, static_cast<uint64_t>(watch->Int(3)), watch->Bytes(4),
                                             static_cast<uint64_t>(watch->Int(5)), &row);
    if (!decoded.ok()) {  // the numbers of what follows tell the gap
      page->damaged.push_back({.group = spec->second->id, .error = decoded.error()});
      ++skipped;
      group = 0;
      continue;
    }
    const size_t taken = fill.count();
    for (Record& record : row) {
      if (record.number <= told) continue;
      page->more = !fill.Take(BytesOf(record));
      if (page->more) {
        *position = fill.count() == taken ? before : Position{watch->Int(0), record.number - 1};
        return Void{};
      }
      if (group != gid) page->groups.push_back({.group = spec->second});
      group = gid;
      page->groups.back().records.push_back(std::move(record));
    }
  }
  if (step == sqlite::Step::kDone) return Void{};
  const Error error = Failure("events of unknown groups are");
  if (error.code != ErrorCode::kDataLoss) return error;
  const Result<int64_t> next = NextReadable(position->seq);
  if (!next.ok()) return next.error();
  page->damaged.push_back({.group = {}, .error = error});
  page->more = true;
  *position = {.seq = next.value()};
  return Void{};
}

Result<int64_t> ReadConnection::NextReadable(int64_t after) {
  const auto can_read = [this](int64_t behind) {
    sqlite::Use next(statements_->next_seq);
    return next->Bind(behind).Next() != sqlite::Step::kFailed;
  };
  // Whatever stands behind one place that can be read can be read too, up to the next damage.
  int64_t step = 1;
  while (!can_read(after + step)) {
    if (step > kMostSkipped) return Failure("all that comes behind row " + std::to_string(after) + " is");
    step *= 2;
  }
  int64_t bad = after + step / 2;
  int64_t good = after + step;
  while (good - bad > 1) {
    const int64_t middle = bad + (good - bad) / 2;
    (can_read(middle) ? good : bad) = middle;
  }
  return good;
}

bool ReadConnection::HidesRows(int64_t first, int64_t last) {
  sqlite::Use next(statements_->next_seq);
  return next->Bind(first).Next() == sqlite::Step::kFailed || db_.Drops(first, last);
}

Result<int64_t> ReadConnection::LastSeq() {
  sqlite::Use newest(statements_->last_seq);
  if (newest->Next() != sqlite::Step::kRow) return db_.last_error();
  sqlite::Use next(statements_->get_meta);  // of the last purge, which may have taken the newest
  if (next->BindText("next_seq").Next() != sqlite::Step::kRow) return db_.last_error();
  return std::max(newest->Int(0), next->Int(0) - 1);
}

Result<std::string> ReadConnection::Newest() {
  const Result<int64_t> last = LastSeq();
  if (!last.ok()) return last.error();
  return Token{.kind = Token::Kind::kCursor, .values = {static_cast<uint64_t>(last.value())}}.Encode(
      identity_);
}

Result<WatchPage> ReadConnection::Watch(const std::string& cursor, PageLimit limit) {
  Position position;
  if (!cursor.empty()) {
    const auto token = Token::Decode(cursor, Token::Kind::kCursor, identity_);
    if (!token.has_value()) return journal::BadCursor();
    position = {.seq = static_cast<int64_t>(token->values[0]), .through = token->values[1]};
  }
  const int64_t after = position.seq;
  const ReadTransaction transaction(*statements_);
  WatchPage page;
  Result<Void> rows = WatchRows(limit, &page, &position);
  if (!rows.ok()) return rows.error();
  if (db_.Drops(after, position.seq)) {
    page.damaged.push_back(
        {.group = {},
         .error = {.code = ErrorCode::kDataLoss,
                   .reason = "JOURNAL_DAMAGED",
                   .message = "a page of events is damaged in the journal: some of them may be missing"}});
  }
  if (position.seq == after && after > 0) {
    Result<int64_t> newest = LastSeq();
    if (!newest.ok()) return newest.error();
    if (after > newest.value() && !HidesRows(newest.value(), after)) return journal::CursorOfTheFuture();
  }
  page.cursor =
      Token{.kind = Token::Kind::kCursor, .values = {static_cast<uint64_t>(position.seq), position.through}}
          .Encode(identity_);
  return page;
}

}  // namespace covey
