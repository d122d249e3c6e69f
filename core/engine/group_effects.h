#pragma once

// What the parts of DurableGroup share: each step under its lock collects what it causes in Effects.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine/durable_group.h"

namespace covey {

inline std::shared_ptr<const Failure> Share(Failure failure) {
  return std::make_shared<const Failure>(Bounded(std::move(failure)));
}

// The cause of stopping the other tasks of a group with policy ANY.
inline std::shared_ptr<const Failure> Won() {
  return Share({.kind = FailureKind::kCancelled, .message = "another task of the group has succeeded"});
}

// "the group timed out after 2 s"
std::shared_ptr<const Failure> TimedOut(const GroupSpec& spec);

// "1.5 s"
std::string SecondsText(std::chrono::nanoseconds duration);

// The number that `name` is the plain decimal form of.
std::optional<uint32_t> ParseIndex(std::string_view name);

bool AboutTask(const state::Event& event);

// What a step causes outside the group, carried out without its lock, in this order.
struct DurableGroup::Effects {
  struct Start {
    Launch launch;
    std::shared_ptr<AttemptListener> listener;
    Executor* executor;
  };

  std::vector<std::pair<std::shared_ptr<Execution>, std::shared_ptr<const Failure>>> stops;
  std::vector<uint64_t> push;
  std::vector<Start> starts;
  std::vector<std::function<void()>> calls;
  size_t release = 0;  // slots
  bool head = false;   // ask the journal for the head
  bool events = false;
  bool completed = false;
};

// Brings word of one attempt to its group, which it keeps alive.
class DurableGroup::Listener final : public AttemptListener {
 public:
  Listener(std::shared_ptr<DurableGroup> group, uint32_t task, uint32_t attempt)
      : group_(std::move(group)), task_(task), attempt_(attempt) {}

  void OnOutput(OutputStream stream, std::string_view bytes) override {
    group_->environment_->output->Write(
        {.group = group_->id(), .task = task_, .attempt = attempt_, .stream = stream}, bytes);
  }
  void OnDelivered(int signal) override {
    group_->OnProgress(task_, attempt_, state::CommandKind::kDelivered, signal);
  }
  void OnKilled() override { group_->OnProgress(task_, attempt_, state::CommandKind::kKilled, 0); }
  void OnExit(Status status, std::shared_ptr<const Payload> result) override {
    group_->environment_->output->Finish(group_->id(), task_, attempt_);
    group_->OnExit(task_, attempt_, std::move(status), std::move(result));
  }

 private:
  const std::shared_ptr<DurableGroup> group_;
  const uint32_t task_;
  const uint32_t attempt_;
};

}  // namespace covey
