#include "tests/server/journal/fault_vfs.h"

#include <signal.h>
#include <sqlite3.h>

#include <cstdlib>

namespace covey {
namespace {

FaultVfs* current = nullptr;
sqlite3_vfs lying_vfs;
sqlite3_vfs* real_vfs = nullptr;
sqlite3_io_methods methods;
sqlite3_io_methods methods_without_shm;

// The real file lies behind this one in the space that SQLite gives.
struct File {
  sqlite3_file base;
};
sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}

bool TakeOne(std::atomic<int>& count) {
  int left = count.load();
  while (left > 0 && !count.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

int Close(sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); }
int Read(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
  if (!TakeOne(current->good_reads) && TakeOne(current->fail_reads)) return SQLITE_IOERR_READ;
  return Real(f)->pMethods->xRead(Real(f), data, size, at);
}
int Write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  if (TakeOne(current->fail_writes)) return SQLITE_IOERR_WRITE;
  if (TakeOne(current->full_writes)) return SQLITE_FULL;
  if (TakeOne(current->kill_at_write) && current->kill_at_write == 0) {
    (void)Real(f)->pMethods->xWrite(Real(f), data, size / 2, at);
    (void)::raise(SIGKILL);
  }
  return Real(f)->pMethods->xWrite(Real(f), data, size, at);
}
int Truncate(sqlite3_file* f, sqlite3_int64 size) { return Real(f)->pMethods->xTruncate(Real(f), size); }
int Sync(sqlite3_file* f, int flags) {
  current->BeforeSync();
  ++current->syncs;
  if (TakeOne(current->fail_syncs)) return SQLITE_IOERR_FSYNC;
  return Real(f)->pMethods->xSync(Real(f), flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) { return Real(f)->pMethods->xFileSize(Real(f), size); }
int Lock(sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); }
int Unlock(sqlite3_file* f, int level) { return Real(f)->pMethods->xUnlock(Real(f), level); }
int CheckReservedLock(sqlite3_file* f, int* out) {
  return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
}
int FileControl(sqlite3_file* f, int op, void* arg) {
  return Real(f)->pMethods->xFileControl(Real(f), op, arg);
}
int SectorSize(sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); }
int DeviceCharacteristics(sqlite3_file* f) { return Real(f)->pMethods->xDeviceCharacteristics(Real(f)); }
int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, out);
}
int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
  return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags);
}
void ShmBarrier(sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); }
int ShmUnmap(sqlite3_file* f, int remove) { return Real(f)->pMethods->xShmUnmap(Real(f), remove); }

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int code = real_vfs->xOpen(real_vfs, name, Real(file), flags, out_flags);
  if (Real(file)->pMethods != nullptr) {
    file->pMethods = current->no_shared_memory ? &methods_without_shm : &methods;
  }
  return code;
}

}  // namespace

FaultVfs::FaultVfs() {
  if (current != nullptr) std::abort();
  current = this;
  real_vfs = sqlite3_vfs_find(nullptr);
  lying_vfs =
      *real_vfs;  // the rest of its calls do not look at the sqlite3_vfs that they are given, or pass it on
  lying_vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
  lying_vfs.zName = kName;
  lying_vfs.xOpen = Open;
  methods = {.iVersion = 2,
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
  methods_without_shm = methods;
  methods_without_shm.iVersion = 1;
  if (sqlite3_vfs_register(&lying_vfs, 0) != SQLITE_OK) std::abort();
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&lying_vfs);
  current = nullptr;
}

void FaultVfs::OnSync(std::function<void()> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultVfs::BeforeSync() {
  std::function<void()> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) hook();
}

}  // namespace covey
