// What becomes of the rest of a tree: nothing of it may run when OnGone is called.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/process/proc_fs.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

using Kind = ProcessResult::Kind;

// Looks from within OnGone, before anything else can happen.
class LooksAtTheEnd : public Recorder {
 public:
  explicit LooksAtTheEnd(std::string text) : text_(std::move(text)) {}
  void OnGone(const ProcessResult& result) override {
    EXPECT_EQ(Running(text_), std::vector<pid_t>());
    Recorder::OnGone(result);
  }

 private:
  const std::string text_;
};

class TreeTest : public SupervisorTest {
 protected:
  // Ends a root that has left `script` behind; `NAP` in it becomes a sleep of its own.
  void ExpectNothingLeft(std::string script) {
    SCOPED_TRACE(script);
    const std::string nap = UniqueSleep();
    for (size_t at; (at = script.find("NAP")) != std::string::npos;) script.replace(at, 3, "sleep " + nap);
    auto process = std::make_shared<LooksAtTheEnd>(nap);
    supervisor_->Start(Shell(script + "\nexit 3"), "test-token-" + nap, process);
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->result().kind, Kind::kExited);
    EXPECT_EQ(process->result().code, 3);
    EXPECT_GE(process->result().leftovers_killed, 1u);
    EXPECT_FALSE(process->result().forced);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "killed", "gone"}));
  }

  // Stops a tree whose grandchild has said that it is up.
  void ExpectStopTakesAll(std::string script, void (ProcessSupervisor::*how)(ProcessId)) {
    SCOPED_TRACE(script);
    const std::string nap = UniqueSleep();
    for (size_t at; (at = script.find("NAP")) != std::string::npos;) {
      script.replace(at, 3, "echo up; exec sleep " + nap);
    }
    auto spec = Shell(script);
    spec->grace = std::chrono::milliseconds(20);
    auto process = std::make_shared<LooksAtTheEnd>(nap);
    const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
    ASSERT_TRUE(process->WaitOutput("up"));
    (supervisor_.get()->*how)(id);
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->events().back(), "gone");
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, TreeTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

TEST_P(TreeTest, ARootThatEndsLeavesNothingBehind) {
  ExpectNothingLeft("NAP &");
  ExpectNothingLeft("setsid NAP &");
  ExpectNothingLeft("nohup NAP >/dev/null 2>&1 &");
  ExpectNothingLeft("(setsid sh -c 'NAP & exit' &)");
  ExpectNothingLeft("setsid sh -c 'setsid NAP >/dev/null 2>&1 </dev/null &' >/dev/null 2>&1 </dev/null &");
  ExpectNothingLeft("for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'NAP & NAP & wait' & done");
  ExpectNothingLeft("trap '' TERM HUP INT QUIT; (trap '' TERM; NAP) & setsid sh -c 'trap \"\" TERM; NAP' &");
}

TEST_P(TreeTest, AStoppedRootTakesItsTreeWithIt) {
  for (const auto how : {&ProcessSupervisor::Stop, &ProcessSupervisor::Kill}) {
    ExpectStopTakesAll("setsid sh -c 'NAP' & wait", how);
    ExpectStopTakesAll("trap '' TERM; setsid sh -c 'NAP' & wait; while :; do sleep 0.01; done", how);
    ExpectStopTakesAll("(setsid sh -c '(NAP) &' &); while :; do sleep 0.01; done", how);
    ExpectStopTakesAll("setsid env -i sh -c 'NAP' & wait", how);
  }
}

// A member that uses the grace, and says so on stdout.
std::string SlowToEnd(const std::string& nap) {
  return "trap 'echo told; sleep 0.2; echo flushed; exit 0' TERM; echo up; while :; do sleep 0.01; done # " +
         nap;
}

TEST_P(TreeTest, TheGraceIsTheTreesNotTheRoots) {
  for (const std::string start : {"sh -c \"$M\" & exec sleep 100", "setsid sh -c \"$M\" & exec sleep 100",
                                  "(setsid env -i PATH=\"$PATH\" sh -c \"$M\" &) & exec sleep 100",
                                  "(setsid sh -c \"$M\" &) & exec sleep 100", "sh -c \"$M\"; true",
                                  "setsid sh -c 'sh -c \"$M\"; true'; true"}) {
    SCOPED_TRACE(start);
    const std::string nap = UniqueSleep();
    auto spec = Shell(start);
    spec->env.emplace_back("M", SlowToEnd(nap));
    auto process = std::make_shared<LooksAtTheEnd>(nap);
    const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
    ASSERT_TRUE(process->WaitOutput("up"));
    supervisor_->Stop(id);
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->out(), "up\ntold\nflushed\n");
    EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "gone"}));
    EXPECT_EQ(process->result().leftovers_killed, 0u);
  }
}

