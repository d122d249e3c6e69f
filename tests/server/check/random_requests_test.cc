#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "server/check/check.h"
#include "tests/fuzz/check_input.h"

// What the fuzzer does (tests/fuzz/check_fuzz.cc), a few thousand times without it.
namespace covey {
namespace {

std::vector<std::string> Seeds() {
  v1::CreateGroupRequest create;
  create.set_request_id("r");
  create.set_group_id("g");
  create.mutable_spec()->set_name("name");
  (*create.mutable_spec()->mutable_labels())["k"] = "v";
  create.mutable_spec()->set_policy(v1::POLICY_ANY);
  create.mutable_spec()->mutable_timeout()->set_seconds(5);
  v1::TaskSpec& process = *create.add_tasks();
  process.set_name("p");
  process.mutable_process()->add_argv("sh");
  process.mutable_process()->add_argv("-c");
  (*process.mutable_process()->mutable_env())["A"] = "b";
  process.mutable_process()->set_working_dir("/");
  process.mutable_process()->set_standard_input("in");
  process.mutable_process()->set_stop_signal("INT");
  process.mutable_process()->mutable_grace()->set_nanos(7);
  v1::ResourceLimits& limits = *process.mutable_process()->mutable_limits();
  limits.set_open_files(64);
  limits.set_address_space(1 << 30);
  limits.mutable_cpu_time()->set_seconds(5);
  limits.set_core_size(0);
  limits.set_memory(1 << 26);
  limits.set_cpu_milli(1500);
  limits.set_pids(7);
  process.mutable_process()->set_user("nobody");
  process.mutable_process()->set_group("65534");
  process.mutable_process()->set_umask("077");
  process.mutable_process()->set_nice(-5);
  process.mutable_process()->set_inherit_env(true);
  process.mutable_process()->mutable_stdout_file()->set_path("/tmp/out");
  process.mutable_process()->mutable_stderr_file()->set_path("/tmp/err");
  process.mutable_process()->mutable_stderr_file()->set_mode("0600");
  v1::TaskSpec& function = *create.add_tasks();
  function.mutable_function()->set_name("f");
  function.mutable_function()->mutable_payload()->set_text("t");
  function.set_rerun_on_restart(true);

  v1::SubmitTasksRequest submit;
  submit.set_group_id("g");
  *submit.mutable_tasks() = create.tasks();
  v1::RunGroupRequest run;
  *run.mutable_options()->mutable_spec() = create.spec();
  *run.mutable_tasks() = create.tasks();
  v1::ListGroupsRequest list;
  list.set_page_size(10);
  list.add_states(v1::GROUP_STATE_FAILED);
  list.mutable_created_after()->set_seconds(1);
  v1::StreamEventsRequest events;
  events.add_kinds(v1::EVENT_KIND_TASK_EXITED);
  events.set_cursor("c");
  std::vector<std::string> seeds;
  for (const google::protobuf::Message* message :
       std::initializer_list<const google::protobuf::Message*>{&create, &submit, &run, &list, &events}) {
    seeds.push_back(message->SerializeAsString());
  }
  return seeds;
}

TEST(RandomRequests, AnyBytesAreCheckedAndConvertedSafely) {
  std::mt19937 random(6);
  const std::vector<std::string> seeds = Seeds();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[random() % seeds.size()];
    for (size_t edits = random() % 6; edits > 0; --edits) {
      const size_t at = random() % (bytes.size() + 1);
      switch (random() % 4) {
        case 0:
          if (at < bytes.size()) bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        case 2:
          bytes.erase(at, random() % 4);
          break;
        default: {
          const std::string& other = seeds[random() % seeds.size()];
          bytes.insert(at, other, random() % other.size(), random() % 40);
        }
      }
    }
    CheckInput(std::string(1, static_cast<char>(random())) + bytes);
  }
}

}  // namespace
}  // namespace covey
