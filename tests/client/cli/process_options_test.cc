#include "client/cli/process_options.h"

#include <gtest/gtest.h>

namespace covey::cli {
namespace {

Result<Void> Read(const std::vector<std::string>& typed, v1::ProcessSpec* process) {
  const Result<Arguments> arguments = ParseArguments("covey run", ProcessOptions(), typed, false);
  if (!arguments.ok()) return arguments.error();
  return ReadProcessOptions(arguments.value(), process);
}

std::string Read(const std::vector<std::string>& typed) {
  v1::ProcessSpec process;
  const Result<Void> read = Read(typed, &process);
  return read.ok() ? process.ShortDebugString() : "error";
}

std::string Refusal(const std::vector<std::string>& typed) {
  v1::ProcessSpec process;
  const Result<Void> read = Read(typed, &process);
  return read.ok() ? "none" : read.error().message;
}

TEST(ProcessOptionsTest, EachIsAField) {
  EXPECT_EQ(Read({}), "");
  EXPECT_EQ(Read({"--ulimit", "open-files=64", "--ulimit", "address-space=2G", "--ulimit", "cpu-time=1.5m",
                  "--ulimit", "core-size=0"}),
            "limits { open_files: 64 address_space: 2147483648 cpu_time { seconds: 90 } core_size: 0 }");
  EXPECT_EQ(Read({"--memory", "512M", "--cpus", "1.5", "--pids", "10"}),
            "limits { memory: 536870912 cpu_milli: 1500 pids: 10 }");
  EXPECT_EQ(Read({"--user", "nobody", "--group", "7", "--umask", "077", "--nice", "-5", "--inherit-env"}),
            "user: \"nobody\" group: \"7\" umask: \"077\" nice: -5 inherit_env: true");
  EXPECT_EQ(Read({"--stdout-file", "/o", "--stderr-file=/e", "--append"}),
            "stdout_file { path: \"/o\" append: true } stderr_file { path: \"/e\" append: true }");
}

TEST(ProcessOptionsTest, SizesHaveUnits) {
  EXPECT_EQ(Read({"--memory", "1048576"}), "limits { memory: 1048576 }");
  EXPECT_EQ(Read({"--memory", "3K"}), "limits { memory: 3072 }");
  EXPECT_EQ(Read({"--memory", "1T"}), "limits { memory: 1099511627776 }");
  for (const char* bad :
       {"", "M", "1.5G", "-1", "1k", "1MB", "99999999999999999999", "18446744073709551615K"}) {
    EXPECT_TRUE(Refusal({std::string("--memory=") + bad}).starts_with("--memory must be a number of bytes"))
        << bad;
  }
}

TEST(ProcessOptionsTest, CpusHaveThreeDecimals) {
  EXPECT_EQ(Read({"--cpus", "0.01"}), "limits { cpu_milli: 10 }");
  EXPECT_EQ(Read({"--cpus", "2"}), "limits { cpu_milli: 2000 }");
  EXPECT_EQ(Read({"--cpus", "1024"}), "limits { cpu_milli: 1024000 }");
  for (const char* bad :
       {"", "0", "0.009", "1.", ".5", "1.2345", "-1", "1024.001", "1e3", "18446744073709551617"}) {
    EXPECT_EQ(Refusal({std::string("--cpus=") + bad}),
              std::string("--cpus must be 0.01..1024 with at most three decimals, got ") + bad);
  }
}

TEST(ProcessOptionsTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(Refusal({"--ulimit", "files=3"}),
            "--ulimit must name open-files, address-space, cpu-time or core-size, got files");
  EXPECT_NE(Refusal({"--ulimit", "open-files=2"}).find("3..1048576"), std::string::npos);
  EXPECT_NE(Refusal({"--ulimit", "cpu-time=5"}).find("--ulimit cpu-time"), std::string::npos);
  EXPECT_EQ(Refusal({"--nice", "20"}), "--nice must be -20..19, got 20");
  EXPECT_EQ(Refusal({"--nice", "low"}), "--nice must be -20..19, got low");
  EXPECT_EQ(Refusal({"--stdout-file", "out"}), "--stdout-file must be an absolute path, got out");
  EXPECT_EQ(Refusal({"--append"}), "--append goes with --stdout-file or --stderr-file");
  EXPECT_NE(Refusal({"--user", "\xFF"}).find("--user must be UTF-8"), std::string::npos);
}

TEST(ProcessOptionsTest, ATaskKeepsWhatItSaysItself) {
  v1::ProcessSpec defaults;
  ASSERT_TRUE(Read({"--ulimit", "open-files=64", "--pids", "5", "--user", "a", "--group", "b", "--umask",
                    "077", "--nice", "3", "--stdout-file", "/o"},
                   &defaults)
                  .ok());
  v1::ProcessSpec process;
  FillIn(defaults, &process);
  EXPECT_EQ(process.ShortDebugString(), defaults.ShortDebugString());

  process.Clear();
  process.mutable_limits()->set_open_files(10);
  process.set_user("c");
  process.set_umask("0");
  process.set_nice(-1);
  process.mutable_stdout_file()->set_path("/mine");
  FillIn(defaults, &process);
  EXPECT_EQ(
      process.ShortDebugString(),
      "limits { open_files: 10 pids: 5 } user: \"c\" umask: \"0\" nice: -1 stdout_file { path: \"/mine\" }")
      << "another user's group is none of its own";
  v1::ProcessSpec untouched;
  FillIn(v1::ProcessSpec(), &untouched);
  EXPECT_EQ(untouched.ShortDebugString(), "");
}

}  // namespace
}  // namespace covey::cli
