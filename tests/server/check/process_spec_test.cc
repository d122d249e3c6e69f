#include "tests/server/check/spec_testing.h"

// Both sides of each bound of processes.
namespace covey {
namespace {

class ProcessSpecTest : public SpecTest {};

TEST_F(ProcessSpecTest, Arguments) {
  process_->clear_argv();
  EXPECT_WRONG("tasks[0].process.argv", "argv must have 1..4096 entries, got 0", request_);
  process_->add_argv("");
  EXPECT_WRONG("tasks[0].process.argv[0]", "argv must name a program, got \"\"", request_);
  process_->set_argv(0, "p");
  process_->add_argv("");
  EXPECT_FINE(request_);
  while (process_->argv_size() < 4096) process_->add_argv("x");
  EXPECT_FINE(request_);
  process_->add_argv("x");
  EXPECT_WRONG("tasks[0].process.argv", "argv must have 1..4096 entries, got 4097", request_);
  process_->clear_argv();
  process_->add_argv("sh");
  process_->add_argv(std::string("a\0b", 3));
  EXPECT_WRONG("tasks[0].process.argv[1]", "argv must not contain NUL, got \"a\\x00b\"", request_);
  process_->set_argv(1, std::string(kMiB - 2, 'x'));
  EXPECT_FINE(request_);
  process_->set_argv(1, std::string(kMiB - 1, 'x'));
  EXPECT_WRONG("tasks[0].process.argv", "argv must have at most 1048576 bytes, got 1048577", request_);
}

TEST_F(ProcessSpecTest, Environment) {
  auto& env = *process_->mutable_env();
  env["A"] = "";
  env["with space"] = "=\n";
  env["COVE"] = "";
  EXPECT_FINE(request_);
  env.clear();
  env[""] = "x";
  EXPECT_WRONG_FIELD("tasks[0].process.env[\"\"]", request_);
  env.clear();
  env["A=B"] = "x";
  EXPECT_WRONG_FIELD("tasks[0].process.env[\"A=B\"]", request_);
  env.clear();
  env[std::string("A\0", 2)] = "x";
  EXPECT_WRONG_FIELD("tasks[0].process.env[\"A\\x00\"]", request_);
  env.clear();
  env["COVEY_TASK"] = "x";
  EXPECT_WRONG("tasks[0].process.env[\"COVEY_TASK\"]",
               "env keys must not begin with COVEY_, got \"COVEY_TASK\"", request_);
  env.clear();
  env["TOKEN"] = std::string("secret\0", 7);
  EXPECT_WRONG("tasks[0].process.env[\"TOKEN\"]", "env values must not contain NUL", request_);
  env.clear();
  env["K"] = std::string(kMiB - 1, 'x');
  EXPECT_FINE(request_);
  env["K"] = std::string(kMiB, 'x');
  EXPECT_WRONG("tasks[0].process.env", "env must have at most 1048576 bytes, got 1048577", request_);
}

TEST_F(ProcessSpecTest, WorkingDirectories) {
  process_->set_working_dir("/");
  EXPECT_FINE(request_);
  process_->set_working_dir("tmp");
  EXPECT_WRONG("tasks[0].process.working_dir",
               "working_dir must be an absolute path without NUL, got \"tmp\"", request_);
  process_->set_working_dir(std::string("/a\0", 3));
  EXPECT_WRONG_FIELD("tasks[0].process.working_dir", request_);
  process_->set_working_dir("/" + std::string(4094, 'd'));
  EXPECT_FINE(request_);
  process_->set_working_dir("/" + std::string(4095, 'd'));
  EXPECT_WRONG_FIELD("tasks[0].process.working_dir", request_);
}

TEST_F(ProcessSpecTest, StandardInput) {
  process_->set_standard_input(std::string(kMiB, '\0'));
  EXPECT_FINE(request_);
  process_->set_standard_input(std::string(kMiB + 1, 's'));
  EXPECT_WRONG("tasks[0].process.standard_input",
               "standard_input must have at most 1048576 bytes, got 1048577", request_);
}

TEST_F(ProcessSpecTest, StopSignals) {
  for (const char* signal : {"", "1", "64", "INT", "SIGKILL"}) {
    process_->set_stop_signal(signal);
    EXPECT_FINE(request_);
  }
  process_->set_stop_signal("65");
  EXPECT_WRONG("tasks[0].process.stop_signal",
               "stop_signal must be 1..64 or a name such as \"SIGTERM\", got \"65\"", request_);
  for (const char* signal : {"0", "-1", "sigint", "NOPE"}) {
    process_->set_stop_signal(signal);
    EXPECT_WRONG_FIELD("tasks[0].process.stop_signal", request_);
  }
}

TEST_F(ProcessSpecTest, Graces) {
  google::protobuf::Duration& grace = *process_->mutable_grace();
  EXPECT_FINE(request_);
  grace.set_seconds(24 * 3600);
  EXPECT_FINE(request_);
  grace.set_nanos(1);
  EXPECT_WRONG("tasks[0].process.grace", "grace must be 0 s .. 86400 s, got 86400.000000001 s", request_);
  grace.set_seconds(0);
  grace.set_nanos(-5);
  EXPECT_WRONG("tasks[0].process.grace", "grace must be 0 s .. 86400 s, got -0.000000005 s", request_);
  grace.set_seconds(-2);
  grace.set_nanos(0);
  EXPECT_WRONG("tasks[0].process.grace", "grace must be 0 s .. 86400 s, got -2 s", request_);
  grace.set_seconds(1);
  grace.set_nanos(-1);
  EXPECT_WRONG("tasks[0].process.grace",
               "grace must be a valid google.protobuf.Duration, got seconds 1, nanos -1", request_);
  grace.set_nanos(1'000'000'000);
  EXPECT_WRONG_FIELD("tasks[0].process.grace", request_);
  grace.set_nanos(0);
  grace.set_seconds(INT64_MIN);
  EXPECT_WRONG_FIELD("tasks[0].process.grace", request_);
}

TEST_F(ProcessSpecTest, Lingers) {
  google::protobuf::Duration& linger = *process_->mutable_linger();
  EXPECT_FINE(request_);
  linger.set_seconds(3600);
  EXPECT_FINE(request_);
  linger.set_nanos(1);
  EXPECT_WRONG("tasks[0].process.linger", "linger must be 0 s .. 3600 s, got 3600.000000001 s", request_);
}

TEST_F(ProcessSpecTest, LimitsOfProcesses) {
  v1::ResourceLimits& limits = *process_->mutable_limits();
  EXPECT_FINE(request_);
  for (const uint32_t files : {0u, 3u, 1048576u}) {
    limits.set_open_files(files);
    EXPECT_FINE(request_);
  }
  limits.set_open_files(2);
  EXPECT_WRONG("tasks[0].process.limits.open_files", "open_files must be 3..1048576, got 2", request_);
  limits.set_open_files(1048577);
  EXPECT_WRONG_FIELD("tasks[0].process.limits.open_files", request_);
  limits.clear_open_files();

  limits.set_address_space(kMiB);
  limits.set_memory(UINT64_MAX);
  EXPECT_FINE(request_);
  limits.set_address_space(kMiB - 1);
  EXPECT_WRONG("tasks[0].process.limits.address_space",
               "address_space must be 0 (none) or at least 1048576 bytes, got 1048575", request_);
  limits.set_address_space(UINT64_MAX);
  limits.set_memory(1);
  EXPECT_WRONG_FIELD("tasks[0].process.limits.memory", request_);
  limits.clear_memory();

  limits.mutable_cpu_time();  // 0 s: none
  EXPECT_FINE(request_);
  limits.mutable_cpu_time()->set_seconds(1);
  EXPECT_FINE(request_);
  limits.mutable_cpu_time()->set_seconds(315576000);
  EXPECT_FINE(request_);
  limits.mutable_cpu_time()->set_seconds(315576001);
  EXPECT_WRONG_FIELD("tasks[0].process.limits.cpu_time", request_);
  limits.mutable_cpu_time()->set_seconds(0);
  limits.mutable_cpu_time()->set_nanos(999999999);
  EXPECT_WRONG("tasks[0].process.limits.cpu_time",
               "cpu_time must be 0 s (none) or at least 1 s, got 999999999 ns", request_);
  limits.mutable_cpu_time()->set_nanos(-1);
  EXPECT_WRONG_FIELD("tasks[0].process.limits.cpu_time", request_);
  limits.clear_cpu_time();

  limits.set_core_size(0);
  limits.set_cpu_milli(10);
  limits.set_pids(1);
  EXPECT_FINE(request_);
  limits.set_cpu_milli(1024000);
  limits.set_pids(4194304);
  EXPECT_FINE(request_);
  limits.set_cpu_milli(9);
  EXPECT_WRONG("tasks[0].process.limits.cpu_milli", "cpu_milli must be 10..1024000, got 9", request_);
  limits.set_cpu_milli(1024001);
  EXPECT_WRONG_FIELD("tasks[0].process.limits.cpu_milli", request_);
  limits.clear_cpu_milli();
  limits.set_pids(4194305);
  EXPECT_WRONG("tasks[0].process.limits.pids", "pids must be 1..4194304, got 4194305", request_);
}

TEST_F(ProcessSpecTest, UsersAndGroups) {
  for (const char* name : {"", "root", "0", "4294967295", "DOMAIN\\some.one", "a b"}) {
    process_->set_user(name);
    process_->set_group(name);
    EXPECT_FINE(request_);
  }
  for (const std::string& name : {std::string("a:b"), std::string("a\n"), std::string("a\0b", 3)}) {
    process_->set_user(name);
    EXPECT_WRONG_FIELD("tasks[0].process.user", request_);
  }
  process_->set_user(std::string(255, 'u'));
  EXPECT_FINE(request_);
  process_->set_user(std::string(256, 'u'));
  EXPECT_WRONG("tasks[0].process.user", "user must have at most 255 bytes, got 256", request_);
  process_->clear_user();
  process_->set_group("a:b");
  EXPECT_WRONG("tasks[0].process.group", "group must not contain ':', a line end or NUL, got \"a:b\"",
               request_);
}

TEST_F(ProcessSpecTest, UmaskAndNiceness) {
  for (const char* umask : {"", "0", "22", "022", "0777", "777", "0000"}) {
    process_->set_umask(umask);
    EXPECT_FINE(request_);
  }
  for (const char* umask : {"8", "1000", "00022", "0x1", "-1", " 22", "u=rwx"}) {
    process_->set_umask(umask);
    EXPECT_WRONG("tasks[0].process.umask",
                 "umask must be octal digits, \"0\"..\"0777\", got \"" + std::string(umask) + "\"", request_);
  }
  process_->clear_umask();
  for (const int nice : {-20, 0, 19}) {
    process_->set_nice(nice);
    EXPECT_FINE(request_);
  }
  process_->set_nice(20);
  EXPECT_WRONG("tasks[0].process.nice", "nice must be -20..19, got 20", request_);
  process_->set_nice(-21);
  EXPECT_WRONG_FIELD("tasks[0].process.nice", request_);
}

TEST_F(ProcessSpecTest, OutputFiles) {
  v1::OutputFile& out = *process_->mutable_stdout_file();
  EXPECT_WRONG("tasks[0].process.stdout_file.path", "path must be an absolute path without NUL, got \"\"",
               request_);
  out.set_path("relative");
  EXPECT_WRONG_FIELD("tasks[0].process.stdout_file.path", request_);
  out.set_path(std::string("/a\0b", 4));
  EXPECT_WRONG_FIELD("tasks[0].process.stdout_file.path", request_);
  out.set_path("/" + std::string(4094, 'p'));
  EXPECT_FINE(request_);
  out.set_path("/" + std::string(4095, 'p'));
  EXPECT_WRONG("tasks[0].process.stdout_file.path", "path must have at most 4095 bytes, got 4096", request_);
  out.set_path("/out");
  out.set_mode("0640");
  EXPECT_FINE(request_);
  out.set_mode("rw");
  EXPECT_WRONG_FIELD("tasks[0].process.stdout_file.mode", request_);
  out.set_mode("");

  v1::OutputFile& err = *process_->mutable_stderr_file();
  err.set_path("/err");
  err.set_append(true);
  EXPECT_FINE(request_);
  err.set_path("/out");
  EXPECT_WRONG("tasks[0].process.stderr_file",
               "stderr_file must have the append and the mode of stdout_file, since it is the same file, "
               "\"/out\"",
               request_);
  err.set_append(false);
  EXPECT_FINE(request_);
  err.set_mode("644");
  EXPECT_FINE(request_);
  err.set_mode("600");
  EXPECT_WRONG_FIELD("tasks[0].process.stderr_file", request_);
}

}  // namespace
}  // namespace covey
