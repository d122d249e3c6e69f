#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/journal.h"

namespace covey::testing {

// Another journal whose answers to Read, and whose calls of Purge, a test can hold back: what a slow disk
// does to a group that is read and deleted at the same time.
class HeldJournal : public Journal {
 public:
  explicit HeldJournal(std::shared_ptr<Journal> journal) : journal_(std::move(journal)) {}

  // Reads from now on see what is there, and are answered by ReleaseReads.
  void HoldReads() COVEY_EXCLUDES(mutex_) { Hold(&reads_); }
  void ReleaseReads() COVEY_EXCLUDES(mutex_) { Release(&reads_); }
  // Purges from now on are carried out by ReleasePurges.
  void HoldPurges() COVEY_EXCLUDES(mutex_) { Hold(&purges_); }
  void ReleasePurges() COVEY_EXCLUDES(mutex_) { Release(&purges_); }

  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override {
    journal_->Read(std::move(group), from, limit, [this, done = std::move(done)](auto records) {
      Pass(&reads_, [done, records = std::move(records)] { done(records); });
    });
  }
  void Purge(std::vector<std::string> groups, bool keeps_id, Done<std::vector<Result<Void>>> done) override {
    Pass(&purges_, [this, groups = std::move(groups), keeps_id, done = std::move(done)] {
      journal_->Purge(groups, keeps_id, done);
    });
  }
  void Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) override {
    journal_->Oldest(failed, limit, std::move(token), std::move(done));
  }
  JournalUsage usage() const override { return journal_->usage(); }
  void Orphans(Done<std::vector<std::string>> done) override { journal_->Orphans(std::move(done)); }
  void OutputIsGone(std::vector<std::string> groups) override { journal_->OutputIsGone(std::move(groups)); }

  void Probe(Done<Void> done) override { journal_->Probe(std::move(done)); }
  void HoldFiles(Done<std::shared_ptr<void>> done) override { journal_->HoldFiles(std::move(done)); }
  JournalCapabilities capabilities() const override { return journal_->capabilities(); }
  void Acquire(std::vector<std::string> groups, Done<uint64_t> done) override {
    journal_->Acquire(std::move(groups), std::move(done));
  }
  void AppendAsync(Append append, std::function<void(AppendResult)> done) override {
    journal_->AppendAsync(std::move(append), std::move(done));
  }
  void OnBatch(std::function<void()> flush) override { journal_->OnBatch(std::move(flush)); }
  void Head(std::string group, Done<uint64_t> done) override {
    journal_->Head(std::move(group), std::move(done));
  }
  void Watch(std::string cursor, PageLimit limit, Done<WatchPage> done) override {
    journal_->Watch(std::move(cursor), limit, std::move(done));
  }
  void Newest(Done<std::string> done) override { journal_->Newest(std::move(done)); }
  void List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) override {
    journal_->List(std::move(filter), limit, std::move(token), std::move(done));
  }
  void Find(std::string group, Done<GroupSummary> done) override {
    journal_->Find(std::move(group), std::move(done));
  }
  void FindRequest(std::string request_id, Done<std::string> done) override {
    journal_->FindRequest(std::move(request_id), std::move(done));
  }
  void PutPool(StoredPool pool, Done<Void> done) override {
    journal_->PutPool(std::move(pool), std::move(done));
  }
  void RemovePool(std::string name, Done<Void> done) override {
    journal_->RemovePool(std::move(name), std::move(done));
  }
  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) override {
    journal_->PutSnapshot(std::move(group), epoch, std::move(snapshot), std::move(done));
  }
  void ReadSnapshot(std::string group, Done<std::optional<Snapshot>> done) override {
    journal_->ReadSnapshot(std::move(group), std::move(done));
  }
  void ReadTasks(std::string group, uint32_t task, uint32_t end, Done<std::vector<TaskBlock>> done) override {
    journal_->ReadTasks(std::move(group), task, end, std::move(done));
  }
  void FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) override {
    journal_->FindMarks(std::move(group), std::move(marks), std::move(done));
  }
  void Pools(Done<std::vector<StoredPool>> done) override { journal_->Pools(std::move(done)); }
  void Close() override { journal_->Close(); }

 private:
  struct Queue {
    bool held = false;
    std::vector<std::function<void()>> waiting;
  };

  void Hold(Queue* queue) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    queue->held = true;
  }
  void Release(Queue* queue) COVEY_EXCLUDES(mutex_) {
    std::vector<std::function<void()>> waiting;
    {
      MutexLock lock(mutex_);
      queue->held = false;
      waiting.swap(queue->waiting);
    }
    for (const auto& call : waiting) call();
  }
  void Pass(Queue* queue, std::function<void()> call) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (queue->held) {
        queue->waiting.push_back(std::move(call));
        return;
      }
    }
    call();
  }

  const std::shared_ptr<Journal> journal_;

  Mutex mutex_;   // a leaf
  Queue reads_;   // guarded by mutex_
  Queue purges_;  // guarded by mutex_
};

}  // namespace covey::testing
