#include "core/engine/group_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace covey {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstRetry{100};
constexpr milliseconds kLastRetry{10'000};

bool ChangesListing(const Record& record) {
  switch (record.event.kind) {
    case state::EventKind::kGroupCreated:
    case state::EventKind::kGroupDecided:
    case state::EventKind::kGroupCompleted:
      return true;
    default:
      return false;
  }
}

}  // namespace

GroupLog::GroupLog(std::string group, uint64_t epoch) : group_(std::move(group)), epoch_(epoch) {}

void GroupLog::BeginBehind(uint64_t number) {
  COVEY_CHECK(committed_ == 0 && pending_ == 0);
  committed_ = pending_ = acknowledged_ = number;
}

void GroupLog::Fold(uint64_t number) {
  COVEY_CHECK(number == committed_ + 1 && committed_ == pending_);
  committed_ = pending_ = number;
  acknowledged_ = std::max(acknowledged_, number);
}

// -------------------------------------------------------------------------------------------------------------
// Building

void GroupLog::Add(Record record) {
  record.number = ++pending_;
  listing_changes_ = listing_changes_ || ChangesListing(record);
  building_.push_back(std::move(record));
}

void GroupLog::VisitPending(const std::function<bool(const Record&)>& visit) const {
  for (const InFlight& in_flight : in_flight_) {
    for (const Record& record : in_flight.entry.batch->records()) {
      if (visit(record)) return;
    }
  }
  for (const Record& record : building_) {
    if (visit(record)) return;
  }
}

std::optional<std::function<void()>> GroupLog::Close(Reply reply) {
  if (stopped_) {
    if (reply == nullptr) return std::nullopt;
    return [reply = std::move(reply), error = Refusal()] { reply(error); };
  }
  if (building_.empty()) {  // nothing to write: true when what is in flight is
    facts_of_building_.clear();
    if (reply == nullptr) return std::nullopt;
    if (in_flight_.empty()) return [reply = std::move(reply)] { reply(std::nullopt); };
    in_flight_.back().entry.replies.push_back(std::move(reply));
    return std::nullopt;
  }
  InFlight closed{.entry = {.batch = std::make_shared<const Batch>(std::exchange(building_, {})),
                            .facts = std::exchange(facts_of_building_, {})},
                  .commit_id = commit_ids_.Next(),
                  .summary = std::exchange(summary_, std::nullopt)};
  listing_changes_ = false;
  if (reply != nullptr) closed.entry.replies.push_back(std::move(reply));
  in_flight_.push_back(std::move(closed));
  return std::nullopt;
}

// -------------------------------------------------------------------------------------------------------------
// Sending

bool GroupLog::BeginSending() {
  if (sending_ || HeldUp() || sent_ == in_flight_.size()) return false;
  sending_ = true;
  return true;
}

std::optional<Append> GroupLog::Next() {
  if (HeldUp() || sent_ == in_flight_.size()) {
    sending_ = false;
    return std::nullopt;
  }
  const InFlight& next = in_flight_[sent_++];
  ++unanswered_;
  return Append{.group = group_,
                .epoch = epoch_,
                .expected = next.entry.batch->first() - 1,
                .commit_id = next.commit_id,
                .batch = next.entry.batch,
                .summary = next.summary};
}

// -------------------------------------------------------------------------------------------------------------
// Answers

bool GroupLog::OnAnswer(const AppendResult& result) {
  COVEY_CHECK(unanswered_ > 0);
  --unanswered_;
  Error why = result.error;
  switch (result.kind) {
    case AppendResult::Kind::kCommitted:
      acknowledged_ = std::max(acknowledged_, result.head);
      return false;
    case AppendResult::Kind::kUnknown:
      unknown_ = true;
      break;
    case AppendResult::Kind::kBehind:
      // Behind one of ours that failed the head is not newer than what is committed.
      head_ = std::max(head_, result.head);
      why.message = "the journal holds other events than expected";
      break;
    case AppendResult::Kind::kFenced:
      fenced_ = true;
      why.message = "another daemon has taken the group over";
      break;
    case AppendResult::Kind::kDuplicate:
      duplicate_ = true;
      why.message = "the group exists";
      break;
    case AppendResult::Kind::kFailed:
      // This time nothing was written; whether an earlier time did is as unknown as before.
      unknown_ = unknown_ || resending_;
      break;
  }
  const bool first = !stopped_;
  stopped_ = true;
  if (first) why_ = std::move(why);
  return first && !duplicate_;
}