TEST_P(TreeTest, WhatIsLeftAfterTheGraceIsKilled) {
  const std::string nap = UniqueSleep();
  auto spec = Shell("setsid sh -c 'trap \"\" TERM; echo up; exec sleep " + nap + "' & exec sleep 100");
  spec->grace = std::chrono::milliseconds(100);
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  const auto before = std::chrono::steady_clock::now();
  supervisor_->Stop(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_GE(std::chrono::steady_clock::now() - before, spec->grace);
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "killed", "gone"}));
  EXPECT_EQ(process->result().code, SIGTERM);
  EXPECT_FALSE(process->result().forced);
  EXPECT_EQ(process->result().leftovers_killed, 1u);
}

TEST_P(TreeTest, KillCutsTheGraceOfWhatIsLeftShort) {
  const std::string nap = UniqueSleep();
  auto spec = Shell("setsid sh -c 'trap \"\" TERM; echo up; exec sleep " + nap + "' & exec sleep 100");
  spec->grace = std::chrono::nanoseconds::max();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(id);
  const auto has_ended = [&process] {
    const auto stat = procfs::ReadStat(process->pid(), nullptr);
    return stat && stat->dead();
  };
  ASSERT_TRUE(Eventually(has_ended));
  EXPECT_EQ(process->gone_calls(), 0);
  supervisor_->Kill(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "killed", "gone"}));
}

TEST_P(TreeTest, ASuspendedMemberInASessionOfItsOwnIsToldToo) {
  const std::string nap = UniqueSleep();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  const ProcessId id = supervisor_->Start(
      Shell("setsid sh -c 'trap \"echo told; exit\" TERM; echo up $$; kill -STOP $$; sleep " + nap +
            "' & trap '' TERM; wait"),
      "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("\n"));
  const pid_t member = std::stoi(process->out().substr(3));
  ASSERT_TRUE(Eventually([member] { return procfs::ReadStat(member, nullptr)->state == 'T'; }));
  supervisor_->Stop(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "up " + std::to_string(member) + "\ntold\n");
  EXPECT_FALSE(process->result().forced);
}

TEST_P(TreeTest, WithoutDescriptorsNothingIsTakenForGone) {
  const std::string nap = UniqueSleep();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd go(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(go);
  supervisor_->Start(Shell("setsid sh -c 'echo up; exec sleep " + nap + "' & read x < " + fifo + "; exit 3"),
                     "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  {
    const NoDescriptors none;
    ASSERT_EQ(::write(go.get(), "\n", 1), 1);
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(process->pid()), &info, WEXITED | WNOWAIT), 0);
    // The loop has been told of it before: it looks at what is left, in vain, and again.
    const auto other = Start(Command({"true"}));
    supervisor_->Stop(last_id_);
    ASSERT_TRUE(other->WaitGone());
  }
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  EXPECT_EQ(process->result().code, 3);
  EXPECT_EQ(process->result().leftovers_killed, 1u);
}

// Without descriptors most of a tree cannot be reached: that is made up for as soon as there are some.
TEST_P(TreeTest, AKillIsRepeatedUntilItHasReachedTheTree) {
  const std::string nap = UniqueSleep();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  const ProcessId id = supervisor_->Start(
      Shell("trap '' TERM; echo up; setsid sleep " + nap + " & while :; do sleep " + nap + "; done"),
      "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  ASSERT_TRUE(Eventually([&nap] { return Running(nap).size() == 3; }));
  {
    const NoDescriptors none;
    supervisor_->Kill(id);
    // To kill the root takes none. ECHILD: it is reaped already.
    siginfo_t info{};
    const int waited = ::waitid(P_PID, static_cast<id_t>(process->pid()), &info, WEXITED | WNOWAIT);
    EXPECT_TRUE(waited == 0 || errno == ECHILD) << strerror(errno);
  }
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "killed", "gone"}));
}

class MoverTest : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0) GTEST_SKIP() << "moving to any cgroup needs root";
    supervisor_.reset();
    ProcessSupervisor::Options options = OptionsFor(GetParam());
    options.become_subreaper = true;
    ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor_));
    const std::string mechanism = supervisor_->mechanism();
    const std::string pool = mechanism.substr(mechanism.find('(') + 1);
    elsewhere_ = pool.substr(0, pool.rfind('/')) + "/cgroup.procs";
  }
  std::string elsewhere_;
};

INSTANTIATE_TEST_SUITE_P(Modes, MoverTest, ::testing::Values(Mode::kCgroup), ModeName);

