#include "server/services/answer_room.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/services/watch.h"

namespace covey {
namespace {

// What is read, and what is made of it, until it is known how large it is.
constexpr size_t kMostOfOne = 2 * PageLimit::kBytes;
constexpr std::chrono::seconds kLook{1};  // at who could be cancelled, while there is no room

}  // namespace

AnswerRoom::Writing::Writing(AnswerRoom* room, edge::Call& call) : room_(room) {
  if (room_ == nullptr) return;
  MutexLock lock(room_->mutex_);
  id_ = room_->next_++;
  room_->writing_.emplace(id_, Entry{.since = Clock::now(), .call = &call});
}

AnswerRoom::Writing::~Writing() {
  if (room_ == nullptr) return;
  MutexLock lock(room_->mutex_);
  room_->writing_.erase(id_);
}

void AnswerRoom::CancelSlowest() {
  std::string line;
  {
    MutexLock lock(mutex_);
    if (writing_.empty()) return;
    const auto slowest = writing_.begin();
    if (Clock::now() - slowest->second.since < patience_) return;
    line = "a stream was cancelled, since messages for streams have " +
           std::to_string(budget_->usage().used.bytes) + " of " +
           std::to_string(budget_->usage().limit.bytes) + " bytes (max_stream_memory) and " +
           slowest->second.call->peer() + " has taken none of its for long";
    slowest->second.call->Abort();
    writing_.erase(slowest);
  }
  if (warn_) warn_(line);
}

Handled RoomForAnswer(const ServiceContext& service, Reservation& held) {
  held.Reset();
  const std::shared_ptr<AnswerRoom>& room = service.answers;
  if (room == nullptr) co_return Void{};
  RoomWait wait;
  for (;;) {
    Result<Reservation> reserved = room->budget()->Reserve({.bytes = kMostOfOne});
    if (reserved.ok()) {
      held = std::move(reserved.value());
      co_return Void{};
    }
    edge::Completion<Void> found(edge::OnStop::kWake);
    const WaitLimit look(kLook, found.completer());
    wait = room->budget()->WhenRoom({.bytes = kMostOfOne}, found.completer());
    const Result<Void> answer = co_await found;
    if (!answer.ok()) co_return answer.error();
    const Budget::Usage usage = room->budget()->usage();
    if (usage.used.bytes + kMostOfOne > usage.limit.bytes) room->CancelSlowest();
  }
}

void KeepRoom(Reservation& held, size_t bytes) {
  const uint64_t all = held.amount().bytes;
  if (all > bytes) held.Release({.bytes = all - bytes});
}

}  // namespace covey
