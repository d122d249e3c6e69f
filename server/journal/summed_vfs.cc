#include "server/journal/summed_vfs.h"

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/journal/log_frames.h"
#include "server/journal/page_sums.h"

namespace covey::summed_vfs {
namespace {

using log_frames::kFrameHead;
using log_frames::kLogHead;

constexpr int kLeastPage = 512;
constexpr sqlite3_int64 kFirstFrame = kLogHead;

// What is known of one open file. The file of the layer below lies behind it in the space that SQLite gives; so it has
// no constructor of its own, and Open makes it.
struct State {
  bool is_log = false;
  bool summed = false;   // pages that are written get sums
  bool checked = false;  // and those that are read have them
  bool moving = false;   // the log into the database: pages are passed on as they are
  int damage = 0;
  Dropped dropped;
  std::set<uint32_t> told;
  Tell tell;
  State* database = nullptr;  // of a log; of a database itself
  // Of a log: the head of a frame that waits for its page, and where it belongs; -1: none.
  sqlite3_int64 head_at = -1;
  std::array<char, kFrameHead> head{};
  bool big_endian = false;
  bool knows_order = false;
  std::string page;  // room for one
};

struct File {
  sqlite3_file base;
  State* state;
};

sqlite3_file* Below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}
const sqlite3_io_methods* MethodsOf(sqlite3_file* file) { return Below(file)->pMethods; }
State& StateOf(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->state; }

bool IsPage(int size) { return size >= kLeastPage && (size & (size - 1)) == 0; }

int ReadBelow(sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
  return MethodsOf(file)->xRead(Below(file), data, size, at);
}
int WriteBelow(sqlite3_file* file, const void* data, size_t size, sqlite3_int64 at) {
  return MethodsOf(file)->xWrite(Below(file), data, static_cast<int>(size), at);
}

// The first page says whether there are sums. False: it says that there are none, and has one.
bool LookAtFirst(State& database, std::string* page) {
  char& reserve = (*page)[page_sums::kReserveAt];
  if (reserve == static_cast<char>(page_sums::kReserve)) {
    database.summed = database.checked = true;
    return true;
  }
  const char told = reserve;
  reserve = static_cast<char>(page_sums::kReserve);
  const bool denied = page_sums::Matches(*page, 1);
  reserve = told;
  return !denied;
}

// A page that was read: what is given of it, as a code of SQLite.
int Check(State& state, void* data, int size, uint32_t number) {
  State& database = *state.database;
  const std::string_view given(static_cast<const char*>(data), static_cast<size_t>(size));
  std::string& page = state.page;
  page = given;
  const bool denied = number == 1 && !LookAtFirst(database, &page);
  if (!denied && (!database.checked || page_sums::Matches(given, number))) return SQLITE_OK;
  const std::optional<page_sums::Mended> mended = page_sums::Mend(&page, number);
  if (database.told.insert(number).second && database.tell) {
    database.tell("page " + std::to_string(number) +
                  (!mended            ? " is damaged"
                   : mended->is_whole ? " had a flipped bit, which is put right"
                                      : " is damaged: what its rows prove is told"));
  }
  if (!mended) return SQLITE_CORRUPT;
  if (!mended->is_whole) ++database.damage;
  if (number == 1) (void)LookAtFirst(database, &page);
  if (mended->drops) database.dropped[number] = *mended;
  std::memcpy(data, page.data(), page.size());
  return SQLITE_OK;
}

// The head of a frame whose page does not follow at once.
int FlushHead(sqlite3_file* file) {
  State& state = StateOf(file);
  if (state.head_at < 0) return SQLITE_OK;
  const sqlite3_int64 at = state.head_at;
  state.head_at = -1;
  return WriteBelow(file, state.head.data(), state.head.size(), at);
}

// The page of a frame, with its head when that was held back.
int WriteFrame(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  State& state = StateOf(file);
  const auto head_size = static_cast<sqlite3_int64>(kFrameHead);
  const bool held = state.head_at == at - head_size;
  if (!held) {
    if (const int code = FlushHead(file); code != SQLITE_OK) return code;
    const int code = ReadBelow(file, state.head.data(), kFrameHead, at - head_size);
    if (code != SQLITE_OK) return code;
  }
  state.head_at = -1;
  std::string& frame = state.page;
  frame.assign(static_cast<const char*>(data), static_cast<size_t>(size));
  const uint32_t number = log_frames::Number(state.head.data());
  if (number == 1) (void)LookAtFirst(*state.database, &frame);
  if (state.database->summed) {
    page_sums::Seal(&frame, number);
    if (!state.knows_order) {
      std::array<char, kLogHead> log{};
      if (const int code = ReadBelow(file, log.data(), kLogHead, 0); code != SQLITE_OK) return code;
      state.big_endian = log_frames::IsBigEndian(log.data());
      state.knows_order = true;
    }
    // The sum of the frame before, or that of the log's head.
    std::array<char, log_frames::kSum> before{};
    const sqlite3_int64 frame_at = at - head_size;
    const sqlite3_int64 sum_at =
        frame_at == kFirstFrame
            ? static_cast<sqlite3_int64>(log_frames::kLogSumAt)
            : frame_at - size - head_size + static_cast<sqlite3_int64>(log_frames::kFrameSumAt);
    if (const int code = ReadBelow(file, before.data(), log_frames::kSum, sum_at); code != SQLITE_OK)
      return code;
    log_frames::Seal(state.head.data(), frame, log_frames::Load(before.data()), state.big_endian);
  }
  frame.insert(0, state.head.data(), state.head.size());
  return WriteBelow(file, frame.data(), frame.size(), at - head_size);
}

// Methods ---------------------------------------------------------------------------------------------------

int Close(sqlite3_file* f) {
  (void)FlushHead(f);
  const int code = MethodsOf(f)->xClose(Below(f));
  delete reinterpret_cast<File*>(f)->state;
  return code;
}

int Read(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
  if (const int code = FlushHead(f); code != SQLITE_OK) return code;
  const int code = ReadBelow(f, data, size, at);
  State& state = StateOf(f);
  if (code != SQLITE_OK || state.database == nullptr) return code;
  if (!state.is_log && at == 0 && size > static_cast<int>(page_sums::kReserveAt) && !IsPage(size)) {
    const char reserve = static_cast<const char*>(data)[page_sums::kReserveAt];
    if (reserve == static_cast<char>(page_sums::kReserve)) state.summed = state.checked = true;
  }
  if (!IsPage(size) || state.database->moving) return code;
  if (!state.is_log)
    return at % size == 0 ? Check(state, data, size, static_cast<uint32_t>(at / size) + 1) : code;
  const auto head_size = static_cast<sqlite3_int64>(kFrameHead);
  if ((at - kFirstFrame) % (size + head_size) != head_size) return code;
  std::array<char, kFrameHead> head{};
  if (const int failed = ReadBelow(f, head.data(), kFrameHead, at - head_size); failed != SQLITE_OK)
    return failed;
  return Check(state, data, size, log_frames::Number(head.data()));
}

int Write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  State& state = StateOf(f);
  if (state.database == nullptr) return WriteBelow(f, data, static_cast<size_t>(size), at);
  if (state.is_log) {
    const auto head_size = static_cast<sqlite3_int64>(kFrameHead);
    if (IsPage(size) && (at - kFirstFrame) % (size + head_size) == head_size)
      return WriteFrame(f, data, size, at);
    if (const int code = FlushHead(f); code != SQLITE_OK) return code;
    if (size == static_cast<int>(kFrameHead)) {
      std::memcpy(state.head.data(), data, kFrameHead);
      state.head_at = at;
      return SQLITE_OK;
    }
    if (at == 0) state.knows_order = false;
    return WriteBelow(f, data, static_cast<size_t>(size), at);
  }
  if (!IsPage(size) || at % size != 0 || state.moving)
    return WriteBelow(f, data, static_cast<size_t>(size), at);
  // No write-ahead log: a new file, or a file system that has none.
  state.page.assign(static_cast<const char*>(data), static_cast<size_t>(size));
  if (at == 0) (void)LookAtFirst(state, &state.page);
  if (state.summed) page_sums::Seal(&state.page, static_cast<uint32_t>(at / size) + 1);
  return WriteBelow(f, state.page.data(), state.page.size(), at);
}

int Truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (const int code = FlushHead(f); code != SQLITE_OK) return code;
  return MethodsOf(f)->xTruncate(Below(f), size);
}
int Sync(sqlite3_file* f, int flags) {
  if (const int code = FlushHead(f); code != SQLITE_OK) return code;
  return MethodsOf(f)->xSync(Below(f), flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  if (const int code = FlushHead(f); code != SQLITE_OK) return code;
  return MethodsOf(f)->xFileSize(Below(f), size);
}
int Lock(sqlite3_file* f, int level) { return MethodsOf(f)->xLock(Below(f), level); }
int Unlock(sqlite3_file* f, int level) { return MethodsOf(f)->xUnlock(Below(f), level); }
int CheckReservedLock(sqlite3_file* f, int* out) { return MethodsOf(f)->xCheckReservedLock(Below(f), out); }
int FileControl(sqlite3_file* f, int op, void* arg) {
  State& state = StateOf(f);
  if (op == kBegin) {
    state.summed = true;
    return SQLITE_OK;
  }
  if (op == kTell) {
    state.tell = *static_cast<const Tell*>(arg);
    return SQLITE_OK;
  }
  if (op == kDropped) {
    *static_cast<const Dropped**>(arg) = &state.dropped;
    return SQLITE_OK;
  }
  if (op == kIsSummed || op == kDamage) {
    *static_cast<int*>(arg) = op == kDamage ? state.damage : static_cast<int>(state.checked);
    return SQLITE_OK;
  }
  if (op == SQLITE_FCNTL_CKPT_START) state.moving = true;
  if (op == SQLITE_FCNTL_CKPT_DONE) state.moving = false;
  return MethodsOf(f)->xFileControl(Below(f), op, arg);
}
int SectorSize(sqlite3_file* f) { return MethodsOf(f)->xSectorSize(Below(f)); }
// Frames are written whole: SQLite cuts none where its sync begins when a write harms nothing around it.
int DeviceCharacteristics(sqlite3_file* f) {
  return MethodsOf(f)->xDeviceCharacteristics(Below(f)) | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}
int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return MethodsOf(f)->xShmMap(Below(f), page, size, extend, out);
}
int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
  return MethodsOf(f)->xShmLock(Below(f), offset, n, flags);
}
void ShmBarrier(sqlite3_file* f) { MethodsOf(f)->xShmBarrier(Below(f)); }
int ShmUnmap(sqlite3_file* f, int remove) { return MethodsOf(f)->xShmUnmap(Below(f), remove); }

