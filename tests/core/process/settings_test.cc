// What a process is given besides its arguments: limits, user, umask, niceness, files for its output.

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/process/proc_fs.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

class SettingsTest : public SupervisorTest {
 protected:
  // What the process wrote, which must end well.
  std::string Output(const std::shared_ptr<ProcessSpec>& spec) {
    const std::shared_ptr<Recorder> recorder = Run(spec);
    EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kExited) << recorder->result().message;
    EXPECT_EQ(recorder->result().code, 0) << recorder->err();
    return recorder->out();
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string Contents(const std::string& name) const { return procfs::ReadFile(Path(name).c_str()); }

  const TemporaryDirectory directory_;
};

// Capabilities that this program hands to what it executes, while it lives: as under AmbientCapabilities= of a
// unit.
class AmbientCapability {
 public:
  explicit AmbientCapability(unsigned capability) {
    ::syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    std::copy(std::begin(before_), std::end(before_), data);
    data[CAP_TO_INDEX(capability)].inheritable |= CAP_TO_MASK(capability);
    set_ = ::syscall(SYS_capset, &header_, data) == 0 &&
           ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
  }
  ~AmbientCapability() {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    ::syscall(SYS_capset, &header_, before_);
  }
  bool set() const { return set_; }

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct before_[_LINUX_CAPABILITY_U32S_3] = {};
  bool set_ = false;
};

INSTANTIATE_TEST_SUITE_P(Modes, SettingsTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

TEST_P(SettingsTest, CapabilitiesOfTheDaemonAreNotHandedOn) {
  // Capabilities are a thread's: the threads that start processes get those of the one that makes them.
  supervisor_.reset();
  const AmbientCapability ambient(CAP_NET_BIND_SERVICE);
  if (!ambient.set()) GTEST_SKIP() << "this program may hand no capability on";
  ASSERT_TRUE(Take(ProcessSupervisor::Create(OptionsFor(GetParam())), &supervisor_));
  EXPECT_EQ(Output(Command({"grep", "^CapAmb", "/proc/self/status"})), "CapAmb:\t0000000000000000\n");
}

TEST_P(SettingsTest, LimitsAreSetSoftAndHard) {
  auto spec = Shell("ulimit -Sn; ulimit -Hn; ulimit -Sv; ulimit -Hc; ulimit -St; ulimit -Ht");
  spec->limits = {.open_files = 64,
                  .address_space = 512 << 20,
                  .cpu_time = std::chrono::milliseconds(4500),
                  .core_size = 0};
  EXPECT_EQ(Output(spec), "64\n64\n524288\n0\n5\n6\n");
}

TEST_P(SettingsTest, AnAddressSpaceThatIsTooSmallFails) {
  // dd needs a buffer of 64 MiB.
  auto spec = Command({"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"});
  spec->limits.address_space = 32 << 20;
  const std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().code, 1);
  EXPECT_NE(recorder->err().find("memory exhausted"), std::string::npos) << recorder->err();
}

TEST_P(SettingsTest, OutOfCpuTimeIsASignal) {
  auto spec = Shell("while :; do :; done");
  spec->limits.cpu_time = std::chrono::seconds(1);
  const std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kSignalled);
  EXPECT_EQ(recorder->result().code, SIGXCPU);
  EXPECT_EQ(recorder->result().message, "the limit of CPU time, 1 s, was reached");
}

TEST_P(SettingsTest, ALimitOfFilesDoesNotHinderTheStart) {
  // Three descriptors are the standard streams: a static program needs no more.
  auto spec = Command({"sh", "-c", "echo a"});
  spec->limits.open_files = 4;
  spec->stdout_file.path = Path("out");
  spec->stderr_file.path = Path("err");
  EXPECT_EQ(Output(spec), "");
  EXPECT_EQ(Contents("out"), "a\n");
}

TEST_P(SettingsTest, UmaskAndNiceness) {
  auto spec = Shell("umask; nice");
  const int own = ::nice(0);
  EXPECT_EQ(Output(spec), "0022\n" + std::to_string(own) + "\n");
  spec->umask = 0077;
  spec->nice = 19;
  EXPECT_EQ(Output(spec), "0077\n19\n");
}

TEST_P(SettingsTest, LimitsOfTreesNeedAController) {
  auto spec = Command({"true"});
  spec->limits.memory = 64 << 20;
  const auto problem = supervisor_->Check(*spec);
  const std::shared_ptr<Recorder> recorder = Run(spec);
  if (supervisor_->controllers().empty()) {
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->reason, "CGROUP_CONTROLLER_MISSING");
    EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kStartFailed);
    EXPECT_EQ(recorder->result().code, 126);
    EXPECT_TRUE(recorder->result().message.starts_with("cannot start 'true': limits.memory needs the cgroup"))
        << recorder->result().message;
  } else {
    EXPECT_FALSE(problem);
    EXPECT_EQ(recorder->result().code, 0);
  }
}

TEST_P(SettingsTest, RunsAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  auto spec = Shell("id -u; id -g; id -G; echo $USER $LOGNAME $HOME");
  spec->user = "nobody";
  const std::string home = Output(Shell("getent passwd nobody | cut -d: -f6"));
  EXPECT_EQ(Output(spec), "65534\n65534\n65534\nnobody nobody " + home);
  spec->env.emplace_back("HOME", "/");
  spec->env.emplace_back("LOGNAME", "other");
  EXPECT_EQ(Output(spec), "65534\n65534\n65534\nnobody other /\n");
  spec->group = "4242";
  EXPECT_EQ(Output(spec), "65534\n4242\n4242\nnobody other /\n");
  auto group_alone = Shell("id -u; id -g; id -G; echo $USER");
  group_alone->group = "4242";
  EXPECT_EQ(Output(group_alone), "0\n4242\n4242\n\n");
}

