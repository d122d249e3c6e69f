#include "core/output/file_output_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

namespace covey {
namespace {

namespace fs = std::filesystem;

struct StreamId {
  uint32_t task = 0;
  uint32_t attempt = 0;
  OutputStream stream = OutputStream::kStdout;
  auto operator<=>(const StreamId&) const = default;
};

struct Segment {
  uint64_t start = 0;
  uint64_t size = 0;
  uint64_t end() const { return start + size; }
};

struct Stream {
  uint64_t written = 0;
  std::vector<Segment> segments;
};

StreamId IdOf(const OutputKey& key) { return {key.task, key.attempt, key.stream}; }

// A group's id as a file name. Ids are checked where they come in; nothing that slips through leaves the
// directory.
std::string Escape(const std::string& id) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name;
  for (size_t i = 0; i < id.size(); ++i) {
    const auto byte = static_cast<unsigned char>(id[i]);
    if (std::isalnum(byte) || byte == '_' || byte == '-' || (byte == '.' && i > 0)) {
      name += id[i];
    } else {
      name += '%';
      name += kHex[byte >> 4];
      name += kHex[byte & 0x0F];
    }
  }
  return name;
}

std::string FileName(const StreamId& id, uint64_t start) {
  return std::to_string(id.task) + "." + std::to_string(id.attempt) +
         (id.stream == OutputStream::kStdout ? ".out." : ".err.") + std::to_string(start);
}

template <typename T>
bool TakeNumber(std::string_view& text, T* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakeText(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool ParseFileName(std::string_view name, StreamId* id, uint64_t* start) {
  if (!TakeNumber(name, &id->task) || !TakeText(name, ".") || !TakeNumber(name, &id->attempt)) return false;
  if (TakeText(name, ".out.")) {
    id->stream = OutputStream::kStdout;
  } else if (TakeText(name, ".err.")) {
    id->stream = OutputStream::kStderr;
  } else {
    return false;
  }
  return TakeNumber(name, start) && name.empty();
}

struct Subscriber {
  Mutex mutex;  // held during the call, so that the end of the subscription waits for it
  std::function<void(uint32_t, uint32_t, OutputStream)> changed COVEY_GUARDED_BY(mutex);
};

}  // namespace

struct FileOutputStore::Group {
  explicit Group(std::string directory_path) : directory(std::move(directory_path)) {}

  std::string Path(const StreamId& id, uint64_t start) const { return directory + "/" + FileName(id, start); }

  const std::string directory;
  Mutex mutex;
  bool loaded COVEY_GUARDED_BY(mutex) = false;
  std::map<StreamId, Stream> streams COVEY_GUARDED_BY(mutex);
  std::set<std::pair<uint32_t, uint32_t>> running COVEY_GUARDED_BY(mutex);  // task, attempt
  std::vector<std::shared_ptr<Subscriber>> subscribers COVEY_GUARDED_BY(mutex);

  void Notify(uint32_t task, uint32_t attempt, std::initializer_list<OutputStream> streams_changed) {
    std::vector<std::shared_ptr<Subscriber>> targets;
    {
      MutexLock lock(mutex);
      if (subscribers.empty()) return;
      targets = subscribers;
    }
    for (const auto& target : targets) {
      MutexLock lock(target->mutex);
      if (!target->changed) continue;
      for (const OutputStream stream : streams_changed) target->changed(task, attempt, stream);
    }
  }
};

// A bounded number of files that are open for appending, the least recently used closed first.
class FileOutputStore::FileCache {
 public:
  explicit FileCache(size_t limit) : limit_(limit) {}
  ~FileCache() {
    for (const auto& [path, fd] : by_use_) close(fd);
  }

  // Appends; how many bytes were written.
  size_t Append(const std::string& path, std::string_view bytes) {
    MutexLock lock(mutex_);
    const int fd = OpenLocked(path);
    if (fd < 0) return 0;
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  void Close(const std::string& path) {
    MutexLock lock(mutex_);
    const auto found = open_.find(path);
    if (found == open_.end()) return;
    close(found->second->second);
    by_use_.erase(found->second);
    open_.erase(found);
  }

 private:
  using Entry = std::pair<std::string, int>;

  int OpenLocked(const std::string& path) COVEY_REQUIRES(mutex_) {
    if (const auto found = open_.find(path); found != open_.end()) {
      by_use_.splice(by_use_.end(), by_use_, found->second);
      return found->second->second;
    }
    while (by_use_.size() >= limit_) {
      close(by_use_.front().second);
      open_.erase(by_use_.front().first);
      by_use_.pop_front();
    }
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fd;
    by_use_.emplace_back(path, fd);
    open_[path] = std::prev(by_use_.end());
    return fd;
  }

  const size_t limit_;
  Mutex mutex_;
  std::list<Entry> by_use_ COVEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::list<Entry>::iterator> open_ COVEY_GUARDED_BY(mutex_);
};

Result<std::unique_ptr<FileOutputStore>> FileOutputStore::Open(Options options) {
  std::error_code error;
  fs::create_directories(options.directory, error);
  if (error || access(options.directory.c_str(), W_OK | X_OK) != 0) {
    const std::string why =
        error ? error.message() : std::error_code(errno, std::generic_category()).message();
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "OUTPUT_DIR_UNUSABLE",
                 .message = "cannot write to the output directory " + options.directory + ": " + why};
  }
  chmod(options.directory.c_str(), 0700);
  return std::unique_ptr<FileOutputStore>(new FileOutputStore(std::move(options)));
}

FileOutputStore::FileOutputStore(Options options)
    : options_(std::move(options)), files_(std::make_unique<FileCache>(options_.open_files)) {}

FileOutputStore::~FileOutputStore() = default;

std::shared_ptr<FileOutputStore::Group> FileOutputStore::Find(const std::string& id) {
  std::shared_ptr<Group> group;
  {
    MutexLock lock(mutex_);
    auto& entry = groups_[id];
    if (entry == nullptr) {
      entry = std::make_shared<Group>(options_.directory + "/" + Escape(id));
      by_use_.push_back(id);
      group = entry;
      EvictLocked();
    } else {
      group = entry;
    }
  }
  MutexLock lock(group->mutex);
  if (!group->loaded) Load(*group);
  return group;
}

// Drops the index of groups that nobody uses: it can be read again. (use_count is exact here: references are
// only given out under mutex_.)
void FileOutputStore::EvictLocked() {
  size_t looked_at = by_use_.size();
  while (by_use_.size() > options_.idle_groups && looked_at-- > 0) {
    const std::string id = std::move(by_use_.front());
    by_use_.pop_front();
    const auto found = groups_.find(id);
    if (found == groups_.end()) continue;
    bool idle = found->second.use_count() == 1;
    if (idle) {
      MutexLock lock(found->second->mutex);
      idle = found->second->running.empty() && found->second->subscribers.empty();
    }
    if (idle) {
      groups_.erase(found);
    } else {
      by_use_.push_back(id);
    }
  }
}

void FileOutputStore::Load(Group& group) const COVEY_NO_TSA {
  group.loaded = true;
  std::error_code error;
  for (fs::directory_iterator it(group.directory, error), end; !error && it != end; it.increment(error)) {
    StreamId id;
    uint64_t start = 0;
    if (!ParseFileName(it->path().filename().native(), &id, &start)) continue;
    std::error_code size_error;
    const uint64_t size = it->file_size(size_error);
    if (!size_error) group.streams[id].segments.push_back({start, size});
  }
  for (auto& [id, stream] : group.streams) {
    std::sort(stream.segments.begin(), stream.segments.end(),
              [](const Segment& a, const Segment& b) { return a.start < b.start; });
    // A crash may have torn the end off a segment, never made it longer; should one overlap the next, it is
    // cut.
    for (size_t i = 0; i + 1 < stream.segments.size(); ++i) {
      Segment& segment = stream.segments[i];
      segment.size = std::min(segment.size, stream.segments[i + 1].start - segment.start);
    }
    stream.written = stream.segments.back().end();
  }
}

void FileOutputStore::Begin(const std::string& id, uint32_t task, uint32_t attempt) {
  const auto group = Find(id);
  MutexLock lock(group->mutex);
  group->running.emplace(task, attempt);
}

void FileOutputStore::Write(const OutputKey& key, std::string_view bytes) {
  if (bytes.empty()) return;
  const auto group = Find(key.group);
  {
    MutexLock lock(group->mutex);
    const StreamId id = IdOf(key);
    if (group->streams.empty()) mkdir(group->directory.c_str(), 0700);
    Stream& stream = group->streams[id];
    while (!bytes.empty()) {
      const auto capacity = [&](const Segment& segment) {
        return segment.start < options_.head_bytes ? options_.head_bytes - segment.start
                                                   : options_.tail_bytes;
      };
      if (stream.segments.empty() || stream.segments.back().end() != stream.written ||
          stream.segments.back().size >= capacity(stream.segments.back())) {
        if (!stream.segments.empty()) files_->Close(group->Path(id, stream.segments.back().start));
        stream.segments.push_back({stream.written, 0});
        // Of the tail, the newest two segments.
        const auto tail =
            std::find_if(stream.segments.begin(), stream.segments.end(),
                         [&](const Segment& segment) { return segment.start >= options_.head_bytes; });
        if (stream.segments.end() - tail > 2) {
          unlink(group->Path(id, tail->start).c_str());
          stream.segments.erase(tail);
        }
      }
      Segment& segment = stream.segments.back();
      const std::string_view part = bytes.substr(0, capacity(segment) - segment.size);
      const size_t kept = files_->Append(group->Path(id, segment.start), part);
      segment.size += kept;
      stream.written += part.size();  // what was not kept is a gap
      if (segment.size == 0) stream.segments.pop_back();
      bytes.remove_prefix(part.size());
    }
  }
  group->Notify(key.task, key.attempt, {key.stream});
}

void FileOutputStore::Finish(const std::string& id, uint32_t task, uint32_t attempt) {
  const auto group = Find(id);
  {
    MutexLock lock(group->mutex);
    group->running.erase({task, attempt});
    for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
      const auto found = group->streams.find({task, attempt, stream});
      if (found != group->streams.end() && !found->second.segments.empty()) {
        files_->Close(group->Path(found->first, found->second.segments.back().start));
      }
    }
  }
  group->Notify(task, attempt, {OutputStream::kStdout, OutputStream::kStderr});
}

OutputPiece FileOutputStore::Read(const OutputKey& key, uint64_t offset, size_t limit) {
  const auto group = Find(key.group);
  MutexLock lock(group->mutex);
  const bool running = group->running.contains({key.task, key.attempt});
  const auto found = group->streams.find(IdOf(key));
  OutputPiece piece{.offset = offset, .end = !running};
  if (found == group->streams.end() || found->second.written <= offset) return piece;
  const Stream& stream = found->second;
  const auto segment = std::find_if(stream.segments.begin(), stream.segments.end(),
                                    [&](const Segment& each) { return each.end() > offset; });
  if (segment == stream.segments.end()) {  // the last bytes were not kept
    piece.dropped = stream.written - offset;
    piece.offset = stream.written;
    return piece;
  }
  piece.offset = std::max(offset, segment->start);
  piece.dropped = piece.offset - offset;
  const size_t wanted = std::min<uint64_t>(limit, segment->end() - piece.offset);
  const std::string path = group->Path(found->first, segment->start);
  const uint64_t place = piece.offset - segment->start;
  const uint64_t written = stream.written;
  lock.Unlock();

  piece.bytes.resize(wanted);
  size_t done = 0;
  if (const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); fd >= 0) {
    while (done < wanted) {
      const ssize_t n = pread(fd, piece.bytes.data() + done, wanted - done, static_cast<off_t>(place + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    close(fd);
  }
  piece.bytes.resize(done);
  if (done == 0) {  // removed meanwhile: a gap now
    piece.dropped += wanted;
    piece.offset += wanted;
  }
  piece.end = !running && piece.offset + done >= written;
  return piece;
}

uint64_t FileOutputStore::Size(const OutputKey& key) {
  const auto group = Find(key.group);
  MutexLock lock(group->mutex);
  const auto found = group->streams.find(IdOf(key));
  return found == group->streams.end() ? 0 : found->second.written;
}

std::shared_ptr<void> FileOutputStore::Subscribe(
    const std::string& id, std::function<void(uint32_t, uint32_t, OutputStream)> changed) {
  const auto group = Find(id);
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->changed = std::move(changed);
  {
    MutexLock lock(group->mutex);
    group->subscribers.push_back(subscriber);
  }
  return std::shared_ptr<void>(nullptr, [group, subscriber](void*) {
    {
      MutexLock lock(group->mutex);
      std::erase(group->subscribers, subscriber);
    }
    MutexLock lock(subscriber->mutex);
    subscriber->changed = nullptr;
  });
}

void FileOutputStore::Purge(const std::string& id) {
  std::shared_ptr<Group> group;
  {
    MutexLock lock(mutex_);
    const auto found = groups_.find(id);
    if (found != groups_.end()) {
      group = std::move(found->second);
      groups_.erase(found);
      by_use_.remove(id);
    }
  }
  std::error_code ignored;
  fs::remove_all(options_.directory + "/" + Escape(id), ignored);
}

}  // namespace covey
