// What goes wrong around the library: in callbacks, exceptions, threads and forks.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/run/run_caught.h"
#include "covey/run.h"
#include "tests/core/base/gate.h"
#include "tests/core/run/group_testing.h"

namespace covey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Robust, ACallbackThatThrowsEndsNothing) {
  const Context parent = Context::Background().WithCancel();
  const Context::Registration first = parent.OnDone([] { throw std::runtime_error("in a callback"); });
  std::vector<Context> children;
  for (int i = 0; i < 20; ++i) children.push_back(parent.WithCancel());
  bool called = false;
  const Context::Registration last = parent.OnDone([&] { called = true; });
  testing::internal::CaptureStderr();
  EXPECT_TRUE(parent.Cancel());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("in a callback"), std::string::npos);
  for (const Context& child : children) EXPECT_TRUE(child.done());
  EXPECT_TRUE(called);
}

TEST(Robust, ACallbackOfATimeoutHoldsUpNoOther) {
  const Context slow = Context::Background().WithTimeout(milliseconds(1));
  const Context other = Context::Background().WithCancel();
  Gate called;
  const Context::Registration waits = slow.OnDone([&] {
    // Would never return if it stood in the way of the timers.
    EXPECT_TRUE(other.WithTimeout(milliseconds(1)).WaitFor(kTestPatience));
    Group group;
    Gate both(2);
    for (int i = 0; i < 2; ++i) group.Go([&] { both.OpenAndWait(); });
    EXPECT_TRUE(group.Wait().ok()) << "the default pool grows by a timer";
    called.Open();
  });
  called.Wait();
}

TEST(Robust, ATaskThatEndsItsThreadHasFailed) {
  {
    const auto pool = Pool::New({.thread_name = "own"});  // so that no thread that waits is ended
    Group group({.pool = pool});
    const auto held = std::make_shared<int>(1);
    group.Go([held] { ::pthread_exit(nullptr); }, "quits");
    EXPECT_EQ(group.Wait().ToString(), "task quits: panic: the task has ended its thread (pthread_exit)");
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_TRUE(group.Reopen());
    group.Go([] {});
    EXPECT_TRUE(group.Wait().ok()) << "others do its work";
    EXPECT_TRUE(pool->Go(Context::Background(), [] { ::pthread_exit(nullptr); }).ok());
    EXPECT_TRUE(pool->Close().ok());
  }
  Closer closer([] { ::pthread_exit(nullptr); });
  EXPECT_EQ(closer.Close().kind(), FailureKind::kPanic);
}

TEST(Robust, TheLastHandleOfAPoolWaitsForItsTasks) {
  std::atomic<bool> ended = false;
  Gate inside;
  Gate go_on;
  auto pool = Pool::New(2);
  ASSERT_TRUE(pool->Go(Context::Background(), [&] { inside.Open(), go_on.Wait(), ended = true; }).ok());
  inside.Wait();
  std::thread opener([&] { go_on.Open(); });
  pool = nullptr;
  EXPECT_TRUE(ended);
  opener.join();
}

