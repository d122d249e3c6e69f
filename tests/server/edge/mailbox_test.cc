#include "server/edge/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "tests/core/base/gate.h"

namespace covey::edge {
namespace {

// A queue without gRPC: what its bells have rung for comes back on the thread that runs it.
class FakeQueue {
 public:
  std::unique_ptr<Bell> MakeBell() { return std::make_unique<QueueBell>(*this); }

  // Runs the next tag; false when `until` has come and there is none.
  bool RunOne(const std::function<bool()>& until) COVEY_EXCLUDES(mutex_) {
    Tag* tag = nullptr;
    {
      const auto patience = std::chrono::steady_clock::now() + kTestPatience;
      MutexLock lock(mutex_);
      while (rung_.empty()) {
        if (until()) return false;
        if (!changed_.WaitUntil(mutex_, patience) && rung_.empty()) return false;
      }
      tag = rung_.front();
      rung_.pop_front();
    }
    tag->OnEvent(true);
    return true;
  }
  size_t rings() const COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return rings_;
  }

 private:
  class QueueBell final : public Bell {
   public:
    explicit QueueBell(FakeQueue& queue) : queue_(queue) {}
    void Ring(Tag& tag) override {
      MutexLock lock(queue_.mutex_);
      queue_.rung_.push_back(&tag);
      ++queue_.rings_;
      queue_.changed_.NotifyOne();
    }

   private:
    FakeQueue& queue_;
  };

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Tag*> rung_ COVEY_GUARDED_BY(mutex_);
  size_t rings_ COVEY_GUARDED_BY(mutex_) = 0;
};

bool Never() { return false; }

TEST(MailboxTest, ManyPostsRingOnce) {
  FakeQueue queue;
  Mailbox mailbox(queue.MakeBell());
  std::vector<int> got;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(mailbox.Post([&got, i] { got.push_back(i); }));
  EXPECT_EQ(queue.rings(), 1u);
  EXPECT_TRUE(got.empty()) << "only on the queue's thread";
  EXPECT_TRUE(queue.RunOne(Never));
  EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(mailbox.Post([&got] { got.push_back(5); }));
  EXPECT_EQ(queue.rings(), 2u);
  EXPECT_TRUE(queue.RunOne(Never));
  EXPECT_EQ(got.back(), 5);
  EXPECT_TRUE(mailbox.Close());
}

TEST(MailboxTest, CloseDeliversTheRestAndWaitsForItsBell) {
  FakeQueue queue;
  Mailbox mailbox(queue.MakeBell());
  int got = 0;
  EXPECT_TRUE(mailbox.Post([&] { ++got; }));
  EXPECT_FALSE(mailbox.Close()) << "the bell's tag is on the way";
  EXPECT_EQ(got, 1);
  const auto held = std::make_shared<int>();
  EXPECT_FALSE(mailbox.Post([held] { FAIL() << "it is closed"; }));
  EXPECT_EQ(held.use_count(), 1) << "destroyed unrun";
  EXPECT_TRUE(queue.RunOne(Never));
  EXPECT_TRUE(mailbox.Close());
  EXPECT_EQ(got, 1);
}

// Posters race with each other, with the delivery and with the close: what was accepted is delivered once, each
// poster's in order, and nothing rings after the end.
TEST(MailboxTest, ThreadsPostWhileItCloses) {
  constexpr int kPosters = 4;
  for (int round = 0; round < 200 / kFewer; ++round) {
    FakeQueue queue;
    auto mailbox = std::make_shared<Mailbox>(queue.MakeBell());
    Gate start(kPosters + 1);
    std::vector<int> accepted(kPosters, 0);
    std::vector<int> delivered(kPosters, 0);  // of the queue's thread
    std::atomic<int> posted = 0;
    std::vector<std::thread> posters;
    for (int p = 0; p < kPosters; ++p) {
      posters.emplace_back([&, mailbox, p] {
        start.OpenAndWait();
        for (int i = 0; mailbox->Post([&delivered, p, i] {
               EXPECT_EQ(delivered[static_cast<size_t>(p)], i);
               ++delivered[static_cast<size_t>(p)];
             });
             ++i) {
          ++accepted[static_cast<size_t>(p)];
          ++posted;
        }
      });
    }
    start.OpenAndWait();
    while (posted < 50) ASSERT_TRUE(queue.RunOne(Never));
    while (!mailbox->Close()) ASSERT_TRUE(queue.RunOne(Never));
    const size_t rings = queue.rings();
    for (std::thread& poster : posters) poster.join();
    EXPECT_EQ(delivered, accepted);
    EXPECT_EQ(queue.rings(), rings);
  }
}

}  // namespace
}  // namespace covey::edge
