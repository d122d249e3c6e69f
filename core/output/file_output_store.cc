#include "core/output/file_output_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/make_directory.h"

namespace covey {
namespace {

constexpr std::string_view kTrashPrefix = ".purge-";
// Two, so that one file that hangs does not hold up the others.
constexpr size_t kWriters = 2;

// The id of a group as a name of a directory. Ids that the daemon accepts stay as they are; in any other
// every byte that could mean something to a file system is escaped, so that no id leads out of the directory.
std::string DirectoryName(const std::string& group) {
  std::string name;
  for (const char c : group) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      name += escaped;
    }
  }
  return name.empty() ? "%" : name;
}

uint64_t AttemptKey(uint32_t task, uint32_t attempt) { return static_cast<uint64_t>(task) << 32 | attempt; }

size_t StreamIndex(OutputStream stream) { return stream == OutputStream::kStderr ? 1 : 0; }

}  // namespace

// Ends with the last copy of what Subscribe returned.
class FileOutputStore::Subscription {
 public:
  Subscription(FileOutputStore& store, std::string group, Subscribed what,
               std::shared_ptr<Subscriber> subscriber)
      : store_(store), group_(std::move(group)), what_(what), subscriber_(std::move(subscriber)) {}
  ~Subscription() { store_.Unsubscribe(group_, what_, subscriber_); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  FileOutputStore& store_;
  const std::string group_;
  const Subscribed what_;
  const std::shared_ptr<Subscriber> subscriber_;
};

FileOutputStore::FileOutputStore(Options options)
    : options_(std::move(options)),
      shared_(std::make_shared<RunningStream::Shared>(options_.max_open_files)),
      bounds_(options_.bounds),
      writers_(kWriters) {}

Result<std::unique_ptr<FileOutputStore>> FileOutputStore::Open(Options options) {
  std::unique_ptr<FileOutputStore> store(new FileOutputStore(std::move(options)));
  const std::string& path = store->options_.directory;
  DIR* directory = nullptr;
  if ((!MakeDirectory(path, 0700) && errno != EEXIST) || (directory = ::opendir(path.c_str())) == nullptr) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "OUTPUT_DIR_UNUSABLE",
                 .message = "output directory " + path + ": " + std::strerror(errno)};
  }
  {
    MutexLock lock(store->trash_mutex_);
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (!name.starts_with(kTrashPrefix)) continue;
      store->trash_.push_back(path + '/' + std::string(name));
    }
    store->next_trash_ = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  }
  ::closedir(directory);
  store->janitor_ = std::thread([raw = store.get()] { raw->DeleteTrash(); });
  return store;
}

FileOutputStore::~FileOutputStore() {
  closing_ = true;
  {
    MutexLock lock(trash_mutex_);
    trash_changed_.NotifyAll();
  }
  if (janitor_.joinable()) janitor_.join();
}

FileOutputStore::Shard& FileOutputStore::ShardOf(const std::string& group) {
  return shards_[std::hash<std::string>()(group) % shards_.size()];
}

std::string FileOutputStore::PathOf(const OutputKey& key) const {
  return options_.directory + '/' + DirectoryName(key.group) + '/' + std::to_string(key.task) + '.' +
         std::to_string(key.attempt) + (key.stream == OutputStream::kStderr ? ".err" : ".out");
}

void FileOutputStore::SetBounds(OutputLog::Bounds bounds) {
  MutexLock lock(bounds_mutex_);
  bounds_ = bounds;
}

OutputLog::Bounds FileOutputStore::BoundsNow() const {
  MutexLock lock(bounds_mutex_);
  return bounds_;
}

// An attempt that has nothing to come, until its streams are in their files.
struct FileOutputStore::Ending {
  const std::string group;
  const uint32_t task;
  const uint32_t attempt;
  const std::array<StreamPtr, 2> streams;
  const Finished done;
  std::atomic<int> left;  // streams that are not yet
};

void FileOutputStore::Begin(const std::string& group, uint32_t task, uint32_t attempt, bool paced) {
  Shard& shard = ShardOf(group);
  MutexLock lock(shard.mutex);
  shard.groups[group].attempts.try_emplace(AttemptKey(task, attempt), Attempt{.streams = {}, .paced = paced});
}

size_t FileOutputStore::Room(const OutputKey& key, const std::function<void()>& has_room) {
  bool runs = false;
  const StreamPtr stream = FindStream(key, &runs);
  return stream == nullptr ? RunningStream::RoomAtFirst(*shared_) : stream->Room(has_room);
}

void FileOutputStore::Write(const OutputKey& key, std::string_view bytes) {
  StreamPtr stream;
  {
    Shard& shard = ShardOf(key.group);
    MutexLock lock(shard.mutex);
    Attempt& attempt = shard.groups[key.group].attempts[AttemptKey(key.task, key.attempt)];
    StreamPtr& slot = attempt.streams[StreamIndex(key.stream)];
    if (slot == nullptr) {
      slot = std::make_shared<RunningStream>(shared_, PathOf(key), BoundsNow(), attempt.paced);
    }
    stream = slot;
  }
  if (stream->Push(bytes)) Schedule(key, std::move(stream));
}

