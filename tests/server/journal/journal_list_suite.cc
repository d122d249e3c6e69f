#include <algorithm>

#include "tests/server/journal/journal_suite.h"

// List, over every back end.
namespace covey {
namespace {

std::vector<std::string> Ids(const std::vector<GroupSummary>& groups) {
  std::vector<std::string> ids;
  for (const GroupSummary& group : groups) ids.push_back(group.spec->id);
  return ids;
}

class JournalListSuite : public JournalSuite {
 protected:
  // Groups g0, g1, …: every phase, two names in turn, labels "third" and "kind", two of them made in the same
  // instant.
  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      Writer writer("g" + std::to_string(i), epoch_);
      writer.spec().name = (i % 2 == 0 ? "even/" : "odd/") + std::to_string(i);
      writer.spec().labels = {{"kind", i % 2 == 0 ? "even" : "odd"}};
      if (i % 3 == 0) writer.spec().labels.emplace_back("third", "yes");
      writer.summary().created = Writer::At(i / 2);
      Commit(writer.Create());
      const int phase = i % 5 + 1;
      if (phase >= 2) Commit(writer.Decide(static_cast<state::Outcome>(std::max(1, phase - 2))));
      if (phase >= 3) Commit(writer.Complete());
      model_.push_back(writer.summary());
    }
  }

  // The same by brute force.
  std::vector<std::string> Model(const GroupFilter& filter) const {
    std::vector<GroupSummary> found;
    std::copy_if(model_.rbegin(), model_.rend(), std::back_inserter(found),
                 [&](const GroupSummary& group) { return journal::Matches(filter, group); });
    return Ids(found);
  }

  std::vector<std::string> ListAll(const GroupFilter& filter, size_t limit) {
    std::vector<std::string> ids;
    std::string token;
    do {
      const GroupPage page = client_->List(filter, limit, token).value();
      EXPECT_LE(page.groups.size(), limit);
      EXPECT_TRUE(page.next.empty() || page.groups.size() == limit);
      for (std::string& id : Ids(page.groups)) ids.push_back(std::move(id));
      token = page.next;
    } while (!token.empty());
    return ids;
  }

  std::vector<GroupSummary> model_;
  int next_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Journal, JournalListSuite, ::testing::Values("memory", "sqlite"),
                         [](const auto& backend) { return backend.param; });

TEST_P(JournalListSuite, ListsNewestFirstByAnyFilterInPagesOfAnySize) {
  Fill(60);
  std::vector<GroupFilter> filters = {
      {},
      {.labels = {{"third", "yes"}}},
      {.labels = {{"kind", "even"}, {"third", "yes"}}},
      {.labels = {{"kind", "neither"}}},
      {.name_prefix = "even/"},
      {.name_prefix = "even/1"},
      {.name_prefix = "f"},
      {.id_prefix = "g1"},
      {.id_prefix = "g17"},
      {.id_prefix = "h"},
      {.id_prefix = "g", .created_from = Writer::At(3), .created_until = Writer::At(9)},
      {.name = "even/12"},
      {.name = "even/"},
      {.name_prefix = "even/", .id_prefix = "g1", .name = "even/12"},
      {.labels = {{"kind", "odd"}}, .id_prefix = "g2"},
      {.created_from = Writer::At(10)},
      {.created_until = Writer::At(10)},
      {.created_from = Writer::At(5), .created_until = Writer::At(6)},
      {.labels = {{"kind", "odd"}}, .name_prefix = "odd/1", .created_from = Writer::At(5)},
  };
  const size_t plain = filters.size();
  for (int bits = 1; bits < 32; ++bits) {
    for (size_t f = 0; f < (bits % 7 == 0 ? plain : 1); ++f) {
      GroupFilter filter = filters[f];
      for (int phase = 1; phase <= 5; ++phase) {
        if ((bits >> (phase - 1) & 1) != 0) filter.phases.push_back(static_cast<GroupPhase>(phase));
      }
      filters.push_back(filter);
    }
  }
  for (size_t f = 0; f < filters.size(); ++f) {
    for (const size_t limit : {1, 7, 100})
      EXPECT_EQ(ListAll(filters[f], limit), Model(filters[f])) << "filter " << f;
  }
}

