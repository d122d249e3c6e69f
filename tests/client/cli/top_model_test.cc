#include "client/cli/top_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "client/cli/live_screen.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

using Wish = TopModel::Wish;

v1::Group Group(const std::string& id, const std::string& name, int64_t created, uint32_t done,
                uint32_t all) {
  v1::Group group;
  group.set_id(id);
  group.mutable_spec()->set_name(name);
  group.set_state(v1::GROUP_STATE_RUNNING);
  group.set_command("sleep 60");
  group.mutable_create_time()->set_seconds(created);
  group.mutable_tasks()->set_submitted(all);
  group.mutable_tasks()->set_succeeded(done);
  return group;
}

TopLook Overview() {
  TopSnapshot now;
  v1::Pool pool;
  pool.set_name("default");
  pool.mutable_spec()->set_max(4);
  now.pools = {pool};
  now.groups = {Group("g3", "cat", 30, 1, 4), Group("g2", "ant", 20, 3, 4), Group("g1", "bee", 10, 2, 4)};
  return {.place = {}, .seen = now};
}

TopLook OneGroup(const TopPlace& place) {
  TopGroup group{.group = Group(place.group, "cat", 30, 1, 4), .tasks = {}};
  for (const char* name : {"first", "second"}) {
    v1::Task task;
    task.set_name(name);
    task.set_state(v1::TASK_STATE_RUNNING);
    group.tasks.push_back(task);
  }
  return {.place = place, .seen = group};
}

constexpr TopSpace kWide{.columns = 120, .rows = 20, .colors = false, .short_ids = true};

void Type(TopModel& model, const std::string& keys) {
  for (const char key : keys) EXPECT_EQ(model.Press(static_cast<unsigned char>(key)), Wish::kNothing) << key;
}

bool Shows(const TopModel& model, const std::string& words) {
  return model.Text(kWide).find(words) != std::string::npos;
}

// Which groups are listed, in their order.
std::string Listed(const TopModel& model) {
  const std::string text = model.Text(kWide);
  std::vector<std::pair<size_t, std::string>> found;
  for (const char* id : {"g1", "g2", "g3"}) {
    if (const size_t at = text.find(id); at != std::string::npos) found.emplace_back(at, id);
  }
  std::sort(found.begin(), found.end());
  std::string ids;
  for (const auto& [at, id] : found) ids += id;
  return ids;
}

TEST(TopModelTest, SortsAndFilters) {
  TopModel model;
  EXPECT_FALSE(model.ready());
  model.Take(Overview());
  EXPECT_TRUE(model.ready());
  EXPECT_EQ(Listed(model), "g3g2g1");
  Type(model, "s");
  EXPECT_EQ(Listed(model), "g2g1g3") << "by name";
  Type(model, "r");
  EXPECT_EQ(Listed(model), "g3g1g2");
  Type(model, "rss");
  EXPECT_EQ(Listed(model), "g2g1g3") << "by what is done";
  Type(model, "/bee");
  EXPECT_EQ(Listed(model), "g1");
  EXPECT_TRUE(Shows(model, "/bee_"));
  EXPECT_EQ(model.Press(LiveScreen::kBackspace), Wish::kNothing);
  EXPECT_EQ(model.Press(LiveScreen::kEnter), Wish::kNothing);
  EXPECT_TRUE(Shows(model, "/be")) << "it stays";
  EXPECT_EQ(model.Press(LiveScreen::kEscape), Wish::kNothing);
  EXPECT_EQ(Listed(model), "g2g1g3");
}

TEST(TopModelTest, OpensAGroupAndATaskAndComesBack) {
  TopModel model;
  model.Take(Overview());
  EXPECT_EQ(model.Press(LiveScreen::kDown), Wish::kNothing);
  EXPECT_TRUE(Shows(model, ">  g2"));
  EXPECT_EQ(model.Press(LiveScreen::kEnter), Wish::kLook);
  EXPECT_EQ(model.place().group, "g2");
  EXPECT_FALSE(model.ready());
  model.Take(Overview());
  EXPECT_FALSE(model.ready()) << "an answer about another place";
  model.Take(OneGroup(model.place()));
  EXPECT_TRUE(Shows(model, ">  first"));
  EXPECT_EQ(model.Press(LiveScreen::kEnd), Wish::kNothing);
  EXPECT_TRUE(Shows(model, ">  second"));
  EXPECT_EQ(model.Press(LiveScreen::kRight), Wish::kLook);
  EXPECT_EQ(model.place().task, "second");
  model.Take({.place = model.place(),
              .seen = TopLogs{.task = {}, .standard_error = false, .lines = {"one", "two"}}});
  EXPECT_TRUE(Shows(model, "one\ntwo\n"));
  EXPECT_EQ(model.Press('e'), Wish::kLook);
  EXPECT_TRUE(model.place().standard_error);
  EXPECT_EQ(model.Press(LiveScreen::kLeft), Wish::kLook);
  model.Take(OneGroup(model.place()));
  EXPECT_TRUE(Shows(model, ">  second")) << "where it was";
  EXPECT_EQ(model.Press(LiveScreen::kBackspace), Wish::kLook);
  model.Take(Overview());
  EXPECT_TRUE(Shows(model, ">  g2"));
  EXPECT_EQ(model.Press(LiveScreen::kLeft), Wish::kNothing) << "there is nothing above";
}