void FileOutputStore::Taken(const OutputKey& key, uint64_t offset) {
  bool runs = false;
  if (const StreamPtr stream = FindStream(key, &runs)) stream->Taken(offset);
}

bool FileOutputStore::WaitsForReader(const OutputKey& key) {
  bool runs = false;
  const StreamPtr stream = FindStream(key, &runs);
  return stream != nullptr && stream->WaitsForReader();
}

void FileOutputStore::StopPacing() {
  shared_->stopping = true;
  std::vector<StreamPtr> streams;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [id, group] : shard.groups) {
      for (const auto& [key, attempt] : group.attempts) {
        for (const StreamPtr& stream : attempt.streams) {
          if (stream != nullptr) streams.push_back(stream);
        }
      }
    }
  }
  for (const StreamPtr& stream : streams) stream->LookAgain();
}

void FileOutputStore::Schedule(const OutputKey& key, StreamPtr stream) {
  writers_.Run([this, key, stream = std::move(stream)] { WriteOut(key, stream); });
}

void FileOutputStore::WriteOut(const OutputKey& key, const StreamPtr& stream) {
  const uint64_t before = stream->size();
  const RunningStream::Next next = stream->WriteOut();
  if (stream->size() > before) Notify(key);
  if (next.has_room) next.has_room();
  if (next.again) return Schedule(key, stream);
  if (next.closed) next.closed();
}

FileOutputStore::Audience FileOutputStore::AudienceOf(const Group& group, uint32_t task) {
  Audience audience;
  if (group.subscribers.empty()) return audience;
  const auto of_task = group.subscribers.find(Subscribed(task));
  if (of_task != group.subscribers.end()) audience[0] = of_task->second;
  const auto of_group = group.subscribers.find(Subscribed());
  if (of_group != group.subscribers.end()) audience[1] = of_group->second;
  return audience;
}

void FileOutputStore::Tell(const Audience& audience, uint32_t task, uint32_t attempt, OutputStream stream) {
  for (const auto& subscribers : audience) {
    if (subscribers == nullptr) continue;
    for (const auto& subscriber : *subscribers) subscriber->Call(task, attempt, stream);
  }
}

void FileOutputStore::Notify(const OutputKey& key) {
  Audience audience;
  {
    Shard& shard = ShardOf(key.group);
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(key.group);
    if (found != shard.groups.end()) audience = AudienceOf(found->second, key.task);
  }
  Tell(audience, key.task, key.attempt, key.stream);
}

void FileOutputStore::Finish(const std::string& group, uint32_t task, uint32_t attempt, Finished done) {
  std::array<StreamPtr, 2> streams;
  {
    Shard& shard = ShardOf(group);
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(group);
    const auto runs = [&] {
      const auto entry = found->second.attempts.find(AttemptKey(task, attempt));
      if (entry == found->second.attempts.end() || std::exchange(entry->second.finishing, true)) return false;
      streams = entry->second.streams;
      return true;
    };
    if (found == shard.groups.end() || !runs()) {
      lock.Unlock();
      return done({});
    }
  }
  const int open = (streams[0] != nullptr ? 1 : 0) + (streams[1] != nullptr ? 1 : 0);
  const std::shared_ptr<Ending> ending(
      new Ending{group, task, attempt, std::move(streams), std::move(done), open});
  if (open == 0) return End(*ending);
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    const StreamPtr& each = ending->streams[StreamIndex(stream)];
    if (each == nullptr) continue;
    const auto closed = [this, ending] {
      if (--ending->left == 0) End(*ending);
    };
    if (each->Close(closed)) {
      Schedule({.group = group, .task = task, .attempt = attempt, .stream = stream}, each);
    }
  }
}

void FileOutputStore::End(const Ending& ending) {
  OutputSizes sizes;
  if (const StreamPtr& out = ending.streams[0]) {
    sizes.standard_output = out->size();
    sizes.standard_output_lost = out->size() - out->kept();
  }
  if (const StreamPtr& err = ending.streams[1]) {
    sizes.standard_error = err->size();
    sizes.standard_error_lost = err->size() - err->kept();
  }
  Audience audience;
  {
    Shard& shard = ShardOf(ending.group);
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(ending.group);
    if (found != shard.groups.end()) {
      audience = AudienceOf(found->second, ending.task);
      // From here on its files are read.
      found->second.attempts.erase(AttemptKey(ending.task, ending.attempt));
      if (found->second.idle()) shard.groups.erase(found);
    }
  }
  Tell(audience, ending.task, ending.attempt, OutputStream::kStdout);
  Tell(audience, ending.task, ending.attempt, OutputStream::kStderr);
  ending.done(sizes);
}

