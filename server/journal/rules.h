#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/journal/journal.h"

// What every back end must do alike.
namespace covey::journal {

// How long the id of a purged group, and the request id that made it, stay taken after its creation (promise
// 13).
inline constexpr std::chrono::hours kRemember{24};

// The clock of a journal that was given none.
WallTime SystemNow();

// What an append is judged by.
struct Standing {
  uint64_t head = 0;      // of the group; 0: it does not exist
  uint64_t owner = 0;     // the oldest epoch that may write to it
  uint64_t newest = 0;    // the newest epoch granted to anybody
  bool purged = false;    // the id was used by a group that is purged and remembered
  bool repeated = false;  // event expected + 1 came with this commit_id
  std::string
      request_of;  // the group that was made by the request of this creation; empty: none, or no request
};

// Why a snapshot is not to be kept, or nullopt when it is; of `standing`: head, owner, newest.
std::optional<Error> RefuseSnapshot(const std::string& group, uint64_t epoch, const Snapshot& snapshot,
                                    const Standing& standing);

// The request that makes a group; empty: none, or the append makes no group.
const std::string& RequestOf(const Append& append);

// Why an append is not to be written, or nullopt when it is.
std::optional<AppendResult> Judge(const Append& append, const Standing& standing);

AppendResult Committed(uint64_t head);
AppendResult Failed(Error error);

// True when the group is one that `filter` asks for.
bool Matches(const GroupFilter& filter, const GroupSummary& group);
// The same for filters that mean the same, so that a page token is taken only with the filter that it was
// made for.
uint64_t Fingerprint(const GroupFilter& filter);

Error NotFound(const std::string& group);
Error BadCursor();
Error CursorOfTheFuture();
Error BadPageToken();
Error NotCompleted(const std::string& group);
Error Closed();

}  // namespace covey::journal