std::optional<GroupLog::Entry> GroupLog::TakeCommitted() {
  if (sent_ == 0) return std::nullopt;
  const uint64_t last = in_flight_.front().entry.batch->last();
  if (last > acknowledged_) return std::nullopt;
  Entry entry = std::move(in_flight_.front().entry);
  in_flight_.pop_front();
  --sent_;
  committed_ = last;
  if (!stopped_) delay_ = milliseconds(0);
  return entry;
}

GroupLog::Todo GroupLog::Settle() {
  if (!stopped_ || unanswered_ > 0 || (resending_ && sent_ < in_flight_.size())) return Todo::kNothing;
  const bool again = std::exchange(resending_, false);
  if (fenced_ || duplicate_) return Todo::kDrop;
  if (in_flight_.empty()) unknown_ = false;  // a later append is durable, and so are those before it
  if (unknown_) {
    if (again) BackOff();
    return Todo::kResend;
  }
  return head_ > committed_ ? Todo::kRead : Todo::kRollBack;
}

void GroupLog::Resend() {
  COVEY_CHECK(unanswered_ == 0);
  unknown_ = false;
  resending_ = true;
  sent_ = 0;
}

std::vector<GroupLog::Entry> GroupLog::TakeLost() {
  std::vector<Entry> lost;
  std::vector<Fact> facts;
  for (InFlight& in_flight : in_flight_) {
    std::move(in_flight.entry.facts.begin(), in_flight.entry.facts.end(), std::back_inserter(facts));
    lost.push_back(std::move(in_flight.entry));
  }
  in_flight_.clear();
  sent_ = 0;
  pending_ = committed_;
  // What was in flight happened before what came since.
  std::move(put_off_.begin(), put_off_.end(), std::back_inserter(facts));
  put_off_ = std::move(facts);
  if (committed_ == 0 || fenced_) put_off_.clear();  // it was never made, or decides nothing any more
  if (lost.empty()) {
    delay_ = milliseconds(0);
  } else {
    BackOff();
  }
  return lost;
}

void GroupLog::BackOff() {
  delay_ = delay_ == milliseconds(0) ? kFirstRetry : std::min(delay_ * 2, kLastRetry);
}

void GroupLog::PutOff(Fact fact) {
  if (!fenced_) put_off_.push_back(std::move(fact));
}

bool GroupLog::PutOff(state::CommandKind kind) const {
  return std::any_of(put_off_.begin(), put_off_.end(),
                     [kind](const Fact& fact) { return fact.command.kind == kind; });
}

std::vector<Fact> GroupLog::Resume() {
  stopped_ = false;
  return std::exchange(put_off_, {});
}

Error GroupLog::Refusal() const {
  if (duplicate_) {
    return {.code = ErrorCode::kAlreadyExists,
            .reason = "GROUP_EXISTS",
            .message = "group " + group_ + " exists already, or was deleted lately"};
  }
  if (fenced_) {
    return {.code = ErrorCode::kUnavailable,
            .reason = "GROUP_MOVED",
            .message = "group " + group_ + " is another daemon's now: " + why_.message};
  }
  // What no retry mends, and what people have to know by its name.
  if (why_.reason == "DATA_DIR_COPIED" || why_.reason == "DATA_DIR_GONE") return why_;
  const bool full = why_.code == ErrorCode::kResourceExhausted;
  return {.code = full ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
          .reason = full ? "JOURNAL_FULL" : "JOURNAL_UNWRITABLE",
          .message = "the journal could not be written, nothing was changed: " + why_.message};
}

}  // namespace covey
