#include "server/log/library_lines.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/mutex.h"

namespace covey {
namespace {

// Never destroyed: libraries may have something to say until the very end.
struct Taker {
  Mutex mutex;
  std::weak_ptr<Log> log COVEY_GUARDED_BY(mutex);
};
Taker& TheTaker() {
  static auto* const taker = new Taker;
  return *taker;
}

void Tell(LogLevel level, std::string_view library, const char* file, int line, std::string message) {
  std::shared_ptr<Log> log;
  {
    Taker& taker = TheTaker();
    MutexLock lock(taker.mutex);
    log = taker.log.lock();
  }
  if (log == nullptr) {
    (void)std::fprintf(stderr, "%s\n", AsMessage({.message = std::move(message)}).c_str());
    return;
  }
  const char* const slash = std::strrchr(file, '/');
  log->Write({.part = LogPart::kLibraries,
              .level = level,
              .kind = library,
              .message = std::move(message),
              .fields = {{"source", (slash == nullptr ? file : slash + 1) + (":" + std::to_string(line))}}});
}

void OfGrpc(gpr_log_func_args* said) {
  const LogLevel level = said->severity == GPR_LOG_SEVERITY_ERROR  ? LogLevel::kError
                         : said->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo
                                                                   : LogLevel::kDebug;
  Tell(level, "grpc", said->file, said->line, said->message);
}

void OfProtobuf(google::protobuf::LogLevel severity, const char* file, int line, const std::string& message) {
  const LogLevel level = severity >= google::protobuf::LOGLEVEL_ERROR     ? LogLevel::kError
                         : severity == google::protobuf::LOGLEVEL_WARNING ? LogLevel::kWarning
                                                                          : LogLevel::kInfo;
  Tell(level, "protobuf", file, line, message);
}

}  // namespace

void TakeLibraryLines(const std::shared_ptr<Log>& log) {
  {
    Taker& taker = TheTaker();
    MutexLock lock(taker.mutex);
    taker.log = log;
  }
  gpr_set_log_function(OfGrpc);
  google::protobuf::SetLogHandler(OfProtobuf);
}

}  // namespace covey