TEST_P(JournalListSuite, PagesAreCutByBytes) {
  for (int i = 0; i < 7; ++i) {
    Writer writer("g" + std::to_string(i), epoch_);
    writer.spec().labels = {{"k", std::string(i == 3 ? 5000 : 500, 'v')}};
    writer.summary().created = Writer::At(i);
    Commit(writer.Create());
  }
  std::vector<size_t> sizes;
  std::vector<std::string> ids;
  std::string token;
  do {
    const GroupPage page = client_->List({}, 1000, token, 2000).value();
    for (std::string& id : Ids(page.groups)) ids.push_back(std::move(id));
    sizes.push_back(page.groups.size());
    token = page.next;
  } while (!token.empty());
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 1, 3})) << "the large one alone";
  EXPECT_EQ(ids, (std::vector<std::string>{"g6", "g5", "g4", "g3", "g2", "g1", "g0"}));
}

TEST_P(JournalListSuite, PagesAreStableWhileGroupsCome) {
  Fill(20);
  const GroupPage first = client_->List({}, 5).value();
  const std::vector<std::string> before = Model({});
  Writer newer("newer", epoch_);
  newer.summary().created = Writer::At(1000);
  Commit(newer.Create());
  const GroupPage second = client_->List({}, 5, first.next).value();
  EXPECT_EQ(Ids(second.groups), std::vector<std::string>(before.begin() + 5, before.begin() + 10));
  EXPECT_EQ(Ids(client_->List({}, 1).value().groups), std::vector<std::string>{"newer"});
}

TEST_P(JournalListSuite, AListedGroupIsItsSummary) {
  Fill(3);
  Writer last("g2", epoch_);
  const GroupSummary listed = client_->List({}, 1).value().groups.at(0);
  EXPECT_EQ(listed.spec->id, "g2");
  EXPECT_EQ(listed.spec->labels, model_[2].spec->labels);
  EXPECT_EQ(listed.state, model_[2].state);
  EXPECT_EQ(listed.last_number, 3u);
  EXPECT_EQ(listed.first_task, nullptr);
}

TEST_P(JournalListSuite, AListedGroupHasTheBeginningOfItsFirstTask) {
  const auto listed = [this](TaskWork work) {
    Writer writer("g" + std::to_string(next_++), epoch_);
    writer.summary().first_task = std::make_shared<const TaskSpec>(TaskSpec{.work = std::move(work)});
    Commit(writer.Create());
    return client_->List({}, 1).value().groups.at(0).first_task->work;
  };
  const auto process = [&](std::vector<std::string> argv) {
    ProcessSpec spec;
    spec.argv = std::move(argv);
    return std::get<std::shared_ptr<const ProcessSpec>>(listed(std::make_shared<const ProcessSpec>(spec)))
        ->argv;
  };
  EXPECT_EQ(process({"sleep", "60"}), (std::vector<std::string>{"sleep", "60"}));
  EXPECT_EQ(process({"sh", "-c", std::string(100'000, 'x'), "y"})[2].substr(0, 3), "xxx");
  EXPECT_EQ(std::get<FunctionSpec>(listed(FunctionSpec{.name = "covey.echo"})).name, "covey.echo");
  EXPECT_EQ(std::get<OpaqueSpec>(listed(OpaqueSpec{.kind = 9, .message = "m"})).kind, 9u);
}

TEST_P(JournalListSuite, AForeignTokenIsRefused) {
  Fill(10);
  const std::string token = client_->List({}, 3).value().next;
  ASSERT_FALSE(token.empty());
  const GroupFilter other{.name_prefix = "even/"};
  EXPECT_EQ(client_->List(other, 3, token).error().code, ErrorCode::kInvalidArgument)
      << "made for another filter";
  for (const std::string& bad : {std::string("x"), token + "A", std::string(40, 'A')}) {
    EXPECT_EQ(client_->List({}, 3, bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace covey
