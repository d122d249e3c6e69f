// Tasks that do nothing through the engine alone, over a journal in memory, on one thread: run by cost_bench.py under
// callgrind, with counts and activity log and without, so that what these cost is exact.
//
// cost_tasks with|without TASKS IN-A-GROUP

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/log/activity.h"
#include "server/log/log.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

constexpr size_t kBatch = 100;

void Run(bool with, size_t tasks, size_t in_group) {
  World world(64);
  world.executor->ExitAtOnce();
  world.counts = with;
  if (with) {
    world.activity =
        std::make_shared<ActivityLines>(Log::New(std::make_unique<StreamLogOutput>(STDERR_FILENO), {}));
  }
  COVEY_CHECK(!world.Open());
  for (size_t done = 0; done < tasks; done += in_group) {
    const auto group = world.Make(0, false, {.id = "g" + std::to_string(done)});
    for (size_t i = 0; i < in_group; i += kBatch) {
      const size_t count = std::min(kBatch, in_group - i);
      group->Submit(World::Tasks(count), i + count == in_group, {},
                    [](const auto& reply) { COVEY_CHECK(reply.ok()); });
    }
    COVEY_CHECK(group->View().state.succeeded == in_group);
  }
}

}  // namespace
}  // namespace covey::testing

int main(int argc, char** argv) {
  const std::string_view mode = argc == 4 ? argv[1] : "";
  if (mode != "with" && mode != "without") {
    std::fprintf(stderr, "usage: cost_tasks with|without TASKS IN-A-GROUP\n");
    return 64;
  }
  covey::testing::Run(mode == "with", static_cast<size_t>(std::atol(argv[2])),
                      static_cast<size_t>(std::atol(argv[3])));
  return 0;
}
