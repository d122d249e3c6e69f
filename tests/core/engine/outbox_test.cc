#include "core/engine/outbox.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/engine/key_turns.h"

namespace covey {
namespace {

using Said = std::vector<std::string>;

TEST(Outbox, TheNextBeginsWhenTheOneBeforeIsAnswered) {
  Outbox outbox;
  Said said;
  std::vector<std::function<void()>> answers;
  const auto write = [&](const std::string& what) {
    outbox.Post([&, what](std::function<void()> written) {
      said.push_back(what);
      answers.push_back(std::move(written));
    });
  };
  write("a");
  write("b");
  EXPECT_EQ(said, Said{"a"});
  answers[0]();
  EXPECT_EQ(said, (Said{"a", "b"}));
  answers[1]();
  write("c");
  EXPECT_EQ(said.back(), "c") << "at once when nothing is out";
  answers[2]();
}

TEST(Outbox, WhatIsPostedFromWithinWaitsItsTurn) {
  Outbox outbox;
  Said said;
  outbox.Post([&](const std::function<void()>& written) {
    outbox.Post([&](const std::function<void()>& also_written) {
      said.emplace_back("second");
      also_written();
    });
    said.emplace_back("first");
    written();
  });
  EXPECT_EQ(said, (Said{"first", "second"}));
}

TEST(KeyTurns, WhatSharesAKeyIsTriedAgainWhenItIsGivenBack) {
  KeyTurns turns;
  Said said;
  ASSERT_EQ(turns.Taken({"a", "b"}), nullptr);
  turns.Take({"a", "b"});
  const std::vector<std::string> keys{"c", "b"};
  const std::string* taken = turns.Taken(keys);
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(*taken, "b");
  turns.Park("b", [&] { said.emplace_back("first"); });
  turns.Park("a", [&] { said.emplace_back("second"); });
  turns.Park("b", [&] { said.emplace_back("third"); });
  EXPECT_EQ(turns.Taken({"c"}), nullptr);
  for (const auto& work : turns.Give({"b", "a"})) work();
  EXPECT_EQ(said, (Said{"first", "third", "second"}));
  EXPECT_EQ(turns.Taken({"a", "b"}), nullptr);
}

}  // namespace
}  // namespace covey
