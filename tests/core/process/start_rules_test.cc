#include "core/process/start_rules.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

std::optional<StartProblem> Check(const ProcessSpec& spec, std::vector<std::string> controllers = {}) {
  std::optional<Account> account;
  return StartRules(std::move(controllers), "a /proc walk").Check(spec, &account);
}

// Runs `check` in a process that is `nobody` and has no rights; 0 is a success.
void AsNobody(const std::function<int()>& check) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become nobody";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool changed = ::setgid(65534) == 0 && ::setuid(65534) == 0;
    ::_exit(changed ? check() : 99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the number of the check that failed";
}

// What the kernel says to a niceness of -20: root in a container has not the capability for it.
bool KernelLetsUsBeNice() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::setpriority(PRIO_PROCESS, 0, -20) == 0 ? 0 : 1);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(StartRulesTest, WhoAsksForNothingGetsIt) {
  const ProcessSpec spec = *Command({"true"});
  EXPECT_FALSE(StartRules::MayBlock(spec));
  EXPECT_FALSE(Check(spec));
}

TEST(StartRulesTest, AControllerThatIsMissingIsNamed) {
  ProcessSpec spec;
  spec.limits.memory = 1 << 20;
  auto problem = Check(spec, {"cpu", "pids"});
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(problem->reason, "CGROUP_CONTROLLER_MISSING");
  EXPECT_EQ(problem->field, "limits.memory");
  EXPECT_EQ(
      problem->description,
      "needs the cgroup controller memory, which this daemon does not have; it has cpu, pids; processes "
      "are kept by a /proc walk");
  EXPECT_FALSE(Check(spec, {"memory"}));
  spec.limits = {.cpu_milli = 1000};
  EXPECT_EQ(Check(spec)->field, "limits.cpu_milli");
  EXPECT_FALSE(Check(spec, {"cpu"}));
  spec.limits = {.pids = 5};
  EXPECT_EQ(Check(spec)->field, "limits.pids");
  EXPECT_NE(Check(spec)->description.find("it has none"), std::string::npos);
  EXPECT_FALSE(Check(spec, {"pids"}));
}

TEST(StartRulesTest, RootMayBecomeAnybody) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  ProcessSpec spec;
  spec.user = "nobody";
  std::optional<Account> account;
  EXPECT_TRUE(StartRules::MayBlock(spec));
  EXPECT_FALSE(StartRules({}, "").Check(spec, &account));
  ASSERT_TRUE(account);
  EXPECT_EQ(account->name, "nobody");
  spec.user = "no-such-user";
  EXPECT_EQ(Check(spec)->code, ErrorCode::kInvalidArgument);
  spec.user.clear();
}

TEST(StartRulesTest, ANicenessIsRefusedWhereTheKernelWouldRefuseIt) {
  ProcessSpec spec;
  spec.nice = -20;
  const auto problem = Check(spec);
  EXPECT_EQ(!problem, KernelLetsUsBeNice());
  if (problem) {
    EXPECT_EQ(problem->reason, "NICE_NOT_ALLOWED");
  }
}

TEST(StartRulesTest, OthersAreWhoTheyAre) {
  AsNobody([] {
    ProcessSpec spec;
    spec.user = "root";
    auto problem = Check(spec);
    if (!problem || problem->code != ErrorCode::kPermissionDenied || problem->field != "user") return 1;
    if (problem->reason != "USER_NOT_ALLOWED" || !problem->description.ends_with("got root")) return 2;
    spec.user = "65534";
    if (Check(spec)) return 3;
    spec.group = "65534";
    if (Check(spec)) return 4;
    spec.group = "0";
    problem = Check(spec);
    if (!problem || problem->reason != "USER_NOT_ALLOWED" || problem->field != "group") return 5;
    if (!problem->description.ends_with("got 0")) return 6;
    spec.user.clear();
    return Check(spec) ? 0 : 7;
  });
}

TEST(StartRulesTest, OthersMayOnlyBeNicer) {
  AsNobody([] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_NICE, &none) != 0) return 1;
    ProcessSpec spec;
    spec.nice = 19;
    if (Check(spec)) return 2;
    spec.nice = -1;
    const auto problem = Check(spec);
    if (!problem || problem->code != ErrorCode::kPermissionDenied || problem->field != "nice") return 3;
    return problem->reason == "NICE_NOT_ALLOWED" && problem->description.ends_with("got -1") ? 0 : 4;
  });
}

TEST(StartRulesTest, OthersStayBelowTheirOwnHardLimits) {
  AsNobody([] {
    const rlimit few{.rlim_cur = 100, .rlim_max = 100};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
    ProcessSpec spec;
    spec.limits.open_files = 100;
    if (Check(spec)) return 2;
    spec.limits.open_files = 101;
    const auto problem = Check(spec);
    if (!problem || problem->field != "limits.open_files") return 3;
    if (problem->reason != "LIMIT_NOT_ALLOWED") return 4;
    return problem->description.find("at most 100,") != std::string::npos ? 0 : 5;
  });
}

}  // namespace
}  // namespace covey::testing
