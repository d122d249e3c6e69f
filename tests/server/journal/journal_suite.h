#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/journal/memory_journal.h"
#include "server/journal/sqlite_journal.h"
#include "tests/server/journal/support.h"

namespace covey {

// What every back end must do: each case runs over all of them.
class JournalSuite : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    journal_ = Open(dir_.path());
    client_ = std::make_unique<Client>(*journal_);
    epoch_ = client_->Acquire();
  }

  std::unique_ptr<Journal> Open(const std::string& directory) {
    const auto now = [this] { return now_; };
    if (GetParam() == "memory") return std::make_unique<MemoryJournal>(MemoryJournal::Options{.now = now});
    Result<std::unique_ptr<Journal>> opened = OpenSqliteJournal({.directory = directory, .now = now});
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    return std::move(opened.value());
  }

  // Sends an append that must be committed.
  void Commit(Append append) {
    const uint64_t last = append.batch->last();
    const AppendResult result = client_->Send(std::move(append));
    EXPECT_EQ(result.kind, AppendResult::Kind::kCommitted) << result.error.message;
    EXPECT_EQ(result.head, last);
  }

  // A group that is over.
  Writer MakeCompleted(const std::string& id, const std::string& request = "") {
    Writer writer(id, epoch_);
    Commit(writer.Create(request));
    Commit(writer.Tasks(2));
    Commit(writer.Decide(state::Outcome::kSucceeded));
    Commit(writer.Complete());
    return writer;
  }

  TempDir dir_;
  WallTime now_ = Writer::At(0);
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Client> client_;
  uint64_t epoch_ = 0;
};

}  // namespace covey
