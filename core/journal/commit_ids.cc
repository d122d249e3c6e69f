#include "core/journal/commit_ids.h"

#include <sys/random.h>
#include <sys/types.h>

#include "core/base/check.h"

namespace covey {

CommitIds::CommitIds() {
  COVEY_CHECK(getrandom(&last_, sizeof last_, 0) == static_cast<ssize_t>(sizeof last_));
}

}  // namespace covey
