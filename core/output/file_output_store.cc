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
  Subscription(FileOutputStore& store, std::string group, std::shared_ptr<Subscriber> subscriber)
      : store_(store), group_(std::move(group)), subscriber_(std::move(subscriber)) {}
  ~Subscription() { store_.Unsubscribe(group_, subscriber_); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  FileOutputStore& store_;
  const std::string group_;
  const std::shared_ptr<Subscriber> subscriber_;
};

FileOutputStore::FileOutputStore(Options options)
    : options_(std::move(options)), fds_(options_.max_open_files), bounds_(options_.bounds) {}

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

void FileOutputStore::Begin(const std::string& group, uint32_t task, uint32_t attempt) {
  Shard& shard = ShardOf(group);
  MutexLock lock(shard.mutex);
  shard.groups[group].attempts.try_emplace(AttemptKey(task, attempt));
}

void FileOutputStore::Write(const OutputKey& key, std::string_view bytes) {
  std::shared_ptr<OutputLog> log;
  std::shared_ptr<const Subscribers> subscribers;
  Shard& shard = ShardOf(key.group);
  {
    MutexLock lock(shard.mutex);
    Group& group = shard.groups[key.group];
    std::shared_ptr<OutputLog>& slot =
        group.attempts[AttemptKey(key.task, key.attempt)].logs[StreamIndex(key.stream)];
    if (slot == nullptr) slot = std::make_shared<OutputLog>(PathOf(key), BoundsNow(), &fds_);
    log = slot;
    subscribers = group.subscribers;
  }
  log->Append(bytes);
  if (subscribers == nullptr) return;
  for (const auto& subscriber : *subscribers) subscriber->Call(key.task, key.attempt, key.stream);
}

void FileOutputStore::Finish(const std::string& group, uint32_t task, uint32_t attempt) {
  const uint64_t key = AttemptKey(task, attempt);
  Shard& shard = ShardOf(group);
  Attempt ended;
  {
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(group);
    if (found == shard.groups.end()) return;
    const auto entry = found->second.attempts.find(key);
    if (entry == found->second.attempts.end()) return;
    ended = entry->second;
  }
  // Before it leaves the map: whoever does not find it there reads the files.
  for (const auto& log : ended.logs) {
    if (log != nullptr) log->Finish();
  }
  std::shared_ptr<const Subscribers> subscribers;
  {
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(group);
    if (found == shard.groups.end() || found->second.attempts.erase(key) == 0) return;
    subscribers = found->second.subscribers;
    if (found->second.idle()) shard.groups.erase(found);
  }
  if (subscribers == nullptr) return;
  for (const auto& subscriber : *subscribers) {
    subscriber->Call(task, attempt, OutputStream::kStdout);
    subscriber->Call(task, attempt, OutputStream::kStderr);
  }
}

std::shared_ptr<OutputLog> FileOutputStore::FindLog(const OutputKey& key, bool* finished) {
  Shard& shard = ShardOf(key.group);
  MutexLock lock(shard.mutex);
  *finished = true;
  const auto group = shard.groups.find(key.group);
  if (group != shard.groups.end()) {
    const auto attempt = group->second.attempts.find(AttemptKey(key.task, key.attempt));
    if (attempt != group->second.attempts.end()) {
      *finished = false;
      if (const auto& log = attempt->second.logs[StreamIndex(key.stream)]; log != nullptr) return log;
    }
  }
  lock.Unlock();
  return std::make_shared<OutputLog>(PathOf(key), BoundsNow(), nullptr);
}

OutputPiece FileOutputStore::Read(const OutputKey& key, uint64_t offset, size_t limit) {
  bool finished = false;
  const std::shared_ptr<OutputLog> log = FindLog(key, &finished);
  return log->Read(offset, limit, finished);
}

uint64_t FileOutputStore::Size(const OutputKey& key) {
  bool finished = false;
  return FindLog(key, &finished)->size();
}

std::shared_ptr<void> FileOutputStore::Subscribe(const std::string& group, Subscriber::Callback changed) {
  auto subscriber = std::make_shared<Subscriber>(std::move(changed));
  Shard& shard = ShardOf(group);
  {
    MutexLock lock(shard.mutex);
    Group& entry = shard.groups[group];
    auto subscribers = entry.subscribers == nullptr ? Subscribers() : *entry.subscribers;
    subscribers.push_back(subscriber);
    entry.subscribers = std::make_shared<const Subscribers>(std::move(subscribers));
  }
  return std::make_shared<Subscription>(*this, group, std::move(subscriber));
}

void FileOutputStore::Unsubscribe(const std::string& group, const std::shared_ptr<Subscriber>& subscriber) {
  Shard& shard = ShardOf(group);
  {
    MutexLock lock(shard.mutex);
    const auto found = shard.groups.find(group);
    if (found != shard.groups.end() && found->second.subscribers != nullptr) {
      Subscribers rest = *found->second.subscribers;
      std::erase(rest, subscriber);
      found->second.subscribers =
          rest.empty() ? nullptr : std::make_shared<const Subscribers>(std::move(rest));
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
    for (const auto& log : attempt.logs) {
      if (log != nullptr) log->Abandon();
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
