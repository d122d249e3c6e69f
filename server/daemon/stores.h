#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/journal/journal.h"
#include "core/journal/journal_counts.h"
#include "core/output/file_output_store.h"
#include "covey/status.h"
#include "server/config/config.h"
#include "server/daemon/data_watch.h"
#include "server/journal/data_directory.h"
#include "server/log/log.h"
#include "server/services/health.h"
#include "server/services/service_context.h"

namespace covey {

// Where a daemon keeps its journal and its output: in a data directory that it has locked, or, with the
// journal in memory, in a directory that goes with it.
//
// Thread safety: none; what it hands out has its own.
class Stores {
 public:
  // `health` is told whether what is kept can be written, and outlives this.
  explicit Stores(Health& health) : health_(health) {}
  ~Stores();
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  // Takes the lock on the data directory and opens what is in it. Recovers nothing. `adopt`: a copy is made
  // one's own.
  Status Open(const Config& config, bool adopt, const std::shared_ptr<Log>& log);
  // The journal answers what it was asked for and takes no more. Before what it answers goes. Idempotent.
  void Close();

  // Opens a backup of what is kept. From any thread, before Close.
  void Backup(const std::function<void(Result<BackupReader>)>& done) const;

  // What to tell of an error of the journal: with what saves the rest when something is lost.
  std::string Explain(const Error& error) const;

  const std::shared_ptr<Journal>& journal() const { return journal_; }
  // What the journal has written; null: it is in memory.
  const std::shared_ptr<JournalCounts>& journal_counts() const { return journal_counts_; }
  const std::shared_ptr<FileOutputStore>& output() const { return output_; }
  // A random name for this data directory, made once: tells the processes of its tasks from all others.
  const std::string& id() const { return id_; }
  // Null when the journal is in memory.
  const std::shared_ptr<DataDirectory>& data() const { return data_; }
  // The data directory is a copy: nothing of it may run, and the processes of its tasks are another daemon's.
  bool copied() const { return data_ != nullptr && data_->copied(); }

 private:
  Status OpenTemporary();
  // On the thread that writes the journal.
  void OnTrouble(const Error* why, Log& log);
  Status OpenData(const Config& config, bool adopt, const std::shared_ptr<Log>& log);

  Health& health_;
  std::shared_ptr<DataDirectory> data_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<JournalCounts> journal_counts_;
  std::shared_ptr<FileOutputStore> output_;
  std::string id_;
  std::string temporary_;  // removed at the end; empty: none
  std::unique_ptr<DataWatch> watch_;
};

}  // namespace covey
