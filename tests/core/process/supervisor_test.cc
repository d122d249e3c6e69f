#include "core/process/supervisor.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "core/process/proc_fs.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

using Kind = ProcessResult::Kind;

INSTANTIATE_TEST_SUITE_P(Modes, SupervisorTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

TEST_P(SupervisorTest, TellsTheExitCode) {
  for (const int code : {0, 1, 7, 255}) {
    const auto process = Run(Shell("exit " + std::to_string(code)));
    EXPECT_EQ(process->result().kind, Kind::kExited);
    EXPECT_EQ(process->result().code, code);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "gone"}));
    EXPECT_FALSE(process->result().forced);
    EXPECT_EQ(process->result().leftovers_killed, 0u);
  }
}

TEST_P(SupervisorTest, TellsTheSignal) {
  const auto process = Run(Shell("kill -USR1 $$"));
  EXPECT_EQ(process->result().kind, Kind::kSignalled);
  EXPECT_EQ(process->result().code, SIGUSR1);
}

TEST_P(SupervisorTest, TellsTheSignalThatDumpedCore) {
  rlimit core{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &core), 0);
  if (core.rlim_max != RLIM_INFINITY) GTEST_SKIP() << "this program may dump no core of any size";
  TemporaryDirectory directory;
  auto spec = Shell("kill -ABRT $$");
  spec->working_dir = directory.path();  // a usual place for the core, though the kernel decides
  spec->limits.core_size = uint64_t{1} << 30;
  const auto process = Run(spec);
  EXPECT_EQ(process->result().kind, Kind::kSignalled);
  EXPECT_EQ(process->result().code, SIGABRT);
}

TEST_P(SupervisorTest, KeepsTheStreamsApartAndTheTailOfStderr) {
  const auto process = Run(Shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(process->out(), "out\n");
  EXPECT_EQ(process->err(), "err\n");
  EXPECT_EQ(process->result().stderr_tail, "err\n");
}

TEST_P(SupervisorTest, TheTailIsTheLastFourKibibytes) {
  const auto process = Run(Shell("head -c 100000 /dev/zero | tr '\\0' a >&2; printf end >&2"));
  EXPECT_EQ(process->err().size(), 100003u);
  EXPECT_EQ(process->result().stderr_tail, std::string(4093, 'a') + "end");
}

TEST_P(SupervisorTest, TheTailIsTheEndOfWhatIsReadAtOnce) {
  std::string text;
  for (int i = 0; text.size() < 20000; ++i) text += std::to_string(i) + "\n";
  // One write of all of it: into an empty pipe, so that one read takes it.
  auto spec = Shell("dd bs=1M iflag=fullblock status=none >&2");
  spec->stdin_bytes = text;
  const auto process = Run(spec);
  EXPECT_TRUE(process->err() == text);
  EXPECT_TRUE(process->result().stderr_tail == text.substr(text.size() - 4096));
}

TEST_P(SupervisorTest, ReadsBigOutputOfBothStreams) {
  // Each stream counts up by itself, so that a byte lost, doubled or swapped would show.
  const auto process = Run(Shell("seq 1 200000 & seq 1 200000 >&2; wait"));
  std::string expected;
  for (int i = 1; i <= 200000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(process->out() == expected);
  EXPECT_TRUE(process->err() == expected);
}

TEST_P(SupervisorTest, FeedsStdin) {
  std::string bytes(5 * 1024 * 1024 + 13, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{65537}, bytes.size()}) {
    auto spec = Command({"cat"});
    spec->stdin_bytes = bytes.substr(0, size);
    const auto process = Run(spec);
    EXPECT_EQ(process->result().code, 0);
    EXPECT_TRUE(process->out() == spec->stdin_bytes) << size;
  }
}

TEST_P(SupervisorTest, StdinNeedNotBeRead) {
  auto spec = Shell("exec <&-; echo done");
  spec->stdin_bytes.assign(5 * 1024 * 1024, 'x');
  const auto process = Run(spec);
  EXPECT_EQ(process->result().code, 0);
  EXPECT_EQ(process->out(), "done\n");
}

TEST_P(SupervisorTest, WithoutBytesStdinIsTheNullDevice) {
  EXPECT_EQ(Run(Shell("readlink /proc/self/fd/0"))->out(), "/dev/null\n");
}

TEST_P(SupervisorTest, NotFoundIs127) {
  for (const char* program : {"no-such-program", "/no/such/program", ""}) {
    const auto process = Run(Command({program}));
    EXPECT_EQ(process->result().kind, Kind::kStartFailed);
    EXPECT_EQ(process->result().code, 127);
    EXPECT_NE(process->result().message.find("'" + std::string(program) + "'"), std::string::npos);
    EXPECT_NE(process->result().message.find("No such file or directory"), std::string::npos);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"gone"}));
  }
}

