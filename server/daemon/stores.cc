#include "server/daemon/stores.h"

#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/engine/uuid.h"
#include "server/journal/memory_journal.h"
#include "server/journal/sqlite_journal.h"

namespace covey {
Stores::~Stores() {
  Close();
  output_.reset();
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

Status Stores::Open(const Config& config, bool adopt, const std::shared_ptr<spdlog::logger>& log) {
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

Status Stores::OpenData(const Config& config, bool adopt, const std::shared_ptr<spdlog::logger>& log) {
  using OfCopy = DataDirectory::OfCopy;
  auto data = DataDirectory::Open(config.data_dir, adopt ? OfCopy::kAdopt : OfCopy::kPark);
  if (!data.ok()) return Status::Error(data.error().message);
  data_ = std::move(data.value());
  id_ = data_->id();
  if (data_->was_copied() && adopt)
    log->warn("data directory {}, which was a copy, is adopted", data_->path());
  auto journal = OpenSqliteJournal({.directory = config.data_dir,
                                    .data = data_,
                                    .durability = config.durable ? Durability::kFull : Durability::kNone,
                                    .log = [log](const std::string& line) { log->info("{}", line); }});
  if (!journal.ok()) return Status::Error(journal.error().message);
  journal_ = std::move(journal.value());
  return Status::Ok();
}

void Stores::Close() {
  if (journal_ != nullptr) journal_->Close();
}

}  // namespace covey
