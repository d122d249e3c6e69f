#include "server/doctor/judge.h"

#include <gtest/gtest.h>

namespace covey::doctor {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Level = Finding::Level;

constexpr uint64_t kGiB = uint64_t{1} << 30;

// Of a machine where nothing is wrong.
Facts Well() {
  Facts facts{.version = "1.0", .config_file = "/etc/covey/coveyd.toml"};
  facts.config_path = PathFacts{.path = facts.config_file, .mode = 0644, .owner = 0};
  facts.config.listen = {"unix:/run/covey/coveyd.sock"};
  facts.config.pools = {{"default", 64}};
  facts.data = {.path = "/var/lib/covey", .is_directory = true, .mode = 0700, .owner = 7};
  facts.sockets = {{.path = "/run/covey/coveyd.sock", .is_socket = true, .mode = 0660, .owner = 7}};
  facts.disk = DiskFacts{.file_system = "ext4",
                         .bytes = 100 * kGiB,
                         .free_bytes = 50 * kGiB,
                         .files = 1'000'000,
                         .free_files = 900'000,
                         .sync = milliseconds(1)};
  facts.machine = {.user = 7,
                   .kernel = "6.1.0-13-amd64",
                   .sqlite = "3.40.1",
                   .now = std::chrono::system_clock::time_point(hours(500'000)),
                   .open_files = 20'000,
                   .processes_at_once = 3'000,
                   .has_cgroups = true,
                   .may_use_cgroups = true};
  return facts;
}

Facts Running() {
  Facts facts = Well();
  facts.running = RunningFacts{
      .process_control = "cgroup v2 (/x)", .controllers = {"cpu", "memory", "pids"}, .due_groups = 0};
  return facts;
}

// What is not well, as "check level: message".
std::vector<std::string> Wrong(const Facts& facts) {
  constexpr std::array kNames{"", "ok", "note", "warning", "error"};
  std::vector<std::string> wrong;
  for (const Finding& finding : Judge(facts)) {
    EXPECT_EQ(finding.level == Level::kOk, finding.advice.empty()) << finding.message;
    if (finding.level != Level::kOk)
      wrong.push_back(finding.check + " " + kNames[static_cast<size_t>(finding.level)] + ": " +
                      finding.message);
  }
  return wrong;
}

TEST(DoctorTest, AWellPlaceIsWell) {
  EXPECT_EQ(Wrong(Well()), std::vector<std::string>());
  EXPECT_EQ(Wrong(Running()), std::vector<std::string>());
  EXPECT_FALSE(IsWrong(Judge(Running())));
}

// One thing that is wrong at a time: what is said of it begins so.
TEST(DoctorTest, EachFaultIsFoundByItself) {
  struct Case {
    const char* says;
    void (*plant)(Facts& facts);
  };
  const Case cases[] = {
      {"versions error: covey 1.0, Linux 4.19.0", [](Facts& f) { f.machine.kernel = "4.19.0"; }},
      {"configuration warning: /etc/covey/coveyd.toml has mode 0666",
       [](Facts& f) { f.config_path->mode = 0666; }},
      {"configuration warning: /etc/covey/coveyd.toml has mode 0644 and belongs to user 8",
       [](Facts& f) { f.config_path->owner = 8; }},
      {"configuration error: coveyd.toml:3: queues must be",
       [](Facts& f) { f.config_problems = {"coveyd.toml:3: queues must be"}; }},
      {"configuration note: differs in the file: queues, listen",
       [](Facts& f) {
         f.running->needs_restart = {"queues", "listen"};
       }},
      {"serving error: the disk is full", [](Facts& f) { f.running->not_serving = {"the disk is full"}; }},
      {"serving note: the daemon drains", [](Facts& f) { f.running->draining = true; }},
      {"addresses warning: listens on 0.0.0.0:7425: whoever reaches it can run commands as user 7",
       [](Facts& f) {
         f.config.listen = {"127.0.0.1:7425", "0.0.0.0:7425"};
       }},
      {"addresses warning: /run/covey/coveyd.sock has mode 0666", [](Facts& f) { f.sockets[0].mode = 0666; }},
      {"addresses error: unix:/run/covey/coveyd.sock is to be listened on twice",
       [](Facts& f) { f.config.listen.push_back(f.config.listen[0]); }},
      {"addresses error: /run/covey/coveyd.sock is there, and is no socket",
       [](Facts& f) { f.sockets[0].is_socket = false; }},
      {"addresses error: /run/covey/coveyd.sock cannot be made: nothing can be made in /run",
       [](Facts& f) { f.sockets[0].unmakable = "nothing can be made in /run"; }},
      {"data_dir error: /var/lib/covey is no directory", [](Facts& f) { f.data.is_directory = false; }},
      {"data_dir error: /var/lib/covey is gone, and the daemon runs on without it",
       [](Facts& f) { f.data.missing = true; }},
      {"journal warning: journal = \"memory\"", [](Facts& f) { f.config.journal = "memory"; }},
      {"journal warning: durability = \"none\"", [](Facts& f) { f.config.durable = false; }},
      {"journal error: 2 groups cannot be read", [](Facts& f) { f.running->set_aside = 2; }},
      {"data_dir error: /var/lib/covey: Permission denied",
       [](Facts& f) { f.data.problem = "Permission denied"; }},
      {"data_dir error: /var/lib/covey has mode 0755", [](Facts& f) { f.data.mode = 0755; }},
      {"data_dir error: /var/lib/covey has mode 0700 and belongs to user 8, and the daemon is user 7",
       [](Facts& f) { f.data.owner = 8; }},
      {"file_system error: /var/lib/covey lies on ext4, which is mounted to be read alone",
       [](Facts& f) { f.disk->read_only = true; }},
      {"file_system error: /var/lib/covey lies on nfs",
       [](Facts& f) {
         f.disk->kind = DiskFacts::Kind::kNetwork;
         f.disk->file_system = "nfs";
       }},
      {"file_system warning: /var/lib/covey lies on tmpfs",
       [](Facts& f) {
         f.disk->kind = DiskFacts::Kind::kMemory;
         f.disk->file_system = "tmpfs";
       }},
      {"file_system warning: /var/lib/covey lies on overlayfs",
       [](Facts& f) {
         f.disk->kind = DiskFacts::Kind::kLayers;
         f.disk->file_system = "overlayfs";
       }},
      {"free_space warning: the file system has room for 10 files more",
       [](Facts& f) { f.disk->free_files = 10; }},
      {"sync warning: a sync of the disk takes 20.00 ms", [](Facts& f) { f.disk->sync = milliseconds(20); }},
      {"sync error: a sync of the disk takes 200.00 ms", [](Facts& f) { f.disk->sync = milliseconds(200); }},
      {"sync note: a sync of the disk takes 0.00 ms: it may not",
       [](Facts& f) { f.disk->sync = std::chrono::nanoseconds(900); }},
      {"sync error: a file in /var/lib/covey cannot be written: No space left",
       [](Facts& f) { f.disk->sync_problem = "No space left"; }},
      {"descriptors warning: the limit of open files, 20000, is enough for 63 processes at once; the pools "
       "have 64 slots",
       [](Facts& f) { f.machine.processes_at_once = 63; }},
      {"processes warning: 10 processes may be there at once; the pools have 64 slots",
       [](Facts& f) { f.machine.most_tasks = 10; }},
      {"cgroups note: cgroups = false", [](Facts& f) { f.config.use_cgroups = false; }},
      {"cgroups warning: subreaper (no cgroups)",
       [](Facts& f) { f.running->process_control = "subreaper (no cgroups)"; }},
      {"cgroups note: version 2, without the controllers cpu, pids",
       [](Facts& f) { f.running->controllers = {"memory"}; }},
      {"clock error: the clock is 1h00m before",
       [](Facts& f) { f.machine.written = f.machine.now + hours(1); }},
      {"clock note: the kernel says", [](Facts& f) { f.machine.clock_synchronised = false; }},
      {"retention warning: nothing that is over is ever purged",
       [](Facts& f) { f.config.retain = {.age = {}, .failed_age = {}, .groups = 0, .bytes = 0}; }},
      {"retention warning: retain_bytes lets what is over grow by 99.0 GiB, and 50.0 GiB are free",
       [](Facts& f) {
         f.config.retain.bytes = 100 * kGiB;
         f.running->over_bytes = kGiB;
       }},
      {"retention note: retain_bytes = 0", [](Facts& f) { f.config.retain.bytes = 0; }},
      {"retention note: of what is over goes what is older than",
       [](Facts& f) { f.running->due_groups = 3; }},
      {"retention warning: of what is over goes what is older than",
       [](Facts& f) {
         f.running->due_groups = 3;
         f.running->purges_from = f.machine.now + hours(5);
       }},
      {"retention note: of what is over goes what is older than",
       [](Facts& f) { f.running->due_groups.reset(); }},
  };
  for (const Case& each : cases) {
    Facts facts = Running();
    each.plant(facts);
    const std::vector<std::string> wrong = Wrong(facts);
    ASSERT_EQ(wrong.size(), 1u) << each.says;
    EXPECT_TRUE(wrong[0].starts_with(each.says)) << wrong[0] << "\nis not\n" << each.says;
  }
}

TEST(DoctorTest, FreeSpaceFallsInSteps) {
  for (const auto& [free, says] : {std::pair{kGiB - 1, "free_space warning: 1024.0 MiB of"},
                                   {kGiB / 32, "free_space error: 32.0 MiB of"}}) {
    Facts facts = Well();
    facts.config.retain.bytes = 1;
    facts.disk->free_bytes = free;
    EXPECT_EQ(Wrong(facts).at(0).substr(0, std::string(says).size()), says);
  }
}

TEST(DoctorTest, WithoutADaemonTheMachineIsAsked) {
  Facts facts = Well();
  facts.data.missing = true;
  facts.data.problem = "No such file or directory";
  facts.machine.may_use_cgroups = false;
  const std::vector<std::string> wrong = Wrong(facts);
  ASSERT_EQ(wrong.size(), 2u);
  EXPECT_EQ(wrong[0], "data_dir note: /var/lib/covey is not there yet");
  EXPECT_TRUE(wrong[1].starts_with("cgroups warning: this user may make no cgroups here")) << wrong[1];
  facts.data.unmakable = "nothing can be made in /var: Permission denied";
  EXPECT_EQ(
      Wrong(facts)[0],
      "data_dir error: /var/lib/covey is not there, and nothing can be made in /var: Permission denied");
  facts.config_problems = {"bad"};
  EXPECT_EQ(Wrong(facts), std::vector<std::string>{"configuration error: bad"})
      << "the rest would be that of the defaults";
}

TEST(DoctorTest, TheReportIsTheSameForPeopleAndMachines) {
  const std::vector<Finding> findings{{Level::kOk, "journal", "sqlite, durable", ""},
                                      {Level::kError, "data_dir", "caf\xe9", "chmod"}};
  EXPECT_TRUE(IsWrong(findings));
  EXPECT_EQ(Text(findings),
            "ok       journal        sqlite, durable\n"
            "error    data_dir       caf\xef\xbf\xbd\n"
            "                        chmod\n");
  const v1::DiagnoseResponse response = ToProto(findings);
  ASSERT_EQ(response.findings_size(), 2);
  EXPECT_EQ(response.findings(1).level(), v1::FINDING_LEVEL_ERROR);
  EXPECT_EQ(response.findings(1).message(), "caf\xef\xbf\xbd");
}

}  // namespace
}  // namespace covey::doctor
