#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/journal/commit_ids.h"
#include "core/journal/journal.h"

namespace covey {

inline constexpr std::chrono::seconds kPatience{30};

// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "covey-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Calls `start` with a callback and waits for what it is called with.
template <typename T>
T Await(const std::function<void(std::function<void(T)>)>& start) {
  auto promise = std::make_shared<std::promise<T>>();
  std::future<T> future = promise->get_future();
  start([promise](T value) { promise->set_value(std::move(value)); });
  if (future.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "no answer";
    std::abort();
  }
  return future.get();
}

// The calls of a journal as plain ones.
class Client {
 public:
  explicit Client(Journal& journal) : journal_(&journal) {}

  AppendResult Send(Append append) {
    return Await<AppendResult>([&](auto done) { journal_->AppendAsync(append, done); });
  }
  uint64_t Acquire(std::vector<std::string> groups = {}) {
    return Call<uint64_t>([&](auto done) { journal_->Acquire(groups, done); }).value();
  }
  Result<uint64_t> Head(const std::string& group) {
    return Call<uint64_t>([&](auto done) { journal_->Head(group, done); });
  }
  Result<std::vector<Record>> Read(const std::string& group, uint64_t from = 1, size_t limit = 1 << 20,
                                   size_t bytes = SIZE_MAX) {
    return Call<std::vector<Record>>([&](auto done) { journal_->Read(group, from, {limit, bytes}, done); });
  }
  Result<WatchPage> Watch(const std::string& cursor, size_t limit = 1 << 20, size_t bytes = SIZE_MAX) {
    return Call<WatchPage>([&](auto done) { journal_->Watch(cursor, {limit, bytes}, done); });
  }
  Result<std::string> Newest() {
    return Call<std::string>([&](auto done) { journal_->Newest(done); });
  }
  Result<GroupPage> List(const GroupFilter& filter = {}, size_t limit = 1000, const std::string& token = "",
                         size_t bytes = SIZE_MAX) {
    return Call<GroupPage>([&](auto done) { journal_->List(filter, {limit, bytes}, token, done); });
  }
  Result<GroupSummary> Find(const std::string& group) {
    return Call<GroupSummary>([&](auto done) { journal_->Find(group, done); });
  }
  Result<std::string> FindRequest(const std::string& id) {
    return Call<std::string>([&](auto done) { journal_->FindRequest(id, done); });
  }
  Result<Void> PutPool(const StoredPool& pool) {
    return Call<Void>([&](auto done) { journal_->PutPool(pool, done); });
  }
  Result<Void> RemovePool(const std::string& name) {
    return Call<Void>([&](auto done) { journal_->RemovePool(name, done); });
  }
  Result<std::vector<StoredPool>> Pools() {
    return Call<std::vector<StoredPool>>([&](auto done) { journal_->Pools(done); });
  }
  Result<Void> PutSnapshot(const std::string& group, uint64_t epoch, const Snapshot& snapshot) {
    return Call<Void>([&](auto done) { journal_->PutSnapshot(group, epoch, snapshot, done); });
  }
  Result<std::optional<Snapshot>> ReadSnapshot(const std::string& group) {
    return Call<std::optional<Snapshot>>([&](auto done) { journal_->ReadSnapshot(group, done); });
  }
  Result<std::vector<TaskBlock>> ReadTasks(const std::string& group, uint32_t task, uint32_t end) {
    return Call<std::vector<TaskBlock>>(
        [&](auto done) { journal_->ReadTasks(group, task, end, std::move(done)); });
  }
  Result<std::vector<Mark>> FindMarks(const std::string& group, std::vector<Mark> marks) {
    return Call<std::vector<Mark>>(
        [&](auto done) { journal_->FindMarks(group, std::move(marks), std::move(done)); });
  }
  Result<Void> Purge(const std::string& group, bool keeps_id = true) {
    const auto all = PurgeAll({group}, keeps_id);
    return all.ok() ? all.value().at(0) : Result<Void>(all.error());
  }
  Result<std::vector<Result<Void>>> PurgeAll(const std::vector<std::string>& groups, bool keeps_id) {
    return Call<std::vector<Result<Void>>>([&](auto done) { journal_->Purge(groups, keeps_id, done); });
  }
  Result<EndedPage> Oldest(bool failed, size_t limit = 1000, const std::string& token = "") {
    return Call<EndedPage>([&](auto done) { journal_->Oldest(failed, limit, token, done); });
  }
  Result<std::vector<std::string>> Orphans() {
    return Call<std::vector<std::string>>([&](auto done) { journal_->Orphans(done); });
  }

 private:
  template <typename T>
  Result<T> Call(const std::function<void(Journal::Done<T>)>& start) {
    return Await<Result<T>>(start);
  }

  Journal* journal_;
};

// A group as its owner sees it: makes appends that follow each other.
class Writer {
 public:
  Writer(std::string group, uint64_t epoch) : epoch_(epoch) {
    spec_.id = std::move(group);
    summary_.created = At(0);
  }

  GroupSpec& spec() { return spec_; }
  GroupSummary& summary() { return summary_; }
  uint64_t next() const { return next_; }
  void set_next(uint64_t next) { next_ = next; }

  static WallTime At(int64_t micros) {
    return WallTime(std::chrono::microseconds(1'700'000'000'000'000 + micros));
  }

  // The group; with a request id when there is one.
  Append Create(const std::string& request = "") {
    auto spec = std::make_shared<const GroupSpec>(spec_);
    Record record = Make({.kind = state::EventKind::kGroupCreated});
    record.group = spec;
    if (!request.empty()) record.request = std::make_shared<const RequestMark>(RequestMark{request, 7, 0});
    Append append = Of({std::move(record)});
    summary_.spec = spec;
    append.summary = summary_;
    return append;
  }
  // `count` functions with the given payload.
  Append Tasks(size_t count, const std::string& payload = "x") {
    std::vector<Record> records;
    for (size_t i = 0; i < count; ++i) {
      Record& record =
          records.emplace_back(Make({.kind = state::EventKind::kTaskSubmitted, .task = tasks_++}));
      TaskSpec task;
      task.work =
          FunctionSpec{.name = "covey.noop", .payload = {.bytes = payload, .content_type = "text/plain"}};
      record.task = std::make_shared<const TaskSpec>(std::move(task));
    }
    return Of(std::move(records));
  }
  Append Seal() { return Of({Make({.kind = state::EventKind::kGroupSealed})}); }
  Append Decide(state::Outcome outcome) {
    Append append = Of({Make({.kind = state::EventKind::kGroupDecided, .outcome = outcome})});
    summary_.state.decided = true;
    summary_.state.outcome = outcome;
    append.summary = summary_;
    return append;
  }
  Append Complete() {
    Append append =
        Of({Make({.kind = state::EventKind::kGroupCompleted, .outcome = summary_.state.outcome})});
    summary_.state.completed = true;
    append.summary = summary_;
    return append;
  }

 private:
  Record Make(const state::Event& event) {
    const uint64_t number = next_++;
    return {.number = number, .time = At(static_cast<int64_t>(number)), .event = event};
  }
  // Of what Make has made since the last one.
  Append Of(std::vector<Record> records) {
    return {.group = spec_.id,
            .epoch = epoch_,
            .expected = next_ - 1 - records.size(),
            .commit_id = ids_.Next(),
            .batch = std::make_shared<const Batch>(std::move(records))};
  }

  GroupSpec spec_;
  GroupSummary summary_;
  uint64_t epoch_;
  uint64_t next_ = 1;
  CommitIds ids_;
  uint32_t tasks_ = 0;
};

}  // namespace covey
