// The real covey against the real coveyd: 100 tasks of `true` as JSON of a file, which is the measure, and as lines of
// a file and of a pipe that --each makes tasks of. Measured in turns; medians of rounds.
//
//   cli_bench [rounds]

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/check.h"

namespace covey {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTasks = 100;

pid_t Spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  COVEY_CHECK(posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0);
  return pid;
}

// Seconds that a line of sh takes, which ends well.
double Shell(const std::string& line) {
  const auto start = Clock::now();
  int status = -1;
  COVEY_CHECK(waitpid(Spawn({"sh", "-c", line}), &status, 0) > 0);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (status != 0) std::fprintf(stderr, "this failed: %s\n", line.c_str());
  COVEY_CHECK(status == 0);
  return seconds;
}

// coveyd on a folder of its own, and what is run against it.
class CliBench {
 public:
  explicit CliBench(int rounds) : rounds_(rounds) {
    std::string pattern = (std::filesystem::temp_directory_path() / "covey-bench-XXXXXX").string();
    COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    setenv("COVEY_ADDRESS", ("unix:" + folder_ + "/s").c_str(), 1);
    daemon_ = Spawn({COVEYD, "--listen", "unix:" + folder_ + "/s", "--data-dir", folder_ + "/data",
                     "--log-level", "error"});
    Shell(std::string(COVEY) + " health --wait 30s >/dev/null");
    std::ofstream list(folder_ + "/list");
    std::ofstream json(folder_ + "/tasks.jsonl");
    for (int i = 0; i < kTasks; ++i) {
      list << i << "\n";
      json << "{\"process\":{\"argv\":[\"true\",\"" << i << "\"]}}\n";
    }
  }
  ~CliBench() {
    kill(daemon_, SIGTERM);
    waitpid(daemon_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  CliBench(const CliBench&) = delete;
  CliBench& operator=(const CliBench&) = delete;

  void Run() {
    const std::string run = std::string(COVEY) + " run ";
    const std::string quiet = " 2>/dev/null";
    std::vector<Way> ways = {
        {"-f tasks.jsonl", run + "-f " + folder_ + "/tasks.jsonl" + quiet, {}},
        {"--each -f list", run + "--each -f " + folder_ + "/list -- true" + quiet, {}},
        {"cat list | --each", "cat " + folder_ + "/list | " + run + "--each -- true" + quiet, {}},
        {"cat list | --each --keep-order",
         "cat " + folder_ + "/list | " + run + "--each -k -- true" + quiet,
         {}},
    };
    for (const Way& way : ways) Shell(way.line);  // the caches are warm
    for (int i = 0; i < rounds_; ++i) {
      for (Way& way : ways) way.seconds.push_back(Shell(way.line));
    }
    const double base = Median(ways[0].seconds);
    for (const Way& way : ways) {
      const double median = Median(way.seconds);
      std::printf("%-32s %8.1f ms   %.2f of -f\n", way.name.c_str(), median * 1e3, median / base);
    }
  }

 private:
  struct Way {
    std::string name;
    std::string line;
    std::vector<double> seconds;
  };

  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  const int rounds_;
  std::string folder_;
  pid_t daemon_ = -1;
};

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  if (argc > 2 || rounds < 1) {
    std::fprintf(stderr, "usage: cli_bench [rounds, at least 1]\n");
    return 64;
  }
  covey::CliBench(rounds).Run();
  return 0;
}