FileOutputStore::StreamPtr FileOutputStore::FindStream(const OutputKey& key, bool* runs) {
  Shard& shard = ShardOf(key.group);
  MutexLock lock(shard.mutex);
  *runs = false;
  const auto group = shard.groups.find(key.group);
  if (group == shard.groups.end()) return nullptr;
  const auto attempt = group->second.attempts.find(AttemptKey(key.task, key.attempt));
  if (attempt == group->second.attempts.end()) return nullptr;
  *runs = true;
  return attempt->second.streams[StreamIndex(key.stream)];
}

OutputPiece FileOutputStore::Read(const OutputKey& key, uint64_t offset, size_t limit) {
  bool runs = false;
  if (const StreamPtr stream = FindStream(key, &runs)) return stream->Read(offset, limit);
  if (runs) return {.offset = offset};
  return OutputLog(PathOf(key), BoundsNow(), nullptr).Read(offset, limit, true);
}

uint64_t FileOutputStore::Size(const OutputKey& key) {
  bool runs = false;
  if (const StreamPtr stream = FindStream(key, &runs)) return stream->size();
  return runs ? 0 : OutputLog(PathOf(key), BoundsNow(), nullptr).size();
}

std::optional<uint64_t> FileOutputStore::SizeOfRunning(const OutputKey& key) {
  bool runs = false;
  if (const StreamPtr stream = FindStream(key, &runs)) return stream->size();
  return runs ? std::optional<uint64_t>(0) : std::nullopt;
}

std::shared_ptr<void> FileOutputStore::Subscribe(const std::string& group, std::optional<uint32_t> task,
                                                 Subscriber::Callback changed) {
  auto subscriber = std::make_shared<Subscriber>(std::move(changed));
  Shard& shard = ShardOf(group);
  {
    MutexLock lock(shard.mutex);
    std::shared_ptr<const Subscribers>& entry = shard.groups[group].subscribers[task];
    auto subscribers = entry == nullptr ? Subscribers() : *entry;
    subscribers.push_back(subscriber);
    entry = std::make_shared<const Subscribers>(std::move(subscribers));
  }
  return std::make_shared<Subscription>(*this, group, task, std::move(subscriber));
}

void FileOutputStore::Unsubscribe(const std::string& group, Subscribed what,
                                  const std::shared_ptr<Subscriber>& subscriber) {
  Shard& shard = ShardOf(group);
  {
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(group);
    if (found != shard.groups.end()) {
      const auto entry = found->second.subscribers.find(what);
      Subscribers rest = *entry->second;
      std::erase(rest, subscriber);
      if (rest.empty()) {
        found->second.subscribers.erase(entry);
      } else {
        entry->second = std::make_shared<const Subscribers>(std::move(rest));
      }
      if (found->second.idle()) shard.groups.erase(found);
    }
  }
  subscriber->Cancel();
}

void FileOutputStore::Purge(const std::string& group) {
  std::unordered_map<uint64_t, Attempt> running;
  Shard& shard = ShardOf(group);
  {
    MutexLock lock(shard.mutex);
    if (const auto found = shard.groups.find(group); found != shard.groups.end()) {
      running.swap(found->second.attempts);
      if (found->second.idle()) shard.groups.erase(found);
    }
  }
  for (const auto& [key, attempt] : running) {
    for (const StreamPtr& stream : attempt.streams) {
      if (stream != nullptr) stream->Abandon();
    }
  }
  MutexLock lock(trash_mutex_);
  const std::string trash =
      options_.directory + '/' + std::string(kTrashPrefix) + std::to_string(next_trash_++);
  if (::rename((options_.directory + '/' + DirectoryName(group)).c_str(), trash.c_str()) != 0) return;
  trash_.push_back(trash);
  trash_changed_.NotifyAll();
}

void FileOutputStore::DeleteTrash() {
  MutexLock lock(trash_mutex_);
  for (;;) {
    while (trash_.empty() && !closing_) trash_changed_.Wait(trash_mutex_);
    if (closing_) return;
    const std::string path = std::move(trash_.back());
    trash_.pop_back();
    lock.Unlock();
    DeleteDirectory(path);
    lock.Lock();
  }
}

// What is left when the store closes in between is trash for the next one.
void FileOutputStore::DeleteDirectory(const std::string& path) {
  // Not through a link: what it leads to is not of the store.
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd < 0 ? nullptr : ::fdopendir(fd);
  if (directory == nullptr) {
    if (fd >= 0) ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory)) {
    if (closing_) break;
    (void)::unlinkat(::dirfd(directory), entry->d_name, 0);  // fails for "." and ".."
  }
  ::closedir(directory);
  (void)::rmdir(path.c_str());
}

}  // namespace covey
