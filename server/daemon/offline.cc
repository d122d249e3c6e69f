#include "server/daemon/offline.h"

#include <cstdio>

#include "server/journal/backup.h"
#include "server/journal/repair.h"

namespace covey {
namespace {

constexpr int kExitDamaged = 65;  // EX_DATAERR
constexpr int kExitNotMade = 73;  // EX_CANTCREAT

int Refuse(const Error& error) {
  std::fprintf(stderr, "coveyd: %s\n", error.message.c_str());
  return error.code == ErrorCode::kDataLoss ? kExitDamaged : kExitNotMade;
}

void TellHowToGoOn(const std::string& directory) {
  std::printf("when no daemon uses the original any more: coveyd --adopt --data-dir %s\n", directory.c_str());
}

}  // namespace

int Restore(const std::string& backup, const std::string& data_dir) {
  const Result<Void> done = RestoreBackup(backup, data_dir);
  if (!done.ok()) return Refuse(done.error());
  std::printf("%s is restored to %s\n", backup.c_str(), data_dir.c_str());
  TellHowToGoOn(data_dir);
  return 0;
}

int Repair(const std::string& data_dir, const std::string& to) {
  const Result<Repaired> done = RepairData(data_dir, to);
  if (!done.ok()) return Refuse(done.error());
  for (const std::string& line : done.value().lost) std::printf("%s\n", line.c_str());
  std::printf("%zu groups are whole in %s, %zu things are not\n", done.value().groups, to.c_str(),
              done.value().lost.size());
  TellHowToGoOn(to);
  return 0;
}

}  // namespace covey
