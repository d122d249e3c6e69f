// Random commands, given to a group that leaves what has ended to the journal and to one that does not.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/core/engine/fold_tell.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;
using Reply = Result<DurableGroup::SubmitReply>;

// Whatever is done to two groups, of which one leaves what has ended to the journal, they answer alike; and so they do after
// restarts.
TEST(FoldModelTest, TwinsAnswerAlike) {
  const char* const chosen = std::getenv("COVEY_SEED");
  const unsigned first = chosen != nullptr ? static_cast<unsigned>(std::atoi(chosen)) : 1;
  for (unsigned seed = first; seed < first + (chosen != nullptr ? 1 : 60); ++seed) {
    SCOPED_TRACE("COVEY_SEED=" + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
    World folds(3);
    World twin(3);
    folds.fold_after = 1 + below(12);
    std::vector<World*> both = {&folds, &twin};
    std::vector<World::GroupPtr> groups;
    for (World* world : both) {
      ASSERT_FALSE(world->Open());
      groups.push_back(world->Create({.spec = {.id = "g", .policy = state::Policy::kAllSettled}}).value());
    }
    unsigned names = 0;
    for (int step = 0; step < 150; ++step) {
      const unsigned what = below(20);
      const unsigned count = 1 + below(6);
      const unsigned pick = random();
      const bool named = below(2) == 0;
      const bool rerun = below(2) == 0;
      const std::string old_name = "n" + std::to_string(below(names + 1));
      std::vector<std::string> answers;
      for (size_t i = 0; i < both.size(); ++i) {
        World& world = *both[i];
        std::string answer;
        if (what < 7) {
          std::vector<TaskSpec> tasks;
          for (unsigned j = 0; j < count; ++j) {
            tasks.push_back(World::Task(named ? "n" + std::to_string(names + j) : ""));
            tasks.back().rerun_on_restart = rerun;
          }
          const Reply reply = Get(world.Submit(groups[i], std::move(tasks),
                                               {.id = "r" + std::to_string(step), .fingerprint = 1}));
          answer = std::to_string(reply.value().first_index);
        } else if (what < 15) {
          const Lines running = world.executor->running();
          if (!running.empty()) {
            const std::string attempt = running[pick % running.size()];
            answer = attempt;
            world.executor->Exit(attempt, pick % 5 == 0 ? Status(ExitFailure(4)) : Status(),
                                 std::make_shared<const Payload>(Payload{.bytes = attempt}));
          }
        } else if (what == 15) {
          const Reply reply = Get(world.Submit(groups[i], {World::Task(old_name)}));
          answer = reply.ok() ? "taken" : reply.error().reason;
        } else if (what == 16) {
          const Reply reply =
              Get(world.Submit(groups[i], {}, {.id = "r" + std::to_string(pick % 150), .fingerprint = 2}));
          answer = reply.ok() ? std::to_string(reply.value().first_index) : reply.error().reason;
        } else if (what == 17) {
          const Result<uint32_t> found = Get(Ask<Result<uint32_t>>(
              [&](auto done) { world.engine().FindTask(groups[i], old_name, std::move(done)); }));
          answer = found.ok() ? std::to_string(found.value()) : found.error().reason;
        } else if (what == 18) {
          const uint32_t tasks = groups[i]->task_count();
          if (tasks > 0) {
            Get(Ask<std::optional<Error>>([&](auto done) {
              groups[i]->CancelTask(pick % tasks, {.kind = FailureKind::kCancelled, .message = "no"}, done);
            }));
          }
        } else if (pick % 3 == 0) {
          ASSERT_FALSE(world.Open());
          groups[i] = world.Find("g").value();
        } else {
          world.Advance(std::chrono::milliseconds(count));
        }
        answers.push_back(std::move(answer));
      }
      ASSERT_EQ(answers[0], answers[1]) << "step " << step << " " << what;
      if (what < 7 && named) names += count;
      if (what == 15 && answers[0] == "taken" && old_name == "n" + std::to_string(names)) ++names;
      if (step % 10 == 9) {
        ASSERT_EQ(Tell(folds, groups[0]), Tell(twin, groups[1])) << "step " << step;
      }
    }
    EXPECT_EQ(folds.CheckLog(groups[0]), "");
    EXPECT_EQ(groups[1]->folded(), 0u);
  }
}

}  // namespace
}  // namespace covey::testing