TEST(RobustDeathTest, RefusalsAreThereForDestructorsOfStatics) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct Asks {
    ~Asks() {
      if (ErrClosed().message() != "closed" || ErrDispatchTimeout().ok()) std::abort();
    }
  };
  EXPECT_EXIT(
      {
        static const Asks asks;  // made first, so destroyed last
        static_cast<void>(ErrClosed());
        static_cast<void>(ErrDispatchTimeout());
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Robust, ALongChainOfContextsEndsAndGoes) {
  constexpr int kLong = 300'000;
  const Context first = Context::Background().WithCancel();
  Context last = first;
  for (int i = 0; i < kLong; ++i) last = last.WithCancel();
  EXPECT_TRUE(first.Cancel({.message = "all of it"}));
  EXPECT_EQ(last.cause().message(), "all of it");
  last = Context::Background();
  Context other = Context::Background().WithCancel();
  for (int i = 0; i < kLong; ++i) other = other.WithCancel();
}

TEST(Robust, AMaxThatIsTooLargeIsTheLargest) {
  EXPECT_EQ(Pool::New(100'000)->stats().max, Pool::kMaxSlots);
  const auto pool = Pool::New(1);
  pool->SetMax(UINT32_MAX);
  EXPECT_EQ(pool->stats().max, Pool::kMaxSlots);
}

struct Mute final : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

void CleanUp(_Unwind_Reason_Code, _Unwind_Exception* exception) { delete exception; }

TEST(Robust, ExceptionsOfEveryKindAreToldAsFarAsTheyCan) {
  EXPECT_EQ(RunCaught([]() -> Status { throw Mute(); }).message(), "covey::(anonymous namespace)::Mute");
  EXPECT_EQ(RunCaught([]() -> Status {
              // As another language throws.
              auto* const exception = new _Unwind_Exception();
              exception->exception_class = 0x4d4f5a0052555354;  // Rust's
              exception->exception_cleanup = &CleanUp;
              _Unwind_RaiseException(exception);
              return Status::Ok();
            }).message(),
            "an exception of another language");
  const Status nested = RunCaught([]() -> Status {
    try {
      throw std::out_of_range("7 of 5");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("no row"));
    }
  });
  EXPECT_NE(nested.message().find(": no row; caused by std::out_of_range: 7 of 5"), std::string::npos)
      << nested.message();
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::bad_alloc(); }
  void operator()() const {}
};

TEST(Robust, WhatThrowsOnTheWayIntoAGroupLeavesNothingBehind) {
  const auto pool = Pool::New(1);
  Group group({.pool = pool});
  const ThrowsWhenCopied task;
  EXPECT_THROW(group.Go(task), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(pool->Go(Context::Background(), task)), std::bad_alloc);
  group.Go([] {});
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(group.counts().started, 1u);
}

TEST(Robust, ThreadsOfAPoolHaveTheProgramsMaskAndNiceness) {
  sigset_t mask;
  int niceness = -1;
  const auto pool = Pool::New({.thread_name = "own"});
  std::thread submitter([&] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 5);
    Group group({.pool = pool});
    group.Go([&] {
      ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
      niceness = ::getpriority(PRIO_PROCESS, 0);
    });
    EXPECT_TRUE(group.Wait().ok());
  });
  submitter.join();
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGHUP})
    EXPECT_EQ(::sigismember(&mask, signal), 1) << signal;
  for (const int signal : {SIGSEGV, SIGABRT, SIGPROF}) EXPECT_EQ(::sigismember(&mask, signal), 0) << signal;
  if (::geteuid() == 0) {
    EXPECT_EQ(niceness, ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid())));
  }
}