// Without memory mapping (version 3), which would pass by the sums.
constexpr sqlite3_io_methods MethodsOfVersion(int version) {
  return {.iVersion = version,
          .xClose = Close,
          .xRead = Read,
          .xWrite = Write,
          .xTruncate = Truncate,
          .xSync = Sync,
          .xFileSize = FileSize,
          .xLock = Lock,
          .xUnlock = Unlock,
          .xCheckReservedLock = CheckReservedLock,
          .xFileControl = FileControl,
          .xSectorSize = SectorSize,
          .xDeviceCharacteristics = DeviceCharacteristics,
          .xShmMap = ShmMap,
          .xShmLock = ShmLock,
          .xShmBarrier = ShmBarrier,
          .xShmUnmap = ShmUnmap};
}
constexpr sqlite3_io_methods kWithSharedMemory = MethodsOfVersion(2);
constexpr sqlite3_io_methods kWithout = MethodsOfVersion(1);

// A layer above another, for ever.
struct Layer {
  sqlite3_vfs vfs;
  std::string name;
  std::string below;
};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const auto& layer = *static_cast<Layer*>(static_cast<void*>(vfs));
  sqlite3_vfs* below = sqlite3_vfs_find(layer.below.c_str());
  if (below == nullptr) return SQLITE_CANTOPEN;
  const int code = below->xOpen(below, name, Below(file), flags, out_flags);
  if (Below(file)->pMethods == nullptr) return code;
  auto state = std::make_unique<State>();
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) state->database = state.get();
  if ((flags & SQLITE_OPEN_WAL) != 0) {
    state->is_log = true;
    state->database = &StateOf(sqlite3_database_file_object(name));
  }
  reinterpret_cast<File*>(file)->state = state.release();
  file->pMethods = Below(file)->pMethods->iVersion >= 2 ? &kWithSharedMemory : &kWithout;
  return code;
}

}  // namespace

std::string Above(const std::string& below) {
  static std::mutex mutex;
  static auto* const layers = new std::map<std::string, std::unique_ptr<Layer>>();
  const std::lock_guard lock(mutex);
  sqlite3_vfs* const real = sqlite3_vfs_find(below.empty() ? nullptr : below.c_str());
  if (real == nullptr) return below;  // SQLite says so
  std::unique_ptr<Layer>& layer = (*layers)[real->zName];
  if (layer == nullptr) {
    // The other calls of the layer below do not look at the sqlite3_vfs that they are given, or pass it on.
    layer = std::make_unique<Layer>(
        Layer{.vfs = *real, .name = "covey-sums-" + std::string(real->zName), .below = real->zName});
    layer->vfs.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    layer->vfs.pNext = nullptr;
    layer->vfs.zName = layer->name.c_str();
    layer->vfs.xOpen = Open;
    sqlite3_vfs_register(&layer->vfs, /*makeDflt=*/0);
  }
  return layer->name;
}

}  // namespace covey::summed_vfs
