// Ways back onto the queue's thread: mailboxes, completions, signals.

#include <gtest/gtest.h>

#include <latch>
#include <mutex>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

TEST(MailboxTest, AMillionPostsFromTwoThreadsRunOnceAndInOrder) {
  constexpr int kEach = 500'000;
  EchoServer server;
  const auto mailbox = server.server().mailbox(0);
  // Of the queue's thread, read after the last post ran.
  int64_t next[2] = {0, 0};
  int64_t wrong = 0;
  std::atomic<std::thread::id> queue_thread;
  std::latch ran(2 * kEach);
  ASSERT_TRUE(mailbox->Post([&] { queue_thread = std::this_thread::get_id(); }));
  std::vector<std::thread> posters;
  for (int poster = 0; poster < 2; ++poster) {
    posters.emplace_back([&, poster] {
      for (int64_t i = 0; i < kEach; ++i) {
        const bool taken = mailbox->Post([&, poster, i] {
          if (next[poster]++ != i || std::this_thread::get_id() != queue_thread) ++wrong;
          ran.count_down();
        });
        if (!taken) std::abort();
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  ran.wait();
  EXPECT_EQ(next[0], kEach);
  EXPECT_EQ(next[1], kEach);
  EXPECT_EQ(wrong, 0);
}

TEST(MailboxTest, TakesPostsFromItsOwnThreadAndMoveOnlyFunctions) {
  EchoServer server;
  const auto mailbox = server.server().mailbox(0);
  std::latch ran(1);
  auto owned = std::make_unique<int>(7);
  EXPECT_TRUE(mailbox->Post([&, value = std::move(owned)] {
    EXPECT_EQ(*value, 7);
    EXPECT_TRUE(mailbox->Post([&] { ran.count_down(); }));
  }));
  ran.wait();
}

TEST(MailboxTest, PostsThatRaceWithShutdownRunOrAreRefused) {
  for (int round = 0; round < 20; ++round) {
    EchoServer server;
    const auto mailbox = server.server().mailbox(0);
    std::atomic<int64_t> taken = 0;
    std::atomic<int64_t> ran = 0;
    std::atomic<int64_t> destroyed = 0;
    std::atomic<int64_t> made = 0;
    std::atomic<bool> refused[2] = {false, false};
    std::vector<std::thread> posters;
    for (int poster = 0; poster < 2; ++poster) {
      posters.emplace_back([&, poster] {
        for (;;) {
          ++made;
          const std::shared_ptr<void> seen(nullptr, [&](void*) { ++destroyed; });
          if (!mailbox->Post([&, seen] { ++ran; })) break;
          ++taken;
        }
        refused[poster] = true;
      });
    }
    ASSERT_TRUE(Eventually([&] { return ran > 100; }));
    server.server().Shutdown(std::chrono::seconds(10));
    for (std::thread& poster : posters) poster.join();
    EXPECT_TRUE(refused[0] && refused[1]);
    EXPECT_EQ(ran, taken);
    EXPECT_EQ(destroyed, made);
    EXPECT_FALSE(mailbox->Post([] { std::abort(); }));
  }
}

// Lets a test complete what a handler waits for.
struct Desk {
  std::mutex mutex;
  std::vector<Completer<std::string>> completers;
  std::atomic<int> answered = 0;
  std::atomic<int> unanswered = 0;
  size_t count() {
    const std::lock_guard lock(mutex);
    return completers.size();
  }
  void Add(Completer<std::string> completer) {
    const std::lock_guard lock(mutex);
    completers.push_back(std::move(completer));
  }
};

// Echoes what the completer gives; "inline" gives it itself.
Handlers Completing(Desk& desk) {
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    Completion<std::string> answer;
    if (call.request().mode() == "inline") {
      const auto completer = answer.completer();
      if (!completer("first") || completer("second")) std::abort();
    } else {
      desk.Add(answer.completer());
    }
    const Result<std::string> text = co_await answer;
    if (!text.ok()) {
      ++desk.unanswered;
      co_return call.EndStatus();
    }
    ++desk.answered;
    call.response().set_text(text.value());
    co_return grpc::Status::OK;
  };
  return handlers;
}

TEST(CompletionTest, InlineBeforeTheWait) {
  Desk desk;
  EchoServer server(Completing(desk));
  grpc::ClientContext context;
  EchoRequest request;
  EchoResponse response;
  request.set_mode("inline");
  EXPECT_TRUE(server.Connect()->Echo(&context, request, &response).ok());
  EXPECT_EQ(response.text(), "first");
}

TEST(CompletionTest, FromAnotherThreadBeforeOrAfterTheWaitBegan) {
  Desk desk;
  EchoServer server(Completing(desk));
  const auto stub = server.Connect();
  for (size_t i = 1; i <= 200; ++i) {
    std::thread completing([&] {
      ASSERT_TRUE(Eventually([&] { return desk.count() == i; }));
      if (i % 2 == 0) {
        // What the queue runs after this post was posted after the handler suspended.
        std::latch suspended(1);
        server.server().mailbox(0)->Post([&] { suspended.count_down(); });
        suspended.wait();
      }
      const Completer<std::string> completer = desk.completers.back();
      EXPECT_TRUE(completer(std::to_string(i)));
      EXPECT_FALSE(completer("again"));
    });
    grpc::ClientContext context;
    EchoResponse response;
    EXPECT_TRUE(stub->Echo(&context, {}, &response).ok());
    EXPECT_EQ(response.text(), std::to_string(i));
    completing.join();
  }
  EXPECT_EQ(desk.unanswered, 0);
}

TEST(CompletionTest, AfterTheCallAndAfterTheServer) {
  Desk desk;
  {
    EchoServer server(Completing(desk));
    const auto stub = server.Connect();
    for (int i = 1; i <= 2; ++i) {
      grpc::ClientContext context;
      EchoResponse response;
      std::thread cancelling([&] {
        ASSERT_TRUE(Eventually([&] { return desk.count() == static_cast<size_t>(i); }));
        context.TryCancel();
      });
      EXPECT_EQ(stub->Echo(&context, {}, &response).error_code(), grpc::StatusCode::CANCELLED);
      cancelling.join();
      ASSERT_TRUE(Eventually([&] { return server.Idle() && desk.unanswered == i; }));
    }
    EXPECT_TRUE(desk.completers[0]("too late"));
    EXPECT_FALSE(desk.completers[0]("later still"));
  }
  EXPECT_TRUE(desk.completers[1]("after the server"));
}

// The value and the cancellation come at the same time; each call ends once, one way or the other.
TEST(CompletionTest, RacesWithACancellation) {
  Desk desk;
  EchoServer server(Completing(desk));
  const auto stub = server.Connect();
  for (size_t i = 1; i <= 300; ++i) {
    grpc::ClientContext context;
    EchoResponse response;
    std::latch go(2);
    std::thread completing([&] {
      ASSERT_TRUE(Eventually([&] { return desk.count() == i; }));
      go.arrive_and_wait();
      desk.completers.back()("in time");
    });
    std::thread cancelling([&] {
      go.arrive_and_wait();
      context.TryCancel();
    });
    const grpc::Status status = stub->Echo(&context, {}, &response);
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::CANCELLED);
    completing.join();
    cancelling.join();
    ASSERT_TRUE(Eventually([&] { return server.Idle(); }));
  }
  EXPECT_EQ(desk.answered + desk.unanswered, 300);
}

TEST(SignalTest, CoalescesAndLosesNothing) {
  // Producers raise a number and notify; the handler sends the number whenever it was told. The last number
  // sent is the last number, and no number comes twice.
  constexpr int64_t kNumbers = 100'000;
  std::atomic<int64_t> number = 0;
  std::vector<std::thread> producers;
  Handlers handlers;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    Signal news;
    for (int i = 0; i < 2; ++i) {
      producers.emplace_back([&number, notify = news.notifier()] {
        for (int64_t n = 0; n < kNumbers / 2; ++n) {
          ++number;
          notify();
        }
      });
    }
    EchoResponse response;
    int64_t sent = 0;
    while (sent < kNumbers) {
      const Wake wake = co_await news.Wait();
      if (wake != Wake::kDone) co_return call.EndStatus();
      if (number == sent) continue;
      sent = number;
      response.set_number(sent);
      const bool ok = co_await call.Write(response);
      if (!ok) co_return call.EndStatus();
    }
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  const auto stub = server.Connect();
  const auto stream = stub->Repeat(&context, {});
  EchoResponse response;
  int64_t last = 0;
  while (stream->Read(&response)) {
    EXPECT_GT(response.number(), last);
    last = response.number();
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(last, kNumbers);
  for (std::thread& producer : producers) producer.join();
}

TEST(SignalTest, NotifiedBeforeTheWaitAndPastItsDeadlineAndAfterItsEnd) {
  std::optional<Notifier> kept;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    Signal news;
    kept = news.notifier();
    news.Notify();
    news.Notify();
    const Wake first = co_await news.WaitFor(std::chrono::hours(1));
    const Wake second = co_await news.WaitFor(std::chrono::milliseconds(2));
    const Wake third = co_await news.WaitFor(std::chrono::milliseconds(-5));
    news.Notify();
    const Wake fourth = co_await news.WaitUntil(Signal::Clock::time_point::min());
    for (const Wake wake : {first, second, third, fourth})
      call.response().mutable_text()->append(wake == Wake::kDone ? "done " : "timeout ");
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_TRUE(server.Connect()->Echo(&context, {}, &response).ok());
  EXPECT_EQ(response.text(), "done timeout timeout done ");
  ASSERT_TRUE(Eventually([&] { return server.Idle(); }));
  (*kept)();
  server.Destroy();
  (*kept)();
}

TEST(SignalTest, ManyTimedWaitsThatAreNotifiedFirst) {
  std::thread notifying;
  std::atomic<bool> stop = false;
  Handlers handlers;
  handlers.echo = [&](EchoCall& call) -> Handled {
    Signal news;
    notifying = std::thread([&stop, notify = news.notifier()] {
      while (!stop) notify();
    });
    int done = 0;
    while (done < 2000) {
      const Wake wake = co_await news.WaitFor(std::chrono::milliseconds(1 + done % 3));
      if (wake == Wake::kDone) ++done;
      if (wake == Wake::kCancelled) break;
    }
    stop = true;
    co_return done == 2000 ? grpc::Status::OK : call.EndStatus();
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_TRUE(server.Connect()->Echo(&context, {}, &response).ok());
  notifying.join();
}

// Two handlers of one queue talk to each other without leaving its thread.
TEST(SignalTest, BetweenTwoCallsOfOneQueue) {
  std::optional<Notifier> notify;
  std::atomic<bool> waiting = false;
  Handlers handlers;
  handlers.repeat = [&](RepeatCall& call) -> Handled {
    Signal news;
    notify = news.notifier();
    waiting = true;
    const Wake wake = co_await news.Wait();
    co_return wake == Wake::kDone ? grpc::Status::OK : call.EndStatus();
  };
  handlers.echo = [&](EchoCall&) -> Handled {
    (*notify)();
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  grpc::ClientContext context;
  const auto stream = stub->Repeat(&context, {});
  ASSERT_TRUE(Eventually([&] { return waiting.load(); }));
  grpc::ClientContext other;
  EchoResponse response;
  EXPECT_TRUE(stub->Echo(&other, {}, &response).ok());
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace covey::edge
