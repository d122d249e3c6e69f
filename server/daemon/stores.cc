#include "server/daemon/stores.h"

#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/engine/uuid.h"
#include "server/journal/backup.h"
#include "server/journal/memory_journal.h"
#include "server/journal/sqlite_journal.h"

namespace covey {
namespace {

void TellSlow(Log& log, std::chrono::nanoseconds took, size_t appends) {
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  log.Write({.part = LogPart::kJournal,
             .level = LogLevel::kWarning,
             .kind = "journal_slow",
             .message = "the journal is slow: appends have waited for the disk",
             .fields = {{"milliseconds", static_cast<uint64_t>(waited)}, {"appends", uint64_t{appends}}},
             .most = 1});
}

}  // namespace

Stores::~Stores() {
  Close();
  output_.reset();
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

Status Stores::Open(const Config& config, bool adopt, const std::shared_ptr<Log>& log) {
  const bool in_memory = config.journal == "memory";
  if (Status status = in_memory ? OpenTemporary() : OpenData(config, adopt, log); !status.ok()) return status;
  auto output = FileOutputStore::Open({.directory = (in_memory ? temporary_ : config.data_dir) + "/output",
                                       .bounds = {.head = config.output_limit, .tail = config.output_limit}});
  if (!output.ok()) return Status::Error(output.error().message);
  output_ = std::move(output.value());
  return Status::Ok();
}

Status Stores::OpenTemporary() {
  journal_ = std::make_shared<MemoryJournal>();
  id_ = NewUuid();
  std::string name = (std::filesystem::temp_directory_path() / "coveyd-XXXXXX").string();
  // The umask may have taken bits of the mode.
  if (mkdtemp(name.data()) == nullptr || chmod(name.c_str(), 0700) != 0) {
    return Status::Error("cannot make a temporary directory for output, " + name + ": " + strerror(errno));
  }
  temporary_ = name;
  return Status::Ok();
}

Status Stores::OpenData(const Config& config, bool adopt, const std::shared_ptr<Log>& log) {
  using OfCopy = DataDirectory::OfCopy;
  auto data = DataDirectory::Open(config.data_dir, adopt ? OfCopy::kAdopt : OfCopy::kPark);
  if (!data.ok()) return Status::Error(data.error().message);
  data_ = std::move(data.value());
  id_ = data_->id();
  if (data_->was_copied() && adopt)
    log->Of(LogPart::kJournal)->warn("data directory {}, which was a copy, is adopted", data_->path());
  journal_counts_ = std::make_shared<JournalCounts>();
  auto journal = OpenSqliteJournal(
      {.directory = config.data_dir,
       .data = data_,
       .durability = config.durable ? Durability::kFull : Durability::kNone,
       .log = log->Teller(LogPart::kJournal, LogLevel::kInfo, {}),
       .on_trouble = [this, log](const Error* why) { OnTrouble(why, *log); },
       .on_slow = [log](std::chrono::nanoseconds took, size_t appends) { TellSlow(*log, took, appends); },
       .counts = journal_counts_});
  if (!journal.ok()) return Status::Error(Explain(journal.error()));
  journal_ = std::move(journal.value());
  if (data_->copied()) {
    const std::string why = data_->Refusal()->message;
    log->Of(LogPart::kJournal)->error("{}", why);
    health_.Set(Health::Reason::kCopied, why);
  }
  watch_ = std::make_unique<DataWatch>(data_, journal_, health_, log->Of(LogPart::kJournal));
  return Status::Ok();
}

std::string Stores::Explain(const Error& error) const {
  if (error.code != ErrorCode::kDataLoss || data_ == nullptr) return error.message;
  return error.message + "; coveyd --repair NEW-DIRECTORY --data-dir " + data_->path() +
         " saves what can be read";
}

void Stores::OnTrouble(const Error* why, Log& log) {
  if (data_->copied()) return;                                   // it is told already
  if (why != nullptr && why->reason == "DATA_DIR_GONE") return;  // the watch tells it
  if (!health_.Set(Health::Reason::kJournal, why == nullptr ? std::string() : why->message)) return;
  if (why == nullptr) {
    log.Of(LogPart::kJournal)->info("the journal can be written again");
  } else {
    log.Of(LogPart::kJournal)->error("the journal cannot be written: {}", why->message);
  }
}

void Stores::Backup(const std::function<void(Result<BackupReader>)>& done) const {
  journal_->HoldFiles([path = data_ == nullptr ? std::string() : data_->path(), done](auto hold) {
    if (!hold.ok()) return done(hold.error());
    const auto stream = std::make_shared<BackupStream>(path, std::move(hold.value()));
    done(BackupReader([stream] { return stream->Next(); }));
  });
}

void Stores::Close() {
  watch_.reset();
  if (journal_ != nullptr) journal_->Close();
}

}  // namespace covey
