#include "core/process/residents.h"

#include "core/base/mutex.h"

namespace covey::residents {
namespace {

Mutex g_mutex;
int g_count COVEY_GUARDED_BY(g_mutex) = 0;
bool g_adopter COVEY_GUARDED_BY(g_mutex) = false;

}  // namespace

bool MoveIn(bool adopts) {
  MutexLock lock(g_mutex);
  if (g_adopter || (adopts && g_count > 0)) return false;
  ++g_count;
  g_adopter = adopts;
  return true;
}

void MoveOut() {
  MutexLock lock(g_mutex);
  --g_count;
  g_adopter = false;
}

}  // namespace covey::residents