#if !defined(__SANITIZE_THREAD__)  // which knows of no threads in a forked child
TEST(Robust, AForkedChildHasADefaultPoolOfItsOwn) {
  Group before;
  before.Go([] {});
  EXPECT_TRUE(before.Wait().ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(static_cast<unsigned>(kTestPatience.count()));
    Group group({.timeout = seconds(20)});
    Gate both(2);
    for (int i = 0; i < 2; ++i) group.Go([&] { both.OpenAndWait(); });
    ::_exit(group.Wait().ok() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}
#endif

TEST(Robust, ForEverIsForEver) {
  const Context context = Context::Background().WithTimeout(seconds::max());
  EXPECT_FALSE(context.done());
  EXPECT_FALSE(Context::Background().WithTimeout(std::chrono::hours::max()).done());
  Group group({.timeout = seconds::max()});
  group.Go([](const Context& own) { EXPECT_FALSE(own.done()); });
  EXPECT_TRUE(group.Wait().ok());
}

TEST(Robust, ACloserUnderAParentThatIsOverSaysSo) {
  const Context parent = Context::Background().WithCancel();
  parent.Cancel({.kind = FailureKind::kCancelled, .message = "the parent"});
  Closer closer([] {}, Closer::Options{.context = parent});
  EXPECT_EQ(closer.Close().message(), "the parent");
}

void NamedInLogs() {}

TEST(Robust, APlainFunctionHasAName) {
  std::string name;
  {
    Group group({.log = [&](const LogInfo& info) { name = info.runner; }});
    group.Go(&NamedInLogs);
    EXPECT_TRUE(group.Wait().ok());
  }
  EXPECT_TRUE(name.find("NamedInLogs") != std::string::npos || name.find("+0x") != std::string::npos) << name;
}

TEST(Context, CarriesValuesByTheirType) {
  struct User {
    std::string name;
  };
  struct Trace {
    int id;
  };
  const Context context =
      Context::Background().WithValue(User{"ada"}).WithTimeout(seconds(10)).WithValue(Trace{7});
  ASSERT_NE(context.Value<User>(), nullptr);
  EXPECT_EQ(context.Value<User>()->name, "ada");
  EXPECT_EQ(context.Value<Trace>()->id, 7);
  EXPECT_EQ(context.Value<int>(), nullptr);
  EXPECT_EQ(context.WithValue(Trace{8}).Value<Trace>()->id, 8);
}

TEST(Context, ADeadlineMoves) {
  const auto timers = TimerQueue::Manual();
  const Context parent = Context::Background().WithTimeout(seconds(100), timers);
  const Context context = parent.WithTimeout(seconds(10));
  EXPECT_TRUE(context.MoveDeadline(timers->Now() + seconds(20)));
  timers->AdvanceBy(seconds(15));
  EXPECT_FALSE(context.done());
  EXPECT_EQ(context.remaining(), seconds(5));
  EXPECT_TRUE(context.MoveDeadline(timers->Now() + seconds(1000)));
  EXPECT_EQ(context.remaining(), seconds(85)) << "not past its parent's";
  EXPECT_TRUE(context.MoveDeadline(timers->Now() + seconds(1)));
  timers->AdvanceBy(seconds(1));
  EXPECT_EQ(context.cause().kind(), FailureKind::kTimeout);
  EXPECT_FALSE(context.MoveDeadline(timers->Now() + seconds(1)));
  EXPECT_FALSE(parent.WithCancel().MoveDeadline(timers->Now())) << "it has none of its own";
}

TEST(RobustDeathTest, SignalsEndAContextAndTheSecondTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Context context = SignalContext({SIGINT, SIGTERM});
        ::kill(::getpid(), SIGTERM);
        context.Wait();
        if (context.cause().message() != "SIGTERM" || context.cause().failure().code != SIGTERM) std::exit(1);
        ::kill(::getpid(), SIGINT);
        Gate().Wait();
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST(Queue, EndsWithTheContextOrWhenItIsClosed) {
  Queue<std::unique_ptr<int>> queue(2);
  const Context context = Context::Background().WithCancel();
  EXPECT_TRUE(queue.Push(context, std::make_unique<int>(1)));
  EXPECT_TRUE(queue.Push(context, std::make_unique<int>(2)));
  Gate ended;
  std::thread full([&] {
    EXPECT_FALSE(queue.Push(context, std::make_unique<int>(3)));
    ended.Open();
  });
  context.Cancel();
  ended.Wait();
  full.join();
  EXPECT_EQ(**queue.Pop(Context::Background()), 1);
  queue.Close();
  EXPECT_FALSE(queue.Push(Context::Background(), nullptr));
  EXPECT_EQ(**queue.Pop(Context::Background()), 2) << "what is there can be taken, also after the end";
  EXPECT_EQ(queue.Pop(Context::Background()), std::nullopt);
}

TEST(Collect, GivesTheValuesInTheOrderOfTheRange) {
  const std::vector<int> numbers = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::atomic<int> running = 0;
  const auto squares = Collect(
      numbers,
      [&](int n) {
        EXPECT_LE(++running, 3);
        const int square = n * n;
        --running;
        return square;
      },
      3);
  ASSERT_TRUE(squares.ok());
  EXPECT_EQ(*squares, (std::vector<int>{1, 4, 9, 16, 25, 36, 49, 64, 81}));
  const auto failed = Collect(numbers, [](int n, const Context&) -> Result<std::string> {
    if (n == 5) return Error{.code = ErrorCode::kNotFound, .message = "no five"};
    return std::to_string(n);
  });
  EXPECT_EQ(failed.status.message(), "no five");
}

TEST(Collect, ForEachChangesWhatTheRangeHas) {
  std::vector<std::string> words = {"a", "b"};
  EXPECT_TRUE(ForEach(words, [](std::string& word) { word += "!"; }).ok());
  EXPECT_EQ(words[0] + words[1], "a!b!");
  EXPECT_EQ(ForEach(
                words, [](const std::string& word) { return Status::Error(word); }, 1)
                .message(),
            "a!");
}

TEST(Collect, AnyIsTheFirstThatSucceedsAndRaceTheFirstThatEnds) {
  const auto any = Any([] { return Result<int>(Error{.message = "down"}); },
                       [](const Context& context) {
                         context.Wait();
                         return Result<int>(Error{.message = "stopped"});
                       },
                       [] { return Result<int>(3); });
  ASSERT_TRUE(any.ok());
  EXPECT_EQ(*any, 3);
  EXPECT_EQ(Any([]() -> Result<int> { return Error{.message = "down"}; }).status.message(), "down");
  EXPECT_EQ(
      Race([](const Context& context) { context.Wait(); }, [] { return Status::Error("quick"); }).message(),
      "quick");
  EXPECT_TRUE(Race([] {}, [](const Context& context) { return context.Wait(), Status::Error("late"); }).ok());
}

}  // namespace
}  // namespace covey