TEST(TopModelTest, CancelsAfterAQuestion) {
  TopModel model;
  model.Take(Overview());
  Type(model, "c");
  EXPECT_TRUE(Shows(model, "cancel group g3? y/n"));
  Type(model, "n");
  EXPECT_FALSE(Shows(model, "y/n"));
  Type(model, "c");
  EXPECT_EQ(model.Press('y'), Wish::kCancel);
  EXPECT_EQ(model.cancelled().group, "g3");
  EXPECT_EQ(model.cancelled().task, "");
  model.Say("cancelled");
  EXPECT_TRUE(Shows(model, "cancelled"));
  EXPECT_EQ(model.Press(LiveScreen::kEnter), Wish::kLook);
  model.Take(OneGroup(model.place()));
  Type(model, "c");
  EXPECT_TRUE(Shows(model, "cancel task first? y/n"));
  EXPECT_EQ(model.Press('y'), Wish::kCancel);
  EXPECT_EQ(model.cancelled().task, "first");
}

TEST(TopModelTest, QLeavesFromEverywhereButAFilter) {
  TopModel model;
  EXPECT_EQ(model.Press('q'), Wish::kLeave) << "before anything was seen";
  model.Take(Overview());
  Type(model, "?");
  EXPECT_TRUE(Shows(model, "Ctrl-C"));
  EXPECT_EQ(model.Press('q'), Wish::kLeave);
  Type(model, "c");
  EXPECT_EQ(model.Press('q'), Wish::kLeave);
  Type(model, "/q");
  EXPECT_EQ(Listed(model), "");
  for (const int key :
       {static_cast<int>(LiveScreen::kEnter), static_cast<int>('c'), static_cast<int>(LiveScreen::kDown)})
    EXPECT_EQ(model.Press(key), Wish::kNothing) << "nothing is listed";
  EXPECT_EQ(model.Press('q'), Wish::kLeave);
}

TEST(TopModelTest, TheSelectionStaysWithItsGroup) {
  TopModel model;
  model.Take(Overview());
  Type(model, "jj");
  EXPECT_TRUE(Shows(model, ">  g1"));
  TopLook fewer = Overview();
  auto& groups = std::get<TopSnapshot>(fewer.seen).groups;
  groups.erase(groups.begin());
  model.Take(fewer);
  EXPECT_TRUE(Shows(model, ">  g1"));
  groups.pop_back();
  model.Take(fewer);
  EXPECT_TRUE(Shows(model, ">  g2")) << "its group is gone";
}

TEST(TopModelTest, FitsEverySize) {
  TopModel model;
  model.SayOld("not now: the daemon is away");
  TopLook many = Overview();
  auto& groups = std::get<TopSnapshot>(many.seen).groups;
  for (int i = 0; i < 100; ++i)
    groups.push_back(Group("h" + std::to_string(i), "a-rather-long-name", 5, 1, 2));
  model.Take(many);
  for (int i = 0; i < 60; ++i) Type(model, "j");
  for (size_t columns : {1, 10, 40, 80, 200}) {
    for (size_t rows : {2, 3, 5, 8, 24, 200}) {
      const std::string text =
          model.Text({.columns = columns, .rows = rows, .colors = false, .short_ids = true});
      EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), rows)
          << columns << "x" << rows;
      for (size_t begin = 0; begin < text.size();) {
        const size_t end = text.find('\n', begin);
        EXPECT_LE(Width(text.substr(begin, end - begin)), columns);
        begin = end + 1;
      }
      if (columns >= 40 && rows >= 5) {
        EXPECT_NE(text.find(">"), std::string::npos) << "the selected row is seen";
        EXPECT_NE(text.find("1/2"), std::string::npos) << "figures are";
      }
      if (columns == 40) {
        EXPECT_EQ(text.find('['), std::string::npos) << "bars go first";
      }
    }
  }
}

}  // namespace
}  // namespace covey::cli
