#include "tests/server/journal/journal_suite.h"

// Watch, over every back end.
namespace covey {
namespace {

using Log = std::vector<std::pair<std::string, uint64_t>>;  // group, number

void AddTo(Log& log, const WatchPage& page) {
  for (const WatchedRecords& watched : page.groups) {
    for (const Record& record : watched.records) log.emplace_back(watched.group->id, record.number);
  }
}

TEST_P(JournalSuite, WatchTellsEveryEventOnceInTheOrderOfCommits) {
  Writer a("a", epoch_);
  Writer b("b", epoch_);
  Log expected;
  const auto commit = [&](Append append) {
    for (const Record& record : append.batch->records()) expected.emplace_back(append.group, record.number);
    Commit(std::move(append));
  };
  commit(a.Create());
  commit(a.Tasks(3));
  commit(b.Create());
  commit(a.Tasks(1200));
  commit(b.Tasks(2));
  commit(a.Seal());
  for (const size_t limit : {0, 1, 2, 100, 100000}) {
    Log seen;
    std::string cursor;
    for (;;) {
      const WatchPage page = client_->Watch(cursor, limit).value();
      AddTo(seen, page);
      cursor = page.cursor;
      EXPECT_EQ(page.more, seen.size() < expected.size());
      if (page.more) continue;
      const WatchPage end = client_->Watch(cursor, limit).value();
      EXPECT_TRUE(end.groups.empty());
      EXPECT_FALSE(end.more);
      EXPECT_EQ(end.cursor, cursor);
      break;
    }
    EXPECT_EQ(seen, expected) << "limit " << limit;
  }
}

// Whatever the page holds, its cursor goes on behind it, in the middle of an append as well.
TEST_P(JournalSuite, WatchTellsEveryEventOnceInPagesOfAnyBytes) {
  Writer a("a", epoch_);
  Writer b("b", epoch_);
  Commit(a.Create());
  Commit(b.Create());
  Commit(a.Tasks(5, std::string(300, 'x')));
  Commit(a.Tasks(1, std::string(5000, 'x')));
  Commit(b.Tasks(700, "x"));
  Commit(a.Seal());
  Log expected;
  AddTo(expected, client_->Watch("").value());
  ASSERT_EQ(expected.size(), 709u);
  for (const size_t bytes : {0, 1, 200, 700, 1000, 6000, 50000}) {
    Log seen;
    std::string cursor;
    for (bool more = true; more;) {
      const WatchPage page = client_->Watch(cursor, 1 << 20, bytes).value();
      AddTo(seen, page);
      size_t records = 0;
      size_t held = 0;
      for (const WatchedRecords& watched : page.groups) {
        for (const Record& record : watched.records) held += BytesOf(record);
        records += watched.records.size();
      }
      ASSERT_GT(records, 0u);
      if (records > 1) {
        EXPECT_LE(held, bytes);
      }
      cursor = page.cursor;
      more = page.more;
    }
    EXPECT_EQ(seen, expected) << bytes << " bytes";
  }
}

TEST_P(JournalSuite, ACursorWithinAnAppendLastsAcrossItsPurge) {
  const Writer gone = MakeCompleted("gone");
  Writer keep("keep", epoch_);
  Commit(keep.Create());
  const WatchPage page = client_->Watch("", 2).value();  // the creation, and one of two tasks
  EXPECT_EQ(page.groups.at(0).records.at(1).number, 2u);
  ASSERT_TRUE(client_->Purge("gone").ok());
  const WatchPage rest = client_->Watch(page.cursor).value();
  ASSERT_EQ(rest.groups.size(), 1u);
  EXPECT_EQ(rest.groups[0].group->id, "keep");
  EXPECT_EQ(rest.groups[0].records.size(), 1u);
}

TEST_P(JournalSuite, WatchPutsEventsOfOneGroupTogether) {
  Writer a("a", epoch_);
  Writer b("b", epoch_);
  a.spec().labels = {{"k", "v"}};
  Commit(a.Create());
  Commit(a.Tasks(3));
  Commit(b.Create());
  const WatchPage page = client_->Watch("").value();
  ASSERT_EQ(page.groups.size(), 2u);
  EXPECT_EQ(page.groups[0].records.size(), 4u);
  EXPECT_EQ(page.groups[0].group->labels, a.spec().labels);
  EXPECT_EQ(page.groups[1].records.size(), 1u);
}

TEST_P(JournalSuite, WatchBehindTheNewestTellsWhatComes) {
  Writer a("a", epoch_);
  EXPECT_TRUE(client_->Watch(client_->Newest().value()).value().groups.empty());
  Commit(a.Create());
  Commit(a.Tasks(3));
  const std::string cursor = client_->Newest().value();
  EXPECT_TRUE(client_->Watch(cursor).value().groups.empty());
  Commit(a.Tasks(1));
  const WatchPage page = client_->Watch(cursor).value();
  ASSERT_EQ(page.groups.size(), 1u);
  ASSERT_EQ(page.groups[0].records.size(), 1u);
  EXPECT_EQ(page.groups[0].records[0].number, 5u);
}

TEST_P(JournalSuite, WatchResumesWithWhatCameLater) {
  const std::string start = client_->Watch("").value().cursor;
  Writer group("g", epoch_);
  Commit(group.Create());
  WatchPage page = client_->Watch(start).value();
  ASSERT_EQ(page.groups.size(), 1u);
  Commit(group.Seal());
  page = client_->Watch(page.cursor).value();
  ASSERT_EQ(page.groups.size(), 1u);
  EXPECT_EQ(page.groups[0].records.at(0).number, 2u);
}

TEST_P(JournalSuite, ACursorLastsAcrossAPurgeOfTheNewest) {
  Writer keep("keep", epoch_);
  Commit(keep.Create());
  MakeCompleted("g");
  const std::string cursor = client_->Watch("").value().cursor;
  ASSERT_TRUE(client_->Purge("g").ok());
  for (int i = 0; i < 10; ++i)  // meanwhile its rows are deleted
    EXPECT_NE(client_->Send(Writer("keep", epoch_).Create()).kind, AppendResult::Kind::kCommitted);
  const Result<WatchPage> nothing = client_->Watch(cursor);
  ASSERT_TRUE(nothing.ok()) << nothing.error().message;
  EXPECT_TRUE(nothing.value().groups.empty());
  Commit(keep.Seal());  // must not take the place of what was purged
  const WatchPage page = client_->Watch(cursor).value();
  ASSERT_EQ(page.groups.size(), 1u);
  EXPECT_EQ(page.groups[0].records.at(0).number, 2u);
}

TEST_P(JournalSuite, AForeignCursorIsRefused) {
  Commit(Writer("g", epoch_).Create());
  const std::string cursor = client_->Watch("").value().cursor;
  TempDir other_dir;
  const std::unique_ptr<Journal> other = Open(other_dir.path());
  std::string flipped = cursor;
  flipped[5] = flipped[5] == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {std::string("1"), cursor + "A", cursor.substr(1), flipped, std::string(40, '\xFF')}) {
    EXPECT_EQ(client_->Watch(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(Client(*other).Watch(cursor).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_->List({}, 10, cursor).error().code, ErrorCode::kInvalidArgument)
      << "a cursor is no page token";
}

}  // namespace
}  // namespace covey