TEST_P(SettingsTest, AnotherUserHasNoRightsOfOurs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  auto spec = Shell("grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u");
  spec->user = "nobody";
  EXPECT_EQ(Output(spec), "0000000000000000\n");
  // It had our memory for a moment: from then on nobody but root may look into that.
  EXPECT_NE(::prctl(PR_GET_DUMPABLE), 1);
}

TEST_P(SettingsTest, AnotherUserIsKilledWithItsTree) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  const std::string first = UniqueSleep(), second = UniqueSleep();
  auto spec = Shell("trap '' TERM; setsid sleep " + first + " & sleep " + second + " & echo up; wait");
  spec->user = "nobody";
  spec->grace = std::chrono::milliseconds(1);
  const std::shared_ptr<Recorder> recorder = Start(spec);
  ASSERT_TRUE(recorder->WaitOutput("up"));
  ASSERT_TRUE(Eventually([&] { return !Running(first).empty() && !Running(second).empty(); }));
  supervisor_->Stop(last_id_);
  ASSERT_TRUE(recorder->WaitGone());
  EXPECT_EQ(recorder->result().code, SIGKILL);
  EXPECT_TRUE(Running(first).empty() && Running(second).empty());
}

TEST_P(SettingsTest, WhoIsNotKnownIsNotStarted) {
  auto spec = Command({"true"});
  spec->user = "no-such-user";
  const std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kStartFailed);
  EXPECT_EQ(recorder->result().code, 126);
  EXPECT_EQ(recorder->result().message,
            "cannot start 'true': user must be a user of this system or a number, got 'no-such-user'");
}

TEST_P(SettingsTest, OutputGoesToAFile) {
  auto spec = Shell("echo out; echo err >&2");
  spec->stdout_file = {.path = Path("out"), .mode = 0600};
  std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->out(), "");
  EXPECT_EQ(recorder->err(), "err\n");
  EXPECT_EQ(Contents("out"), "out\n");
  EXPECT_EQ(std::filesystem::status(Path("out")).permissions(), std::filesystem::perms(0600));

  spec->stdout_file.append = true;
  spec->stderr_file = {.path = Path("err"), .mode = 0666};
  EXPECT_EQ(Output(spec), "");
  EXPECT_EQ(Contents("out"), "out\nout\n");
  EXPECT_EQ(Contents("err"), "err\n");
  EXPECT_EQ(std::filesystem::status(Path("err")).permissions(), std::filesystem::perms(0644)) << "the umask";

  spec->stdout_file.append = false;
  EXPECT_EQ(Output(spec), "");
  EXPECT_EQ(Contents("out"), "out\n");
}

TEST_P(SettingsTest, BothStreamsMayGoToTheSameFile) {
  auto spec = Shell("echo a; echo b >&2; echo c; readlink /proc/self/fd/0");
  spec->stdout_file.path = Path("all");
  spec->stderr_file.path = Path("all");
  EXPECT_EQ(Output(spec), "");
  EXPECT_EQ(Contents("all"), "a\nb\nc\n/dev/null\n");
}

TEST_P(SettingsTest, AFileMayBeAPipeWithAReader) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  auto spec = Shell("echo never");
  spec->stdout_file.path = Path("fifo");
  std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kStartFailed) << "nobody reads, and nobody waits";
  EXPECT_NE(recorder->result().message.find("No such device or address"), std::string::npos);
}

TEST_P(SettingsTest, AFileThatCannotBeOpenedIsAFailedStart) {
  auto spec = Shell("true");
  spec->stderr_file.path = Path("no/such/file");
  std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().kind, ProcessResult::Kind::kStartFailed);
  EXPECT_EQ(recorder->result().code, 126);
  EXPECT_EQ(recorder->result().message,
            "cannot start 'sh': its stderr_file '" + Path("no/such/file") + "': No such file or directory");
}

TEST_P(SettingsTest, AFileIsOpenedWithTheRightsOfTheUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  auto spec = Shell("echo mine");
  spec->user = "nobody";
  spec->stdout_file.path = Path("theirs");
  std::shared_ptr<Recorder> recorder = Run(spec);
  EXPECT_EQ(recorder->result().code, 126);
  EXPECT_EQ(recorder->result().message,
            "cannot start 'sh': its stdout_file '" + Path("theirs") + "': Permission denied");
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0777), 0);
  EXPECT_EQ(Output(spec), "");
  struct stat status {};
  ASSERT_EQ(::stat(Path("theirs").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534u);
}

TEST_P(SettingsTest, AnotherUserDiesWithUs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user";
  // The parent-death signal, as the kernel has it: 9 also after the change of the user.
  auto spec = Shell("exec perl -e 'my $s = pack(\"i\", 0); syscall(157, 2, $s); print unpack(\"i\", $s)'");
#if defined(__x86_64__)
  spec->user = "nobody";
  EXPECT_EQ(Output(spec), "9");
#else
  GTEST_SKIP() << "written for the numbers of x86-64's system calls";
#endif
}

}  // namespace
}  // namespace covey::testing