TEST_P(SupervisorTest, NotExecutableIs126) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/text";
  std::ofstream(path) << "no program\n";
  ::chmod(path.c_str(), 0644);
  auto process = Run(Command({path}));
  EXPECT_EQ(process->result().kind, Kind::kStartFailed);
  EXPECT_EQ(process->result().code, 126);
  EXPECT_NE(process->result().message.find("Permission denied"), std::string::npos);

  ::chmod(path.c_str(), 0755);
  process = Run(Command({path}));
  EXPECT_EQ(process->result().code, 126);
  EXPECT_NE(process->result().message.find("Exec format error"), std::string::npos);

  process = Run(Command({"/tmp"}));
  EXPECT_EQ(process->result().code, 126);
}

TEST_P(SupervisorTest, AMissingInterpreterIsNamed) {
  TemporaryDirectory directory;
  const auto script = [&](const std::string& name, const std::string& text) {
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0755);
    return path;
  };
  const auto expect = [&](std::shared_ptr<ProcessSpec> spec, const std::string& interpreter,
                          const std::string& why) {
    const auto process = Run(spec);
    EXPECT_EQ(process->result().kind, Kind::kStartFailed);
    EXPECT_EQ(process->result().code, 126);
    EXPECT_EQ(process->result().message,
              "cannot start '" + spec->argv[0] + "': its interpreter '" + interpreter + "': " + why);
  };
  const std::string none = "No such file or directory";
  const std::string bad = script("bad", "#!/bin/bash42\n");
  expect(Command({bad}), "/bin/bash42", none);
  expect(Command({script("spaces", "#! \t/bin/bash42 -x y\n")}), "/bin/bash42", none);
  expect(Command({script("twice", "#!" + bad + "\n")}), "/bin/bash42", none);
  expect(Command({script("dos", "#!/bin/sh\r\n")}), "/bin/sh\r", none);
  const std::string text = script("text", "no program\n");
  ::chmod(text.c_str(), 0644);
  expect(Command({script("forbidden", "#!" + text + "\n")}), text, "Permission denied");
  // Found on the way of PATH, and from the working directory.
  auto spec = Command({"bad"});
  spec->env = {{"PATH", "/no/such:" + directory.path()}};
  expect(spec, "/bin/bash42", none);
  spec = Command({"./bad"});
  spec->working_dir = directory.path();
  expect(spec, "/bin/bash42", none);
  // A program whose loader is missing.
  std::ifstream shell("/bin/sh", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(shell)), std::istreambuf_iterator<char>());
  const size_t loader = bytes.find("/lib64/ld-linux");
  if (loader == std::string::npos) GTEST_SKIP() << "another loader, or none";
  bytes[loader + 1] = 'x';
  const std::string named = bytes.c_str() + loader;
  expect(Command({script("elf", bytes)}), named, none);
}

TEST_P(SupervisorTest, SearchesThePathOfTheEnvironment) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/mine";
  std::ofstream(path) << "#!/bin/sh\necho mine\n";
  ::chmod(path.c_str(), 0755);
  auto spec = Command({"mine"});
  EXPECT_EQ(Run(spec)->result().code, 127);
  spec = Command({"mine"});
  spec->env = {{"PATH", "/no/such:" + directory.path()}};
  EXPECT_EQ(Run(spec)->out(), "mine\n");
  // Without PATH there is a usual one, and an empty entry is the working directory.
  spec = Command({"true"});
  spec->env.clear();
  EXPECT_EQ(Run(spec)->result().code, 0);
  spec = Command({"mine"});
  spec->env = {{"PATH", "/no/such:"}};
  spec->working_dir = directory.path();
  EXPECT_EQ(Run(spec)->out(), "mine\n");
  spec = Command({"./mine"});
  spec->working_dir = directory.path();
  EXPECT_EQ(Run(spec)->out(), "mine\n");
}

