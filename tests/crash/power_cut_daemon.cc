// coveyd on a disk that can lose its power, and whose syncs can fail: the same daemon, over a file layer of
// SQLite that notes what each write has replaced until a sync makes it last.
//
//   FILE.unsynced     the writes to FILE since its last sync: offset (8 bytes), size of what was there (4), size
//                     of what was written (4), both contents; harness_faults.py undoes some of them
//   COVEY_FAIL_SYNC   while a file of this name exists every sync fails, as a broken disk does
//
// What is not simulated: that a file that was made, or its size, is lost with its directory.

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "covey/daemon.h"

namespace covey {
namespace {

sqlite3_vfs layer;
sqlite3_vfs* real_layer = nullptr;
sqlite3_io_methods layer_methods;
const char* fail_sync = nullptr;

// The real file lies behind this one in the space that SQLite gives.
struct NotedFile {
  sqlite3_file base;
  int notes;  // descriptor; -1: of a file that nobody cares for
};
NotedFile* Noted(sqlite3_file* file) { return reinterpret_cast<NotedFile*>(file); }
sqlite3_file* Below(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(Noted(file) + 1); }
const sqlite3_io_methods* MethodsOf(sqlite3_file* file) { return Below(file)->pMethods; }

void Put(std::string& out, const void* data, size_t size) {
  out.append(static_cast<const char*>(data), size);
}

// Before the write: one that is cut short has changed nothing yet. False: there is no room for the note, which
// lies on the same disk, and so none for the write.
bool NoteWrite(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  sqlite3_int64 end = 0;
  (void)MethodsOf(file)->xFileSize(Below(file), &end);
  std::string before(static_cast<size_t>(std::clamp<sqlite3_int64>(end - at, 0, size)), '\0');
  if (!before.empty())
    (void)MethodsOf(file)->xRead(Below(file), before.data(), static_cast<int>(before.size()), at);
  const auto offset = static_cast<uint64_t>(at);
  const auto old_size = static_cast<uint32_t>(before.size());
  const auto new_size = static_cast<uint32_t>(size);
  std::string note;
  Put(note, &offset, sizeof offset);
  Put(note, &old_size, sizeof old_size);
  Put(note, &new_size, sizeof new_size);
  note += before;
  Put(note, data, new_size);
  const int notes = Noted(file)->notes;
  const off_t noted = ::lseek(notes, 0, SEEK_END);
  if (::write(notes, note.data(), note.size()) == static_cast<ssize_t>(note.size())) return true;
  if (noted < 0 || ::ftruncate(notes, noted) != 0) std::abort();
  return false;
}

void Forget(sqlite3_file* file) {
  if (Noted(file)->notes >= 0 && ::ftruncate(Noted(file)->notes, 0) != 0) std::abort();
}

int CloseNoted(sqlite3_file* f) {
  if (Noted(f)->notes >= 0) ::close(Noted(f)->notes);
  return MethodsOf(f)->xClose(Below(f));
}
int ReadNoted(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
  return MethodsOf(f)->xRead(Below(f), data, size, at);
}
int WriteNoted(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  if (Noted(f)->notes >= 0 && !NoteWrite(f, data, size, at)) return SQLITE_FULL;
  return MethodsOf(f)->xWrite(Below(f), data, size, at);
}
int TruncateNoted(sqlite3_file* f, sqlite3_int64 size) {
  Forget(f);
  return MethodsOf(f)->xTruncate(Below(f), size);
}
int SyncNoted(sqlite3_file* f, int flags) {
  if (fail_sync != nullptr && ::access(fail_sync, F_OK) == 0) return SQLITE_IOERR_FSYNC;
  const int code = MethodsOf(f)->xSync(Below(f), flags);
  if (code == SQLITE_OK) Forget(f);
  return code;
}
int SizeOfNoted(sqlite3_file* f, sqlite3_int64* size) { return MethodsOf(f)->xFileSize(Below(f), size); }
int LockNoted(sqlite3_file* f, int level) { return MethodsOf(f)->xLock(Below(f), level); }
int UnlockNoted(sqlite3_file* f, int level) { return MethodsOf(f)->xUnlock(Below(f), level); }
int CheckReserved(sqlite3_file* f, int* out) { return MethodsOf(f)->xCheckReservedLock(Below(f), out); }
int ControlNoted(sqlite3_file* f, int op, void* arg) { return MethodsOf(f)->xFileControl(Below(f), op, arg); }
int SectorOfNoted(sqlite3_file* f) { return MethodsOf(f)->xSectorSize(Below(f)); }
int TraitsOfNoted(sqlite3_file* f) { return MethodsOf(f)->xDeviceCharacteristics(Below(f)); }
int MapShared(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return MethodsOf(f)->xShmMap(Below(f), page, size, extend, out);
}
int LockShared(sqlite3_file* f, int offset, int n, int flags) {
  return MethodsOf(f)->xShmLock(Below(f), offset, n, flags);
}
void BarShared(sqlite3_file* f) { MethodsOf(f)->xShmBarrier(Below(f)); }
int UnmapShared(sqlite3_file* f, int remove) { return MethodsOf(f)->xShmUnmap(Below(f), remove); }

int OpenNoted(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  Noted(file)->notes = -1;
  const int code = real_layer->xOpen(real_layer, name, Below(file), flags, out_flags);
  if (Below(file)->pMethods == nullptr) return code;
  file->pMethods = &layer_methods;
  if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0 &&
      (flags & SQLITE_OPEN_READONLY) == 0) {
    const std::string notes = std::string(name) + ".unsynced";
    Noted(file)->notes = ::open(notes.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  return code;
}

void InstallLayer() {
  fail_sync = std::getenv("COVEY_FAIL_SYNC");
  real_layer = sqlite3_vfs_find(nullptr);
  layer = *real_layer;
  layer.szOsFile = static_cast<int>(sizeof(NotedFile)) + real_layer->szOsFile;
  layer.zName = "covey-power-cut";
  layer.xOpen = OpenNoted;
  layer_methods = {.iVersion = 2,
                   .xClose = CloseNoted,
                   .xRead = ReadNoted,
                   .xWrite = WriteNoted,
                   .xTruncate = TruncateNoted,
                   .xSync = SyncNoted,
                   .xFileSize = SizeOfNoted,
                   .xLock = LockNoted,
                   .xUnlock = UnlockNoted,
                   .xCheckReservedLock = CheckReserved,
                   .xFileControl = ControlNoted,
                   .xSectorSize = SectorOfNoted,
                   .xDeviceCharacteristics = TraitsOfNoted,
                   .xShmMap = MapShared,
                   .xShmLock = LockShared,
                   .xShmBarrier = BarShared,
                   .xShmUnmap = UnmapShared};
  if (sqlite3_vfs_register(&layer, /*makeDflt=*/1) != SQLITE_OK) std::abort();
}

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  covey::InstallLayer();
  return covey::RunDaemon(argc, argv, {});
}
