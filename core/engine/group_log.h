#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/journal/commit_ids.h"
#include "core/journal/journal.h"
#include "core/state/group_state.h"
#include "covey/result.h"

namespace covey {

// What has happened, whether it could be written or not. Decided again when its append is lost.
struct Fact {
  state::Command command;
  std::shared_ptr<const Failure> failure;
  std::shared_ptr<const Payload> result;
  std::shared_ptr<const OutputSizes> output;
  WallTime at{};
};

// The log of one group as its owner writes it: the append that is being built, those in flight, and what
// becomes of them. Knows records and facts, neither tasks nor slots.
//
// An append that fails, is overtaken or refused stops the log (`stopped`): nothing more is decided until
// every append that was sent is answered. Then Settle says what is to be done. An unknown answer is resolved
// by sending the same appends again, which writes none of them twice.
//
// Not thread-safe: guarded by the lock of its group.
//
// Invariants:
// 1. committed() <= the number of every record in flight <= pending().
// 2. Appends leave in the order of their numbers, one sender at a time.
// 3. Facts are about the group or a committed task, so each can be decided again whatever was lost.
class GroupLog {
 public:
  using Reply = std::function<void(std::optional<Error>)>;

  // One append from its building to its answer.
  struct Entry {
    std::shared_ptr<const Batch> batch;
    std::vector<Fact> facts;
    std::vector<Reply> replies;
  };

  // What Settle asks for.
  enum class Todo {
    kNothing,   // all is well, or an answer is still out
    kRollBack,  // TakeLost, wait for delay(), then Resume
    kRead,      // the same, but read the records behind committed() and fold them before Resume
    kResend,    // wait for delay(), then Resend
    kDrop,      // another owner has taken the group over, or it was never made: TakeLost; nothing follows
  };

  GroupLog(std::string group, uint64_t epoch);

  // The newest event that is durable, and the newest that is decided.
  uint64_t committed() const { return committed_; }
  uint64_t pending() const { return pending_; }
  bool idle() const { return in_flight_.empty(); }
  uint64_t epoch() const { return epoch_; }
  bool stopped() const { return stopped_; }
  // Another owner has the group.
  bool fenced() const { return fenced_; }
  const std::string& why() const { return why_.message; }

  // Before all else: the events up to this one are durable, and not told again.
  void BeginBehind(uint64_t number);
  // A record that was read: it is durable already.
  void Fold(uint64_t number);

  // Building. The record gets the next number.
  void Add(Record record);
  void AddFact(Fact fact) { facts_of_building_.push_back(std::move(fact)); }
  // The records that are not durable yet, oldest first, until `visit` answers true.
  void VisitPending(const std::function<bool(const Record&)>& visit) const;
  // Puts what was built in flight. `reply` is given when it is durable or lost; with nothing built, when what
  // is in flight is. Answers the replies that are due at once, already bound.
  std::optional<std::function<void()>> Close(Reply reply);
  // The listing changes with what is being built.
  bool listing_changes() const { return listing_changes_; }
  void SetSummary(GroupSummary summary) { summary_ = std::move(summary); }

  // Sending. False when somebody sends already, or nothing may be sent. Then Next until it gives none, which
  // ends the sending.
  bool BeginSending();
  std::optional<Append> Next();

  // Answers. `new_failure` when this one stopped the log.
  bool OnAnswer(const AppendResult& result);
  // What became durable, in order.
  std::optional<Entry> TakeCommitted();
  // When TakeCommitted gives no more.
  Todo Settle();
  // What was lost, in order. Its facts are kept, in front of those that were put off meanwhile.
  std::vector<Entry> TakeLost();
  void Resend();

  // Facts that happen while the log is stopped.
  void PutOff(Fact fact);
  // One of this kind is put off.
  bool PutOff(state::CommandKind kind) const;
  // Decisions go on: the facts to decide again, in the order in which they happened.
  std::vector<Fact> Resume();
  // How long to wait before the next try.
  std::chrono::milliseconds delay() const { return delay_; }

  // What a request is told while the log is stopped, or when its append is lost.
  Error Refusal() const;

 private:
  struct InFlight {
    Entry entry;
    uint64_t commit_id = 0;
    std::optional<GroupSummary> summary;
  };

  // Nothing may be sent.
  bool HeldUp() const { return stopped_ && !resending_; }
  void BackOff();

  const std::string group_;
  const uint64_t epoch_;
  uint64_t committed_ = 0;
  uint64_t pending_ = 0;

  std::vector<Record> building_;
  std::vector<Fact> facts_of_building_;
  bool listing_changes_ = false;
  std::optional<GroupSummary> summary_;

  std::deque<InFlight> in_flight_;
  size_t sent_ = 0;        // of in_flight_, from the front
  size_t unanswered_ = 0;  // of those
  bool sending_ = false;
  CommitIds commit_ids_;
  uint64_t acknowledged_ = 0;  // newest event of ours that is known to be durable
  uint64_t head_ = 0;          // newest event that the journal is known to hold, whoever wrote it

  bool stopped_ = false;
  bool unknown_ = false;    // an answer was
  bool resending_ = false;  // what is in flight is being sent once more
  bool fenced_ = false;
  bool duplicate_ = false;
  Error why_;  // of the answer that stopped it
  std::vector<Fact> put_off_;
  std::chrono::milliseconds delay_{0};
};

}  // namespace covey
