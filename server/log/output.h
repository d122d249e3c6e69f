#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/unique_fd.h"
#include "server/log/line.h"

namespace covey {

// Where the lines of a log go. Nothing of it blocks, whoever reads at the other end: what cannot be written is
// the caller's to count.
//
// Not thread-safe: guarded by the lock of its log.
class LogOutput {
 public:
  virtual ~LogOutput() = default;
  // False: it is lost.
  virtual bool Write(const LogLine& line, bool json) = 0;
  // Tries again what waits to be written. True when nothing waits any more.
  virtual bool Drain() { return true; }
};

// A descriptor, standard error as a rule. What a slow reader has no room for waits, up to kRoom bytes. A file
// or a terminal takes lines at the pace of the system; pipes and sockets, whose readers may stand still, are
// never waited for.
class StreamLogOutput final : public LogOutput {
 public:
  static constexpr size_t kRoom = size_t{256} << 10;

  // `fd` stays the caller's, and stays open as long as this.
  explicit StreamLogOutput(int fd);
  bool Write(const LogLine& line, bool json) override;
  bool Drain() override;

 private:
  enum class Sent : uint8_t { kAll, kSome, kFailed };

  // Of `bytes`, from the beginning; what was taken is removed.
  Sent Send(std::string* bytes);
  ssize_t SendOnce(const char* bytes, size_t size) const;

  const int fd_;
  UniqueFd own_;  // the same pipe or terminal, opened anew so that it alone does not block
  bool is_socket_ = false;
  bool is_file_ = false;
  bool torn_ = false;    // what was written last is no whole line
  std::string waiting_;  // begins within a line when torn_
};

// The journal of systemd, by its native protocol: a datagram for each line, with its fields.
class JournalLogOutput final : public LogOutput {
 public:
  static constexpr std::string_view kSocket = "/run/systemd/journal/socket";

  // Null: nobody listens there.
  static std::unique_ptr<JournalLogOutput> Open(const std::string& socket_path);
  bool Write(const LogLine& line, bool json) override;

  // True when `fd` is the stream that systemd has connected to its journal, as JOURNAL_STREAM, "DEVICE:INODE",
  // tells (systemd.exec(5)). Null: it tells nothing.
  static bool IsJournal(int fd, const char* journal_stream);

 private:
  JournalLogOutput(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const UniqueFd fd_;
  const std::string path_;
};

// Where a daemon's lines go: its standard error, or, when that is connected to systemd's journal and a line is not
// to be JSON, the journal.
class StandardLogOutput final : public LogOutput {
 public:
  // `journal_stream`: the variable JOURNAL_STREAM of the environment; may be null. `journal_socket`: where the
  // journal listens.
  StandardLogOutput(int fd, const char* journal_stream, const std::string& journal_socket);
  bool Write(const LogLine& line, bool json) override;
  bool Drain() override { return stream_.Drain(); }

 private:
  StreamLogOutput stream_;
  std::unique_ptr<JournalLogOutput> journal_;  // null: it is not connected to one
};

}  // namespace covey
