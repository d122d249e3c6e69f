#include "core/throw_trace/stack_text.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/run/run_caught.h"

#ifdef COVEY_HAVE_LIBBACKTRACE
#include <backtrace.h>
#else
#include <dlfcn.h>
#endif

namespace covey {
namespace {

struct Line {
  std::string function;
  std::string place;
};

#ifdef COVEY_HAVE_LIBBACKTRACE

void Ignore(void*, const char*, int) {}

int AddLine(void* lines, uintptr_t, const char* file, int line, const char* function) {
  if (function == nullptr) return 0;
  Line added{Demangle(function), ""};
  if (file != nullptr) added.place = std::string(file) + ":" + std::to_string(line);
  static_cast<std::vector<Line>*>(lines)->push_back(std::move(added));
  return 0;
}

void AddSymbol(void* lines, uintptr_t, const char* symbol, uintptr_t, uintptr_t) {
  if (symbol != nullptr) static_cast<std::vector<Line>*>(lines)->push_back({Demangle(symbol), ""});
}

// Several when calls were inlined. One thread at a time: a stack is a matter of failures, and the library's
// tables, which are read on demand, need no synchronisation of their own then.
std::vector<Line> Lines(uintptr_t address) {
  static Mutex mutex;
  static backtrace_state* const kState = backtrace_create_state(nullptr, /*threaded=*/0, Ignore, nullptr);
  std::vector<Line> lines;
  MutexLock lock(mutex);
  backtrace_pcinfo(kState, address, AddLine, Ignore, &lines);
  if (lines.empty()) backtrace_syminfo(kState, address, AddSymbol, Ignore, &lines);
  return lines;
}

#else

std::vector<Line> Lines(uintptr_t address) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0) return {};
  Line line;
  if (info.dli_sname != nullptr) line.function = Demangle(info.dli_sname);
  if (info.dli_fname != nullptr) {
    line.place = std::string(info.dli_fname) + "+" +
                 std::to_string(address - reinterpret_cast<uintptr_t>(info.dli_fbase));
  }
  return {line};
}

#endif

// What stands between RunCaught and the task's own code.
bool IsOurs(const Line& line) {
  for (const std::string_view file :
       {"core/run/run_caught.h:", "covey/detail/task_node.h:", "/bits/invoke.h:"}) {
    if (line.place.find(file) != std::string::npos) return true;
  }
  return line.function.starts_with("covey::detail::") || line.function.starts_with("std::__invoke");
}

}  // namespace

std::string StackText(std::span<const uintptr_t> frames) {
  std::string text;
  int number = 0;
  for (const uintptr_t frame : frames) {
    std::vector<Line> lines = Lines(frame - 1);  // the call, not what follows it
    if (lines.empty()) lines.push_back({"?", ""});
    for (const Line& line : lines) {
      if (line.function.starts_with("covey::RunCaught")) return text;
      if (IsOurs(line)) continue;
      text += '#' + std::to_string(number++) + ' ' + (line.function.empty() ? "?" : line.function);
      if (!line.place.empty()) text += " at " + line.place;
      text += '\n';
    }
  }
  return text;
}

}  // namespace covey