TEST_P(MoverTest, ARootThatLeavesItsCgroupIsKilled) {
  for (const auto how : {&ProcessSupervisor::Stop, &ProcessSupervisor::Kill}) {
    ExpectStopTakesAll("trap '' TERM; echo $$ >" + elsewhere_ + "; NAP", how);
    ExpectStopTakesAll(
        "trap '' TERM; echo $$ >" + elsewhere_ + "; setsid sh -c 'NAP' & while :; do sleep 0.01; done", how);
  }
}

TEST_P(MoverTest, AMemberThatLeavesItsCgroupIsFound) {
  const std::string leave = "echo $$ >" + elsewhere_ + "; ";
  // By token, by session, by descent from one with the token.
  ExpectNothingLeft("(setsid sh -c '" + leave +
                    "touch $0; NAP' moved-$$ &) ; until [ -e moved-$$ ]; do :; done; rm moved-$$");
  // By being one of ours, and of no other tree.
  ExpectNothingLeft("(setsid env -i sh -c '" + leave +
                    "touch $0; NAP' moved-$$ &) ; until [ -e moved-$$ ]; do :; done; rm moved-$$");
  for (const auto how : {&ProcessSupervisor::Stop, &ProcessSupervisor::Kill}) {
    ExpectStopTakesAll("env -i sh -c '" + leave + "NAP' & wait", how);
    ExpectStopTakesAll("setsid sh -c '" + leave + "NAP' & wait", how);
    ExpectStopTakesAll("setsid env -i sh -c '" + leave + "NAP' & wait", how);
  }
}

TEST_P(MoverTest, AMemberThatHasLeftItsCgroupIsToldToStop) {
  const std::string nap = UniqueSleep();
  auto spec = Shell("setsid sh -c 'echo $$ >" + elsewhere_ + "; eval \"$M\"' & exec sleep 100");
  spec->env.emplace_back("M", SlowToEnd(nap));
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(id);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "up\ntold\nflushed\n");
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "gone"}));
}

