// A configuration file of any bytes is refused with problems on one line each, or read; and what is read is
// printed so that it reads back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "server/config/command_line.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace covey;  // NOLINT(google-build-using-namespace)
  static const auto* const kCommandLine = new CommandLine{.config_file = "/c.toml", .flags = {}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ConfigResult made = MakeConfig(*kCommandLine, text);
  COVEY_CHECK(made.loaded.has_value() == made.problems.empty());
  for (const ConfigProblem& problem : made.problems) {
    const std::string line = problem.Text();
    COVEY_CHECK(line.starts_with("/c.toml:") || line.starts_with("listen ") || line.starts_with("data_dir "));
    for (const char c : line) COVEY_CHECK(static_cast<unsigned char>(c) >= ' ');
  }
  if (made.loaded) {
    const ConfigResult again = MakeConfig(*kCommandLine, PrintConfig(*made.loaded));
    COVEY_CHECK(again.loaded.has_value());
    COVEY_CHECK(Values(again.loaded->config) == Values(made.loaded->config));
  }
  return 0;
}