TEST_P(SupervisorTest, AFoundButForbiddenProgramIs126AlsoInThePath) {
  TemporaryDirectory directory;
  std::ofstream(directory.path() + "/mine") << "x";
  auto spec = Command({"mine"});
  spec->env = {{"PATH", directory.path() + ":/usr/bin"}};
  EXPECT_EQ(Run(spec)->result().code, 126);
}

TEST_P(SupervisorTest, EntersTheWorkingDirectory) {
  auto spec = Command({"pwd"});
  spec->working_dir = "/usr/bin";
  EXPECT_EQ(Run(spec)->out(), "/usr/bin\n");
  spec = Command({"pwd"});
  spec->working_dir = "/no/such/directory";
  const auto process = Run(spec);
  EXPECT_EQ(process->result().kind, Kind::kStartFailed);
  EXPECT_EQ(process->result().code, 126);
  EXPECT_NE(process->result().message.find("'/no/such/directory'"), std::string::npos);
}

TEST_P(SupervisorTest, TheEnvironmentIsWhatWasGivenAndTheToken) {
  auto spec = Command({"/usr/bin/env"});
  spec->env = {{"A", "1"}, {"COVEY_TASK", "a lie"}, {"B", "x=y z"}, {"EMPTY", ""}};
  const auto process = Run(spec);
  EXPECT_EQ(process->out(), "A=1\nB=x=y z\nEMPTY=\nCOVEY_TASK=" + last_token_ + "\n");
}

TEST_P(SupervisorTest, StartsWithCleanSignalsDescriptorsAndItsOwnSession) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const auto signals = Run(Command({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
  ::sigaction(SIGPIPE, &before, nullptr);
  EXPECT_EQ(signals->out(), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");

  // The fourth is the directory that ls reads.
  EXPECT_EQ(Run(Command({"ls", "/proc/self/fd"}))->out(), "0\n1\n2\n3\n");

  auto spec = Command({"cat"});
  const auto process = Start(Shell("echo up; exec sleep " + UniqueSleep()));
  ASSERT_TRUE(process->WaitOutput("up"));
  const auto stat = procfs::ReadStat(process->pid(), nullptr);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->session, process->pid());
  supervisor_->Kill(last_id_);
  ASSERT_TRUE(process->WaitGone());
}

TEST_P(SupervisorTest, WhatTheKernelRefusesIsAStartFailure) {
  const auto huge = Run(Command({"true", std::string(4 * 1024 * 1024, 'x')}));
  EXPECT_EQ(huge->result().kind, Kind::kStartFailed);
  EXPECT_EQ(huge->result().code, 126);
  EXPECT_NE(huge->result().message.find("Argument list too long"), std::string::npos);
  EXPECT_EQ(Run(Command({}))->result().kind, Kind::kStartFailed);
  EXPECT_EQ(Run(Command({"true", std::string("a\0b", 3)}))->result().kind, Kind::kStartFailed);
  auto spec = Command({"true"});
  spec->env.emplace_back("A", std::string("a\0b", 3));
  EXPECT_EQ(Run(spec)->result().kind, Kind::kStartFailed);
  EXPECT_EQ(Run(Command({"true"}))->result().code, 0);
}

TEST_P(SupervisorTest, TellsWhatTheProcessUsed) {
  const auto process = Run(Shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"));
  EXPECT_GT(process->result().user_time + process->result().system_time, std::chrono::microseconds(0));
  EXPECT_GT(process->result().max_resident_kib, 0);
}

TEST_P(SupervisorTest, StopSendsTheSignalAndTheProcessMayEndByItself) {
  const auto process = Start(Shell("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done"));
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().kind, Kind::kExited);
  EXPECT_EQ(process->result().code, 5);
  EXPECT_TRUE(process->result().stopped);
  EXPECT_FALSE(process->result().forced);
  EXPECT_EQ(process->out(), "up\nbye\n");
  ASSERT_GE(process->events().size(), 3u);
  EXPECT_EQ(process->events()[1], "stop 15");
  supervisor_->Stop(last_id_);
}

TEST_P(SupervisorTest, TheStopSignalIsTheOneAskedFor) {
  auto spec = Shell("trap 'exit 6' INT; echo up; while :; do sleep 0.01; done");
  spec->stop_signal = SIGINT;
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, 6);
  EXPECT_EQ(process->events()[1], "stop 2");
}

TEST_P(SupervisorTest, TheStopSignalReachesTheForegroundChildOfAShell) {
  const auto process = Start(Shell("echo up; sleep " + UniqueSleep() + "; echo never"));
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_FALSE(process->result().forced);
  EXPECT_EQ(process->result().code, SIGTERM);
}

TEST_P(SupervisorTest, TheStopSignalReachesTheBackgroundChildOfAShell) {
  // The root does not end before its child, which ends by the signal alone.
  const auto process = Start(
      Shell("trap : TERM; sh -c 'trap \"echo child; exit 0\" TERM; echo up; while :; do sleep 0.01; done' & "
            "wait; wait; exit 4"));
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "up\nchild\n");
  EXPECT_EQ(process->result().kind, Kind::kExited);
  EXPECT_EQ(process->result().code, 4);
  EXPECT_FALSE(process->result().forced);
}