TEST_P(TreeTest, ATreeThatForksWithoutEndIsStopped) {
  const std::string nap = UniqueSleep();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  // Each member starts the next one in a session of its own, and ends: there is always one, never the same.
  // Slow enough to leave the machine to others, fast enough to run away from a single look.
  auto spec =
      Shell("F='sleep 0.002; : " + nap + "; setsid sh -c \"$F\" &'; export F; setsid sh -c \"$F\" & " +
            "sleep 0.1; echo up; exec sleep " + nap);
  const ProcessId id = supervisor_->Start(spec, "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Kill(id);
  ASSERT_TRUE(process->WaitGone());
}

TEST_P(TreeTest, APipeHeldByALeftoverDelaysNothing) {
  // The leftovers hold both pipes, and what they wrote before they were killed is read.
  const std::string nap = UniqueSleep();
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  supervisor_->Start(Shell("setsid sh -c 'echo from below; echo also >&2; echo > " + fifo + "; exec sleep " +
                           nap + "' & read x < " + fifo + "; exit 0"),
                     "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "from below\n");
  EXPECT_EQ(process->err(), "also\n");
}

TEST_P(TreeTest, APipeHeldOutsideTheTreeDelaysNothing) {
  // This program takes the write end out of the tree, as a process of another tree could.
  const auto process = Start(Shell("echo up; while :; do sleep 0.01; done"));
  ASSERT_TRUE(process->WaitOutput("up"));
  const std::string path = "/proc/" + std::to_string(process->pid()) + "/fd/1";
  UniqueFd held(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(held);
  supervisor_->Kill(last_id_);
  ASSERT_TRUE(process->WaitGone());
}

TEST_P(TreeTest, OneTreeIsNotTakenForAnother) {
  const std::string mine = UniqueSleep(), theirs = UniqueSleep();
  const auto other = Start(Shell("setsid sh -c 'echo up; exec sleep " + theirs + "' & wait"));
  const ProcessId other_id = last_id_;
  ASSERT_TRUE(other->WaitOutput("up"));
  for (int i = 0; i < 20; ++i) {
    const auto process = Run(Shell("setsid sleep " + mine + " & sleep " + mine + " & exit 0"));
    EXPECT_EQ(process->result().code, 0);
    EXPECT_EQ(Running(mine), std::vector<pid_t>());
    // The shell names it too. (A process that is executing just then seems to have no command line.)
    EXPECT_TRUE(Eventually([&] { return Running(theirs).size() == 2; }));
  }
  supervisor_->Kill(other_id);
  ASSERT_TRUE(other->WaitGone());
  EXPECT_EQ(Running(theirs), std::vector<pid_t>());
}

// Leaves its session and its environment behind, doubly forked, and then lets the root go on.
std::string Shed(const std::string& nap, const std::string& fifo) {
  return "(setsid env -i sh -c 'echo > " + fifo + "; exec sleep " + nap + "' &); read x < " + fifo;
}

TEST_P(TreeTest, WhoShedEverythingGoesWithTheOnlyTreeThatCouldOwnIt) {
  const std::string nap = UniqueSleep();
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  supervisor_->Start(Shell(Shed(nap, fifo)), "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_GE(process->result().leftovers_killed, 1u);
}

TEST_P(TreeTest, WhoShedEverythingGoesWithTheLastTreeThatCouldOwnIt) {
  const std::string nap = UniqueSleep();
  TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto other = Start(Shell("echo up; read x; while :; do sleep 0.01; done"));
  const ProcessId other_id = last_id_;
  ASSERT_TRUE(other->WaitOutput("up"));
  const auto process = Run(Shell(Shed(nap, fifo)));
  EXPECT_EQ(process->result().code, 0);
  EXPECT_EQ(other->gone_calls(), 0);
  // One that started too late to be the owner changes nothing.
  const auto late = Start(Shell("echo up; while :; do sleep 0.01; done"));
  const ProcessId late_id = last_id_;
  ASSERT_TRUE(late->WaitOutput("up"));
  supervisor_->Kill(other_id);
  ASSERT_TRUE(other->WaitGone());
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  EXPECT_EQ(late->gone_calls(), 0);
  supervisor_->Kill(late_id);
  ASSERT_TRUE(late->WaitGone());
}

TEST_P(TreeTest, AnOrphanInTheSessionOfAMemberGoesWithIt) {
  const std::string nap = UniqueSleep();
  TemporaryDirectory directory;
  const std::string shed = directory.path() + "/shed";
  const std::string orphaned = directory.path() + "/orphaned";
  ASSERT_EQ(::mkfifo(shed.c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(orphaned.c_str(), 0600), 0);
  // Another tree that could own it, and lives on.
  const auto other = Start(Shell("echo up; while :; do sleep 0.01; done"));
  const ProcessId other_id = last_id_;
  ASSERT_TRUE(other->WaitOutput("up"));
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  // The member has the token, and a session that its orphan shares; the orphan has nothing else. The root
  // ends when the orphan has shed its environment and lost its parent.
  const std::string orphan = "env -i sh -c \"echo > " + shed + "; exec sleep " + nap + "\"";
  const std::string member =
      "setsid sh -c '(" + orphan + " &); echo > " + orphaned + "; exec sleep " + nap + "'";
  supervisor_->Start(Shell("(" + member + " &); read x < " + shed + "; read x < " + orphaned),
                     "test-token-" + nap, process);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().leftovers_killed, 2u);
  EXPECT_EQ(other->gone_calls(), 0);
  supervisor_->Kill(other_id);
  ASSERT_TRUE(other->WaitGone());
}

TEST_P(TreeTest, OrphansThatEndByThemselvesAreReaped) {
  const std::string nap = UniqueSleep();
  const auto process = Start(Shell("(setsid sh -c 'echo up' &); exec sleep " + nap));
  ASSERT_TRUE(process->WaitOutput("up"));
  EXPECT_TRUE(Eventually(
      [&] { return procfs::ChildrenOf(::getpid(), nullptr) == std::vector<pid_t>{process->pid()}; }));
  supervisor_->Kill(last_id_);
  ASSERT_TRUE(process->WaitGone());
}

TEST_P(TreeTest, ACgroupMadeByATaskGoesWithIt) {
  if (GetParam() != Mode::kCgroup) GTEST_SKIP() << "about cgroups";
  const std::string nap = UniqueSleep();
  // Finds its own cgroup by the pool's path, moves its child one level down, and freezes the whole.
  const std::string pool = supervisor_->mechanism().substr(supervisor_->mechanism().find('(') + 1);
  const std::string path = pool.substr(0, pool.find(')'));
  auto process = std::make_shared<LooksAtTheEnd>(nap);
  supervisor_->Start(
      Shell("me=$(grep -lx $$ " + path + "/*/cgroup.procs); me=${me%/*}; mkdir $me/below; " + "sleep " + nap +
            " & echo $! > $me/below/cgroup.procs; echo 1 > $me/below/cgroup.freeze; "
            "exit 0"),
      "", process);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->err(), "");
  EXPECT_EQ(process->result().leftovers_killed, 1u);
  EXPECT_EQ(Run(Shell("exit 4"))->result().code, 4);
}

}  // namespace
}  // namespace covey::testing