TEST_P(SupervisorTest, ASuspendedProcessIsStoppedToo) {
  const auto process = Start(Shell("echo up; kill -STOP $$; exit 1"));
  ASSERT_TRUE(process->WaitOutput("up"));
  ASSERT_TRUE(Eventually([&] { return procfs::ReadStat(process->pid(), nullptr)->state == 'T'; }));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, SIGTERM);
  EXPECT_FALSE(process->result().forced);
}

TEST_P(SupervisorTest, WhoIgnoresTheStopSignalIsKilledAfterTheGrace) {
  auto spec = Shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
  spec->grace = std::chrono::milliseconds(50);
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  const auto before = std::chrono::steady_clock::now();
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_GE(std::chrono::steady_clock::now() - before, spec->grace);
  EXPECT_EQ(process->result().kind, Kind::kSignalled);
  EXPECT_EQ(process->result().code, SIGKILL);
  EXPECT_TRUE(process->result().forced);
  EXPECT_EQ(process->result().leftovers_killed, 0u);
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "killed", "gone"}));
}

TEST_P(SupervisorTest, WithoutGraceItIsKilledAtOnce) {
  auto spec = Shell("trap 'echo trapped' TERM; echo up; while :; do sleep 0.01; done");
  spec->grace = std::chrono::nanoseconds(0);
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->out(), "up\n");
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "killed", "gone"}));
}

TEST_P(SupervisorTest, KillCutsTheGraceShort) {
  auto spec = Shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
  spec->grace = std::chrono::nanoseconds::max();
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitStopDelivered());
  supervisor_->Kill(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "stop 15", "killed", "gone"}));
}

TEST_P(SupervisorTest, ABadStopSignalKills) {
  auto spec = Shell("echo up; exec sleep " + UniqueSleep());
  spec->stop_signal = 1000;
  const auto process = Start(spec);
  ASSERT_TRUE(process->WaitOutput("up"));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, SIGKILL);
}

TEST_P(SupervisorTest, AChattyProcessDelaysNobody) {
  const auto chatty = Start(Command({"yes"}));
  const ProcessId chatty_id = last_id_;
  ASSERT_TRUE(chatty->WaitOutput("y"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Run(Command({"echo", "here"}))->out(), "here\n");
  EXPECT_EQ(chatty->gone_calls(), 0);
  supervisor_->Kill(chatty_id);
  ASSERT_TRUE(chatty->WaitGone());
}

}  // namespace
}  // namespace covey::testing
