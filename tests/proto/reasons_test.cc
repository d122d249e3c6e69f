// Every reason that core and the daemon give is in the contract, where clients read what it means.

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "covey/v1/errors.pb.h"
#include "proto/retryable.h"

namespace covey {
namespace {

// Texts in capitals that are something else: environment variables, the code of a status without a reason.
bool IsNoReason(const std::string& text) {
  static const std::set<std::string> kOthers = {"JOURNAL_STREAM", "NOTIFY_SOCKET",     "WATCHDOG_PID",
                                                "WATCHDOG_USEC",  "RUNTIME_DIRECTORY", "STATE_DIRECTORY",
                                                "UNKNOWN"};
  return text.starts_with("COVEY_") || text.starts_with("XDG_") || kOthers.contains(text);
}

// Reasons in the sources, each with a file that has it. Of the client, whose sources name codes as well, what is
// given as a reason.
std::map<std::string, std::string> Given() {
  static const std::regex kDaemon("\"([A-Z]+(?:_[A-Z]+)+)\"|reason = \"([A-Z]+)\"");
  static const std::regex kClient("reason = \"([A-Z]+(?:_[A-Z]+)+)\"|reason = \"([A-Z]+)\"");
  std::map<std::string, std::string> given;
  for (const char* folder : {"core", "server", "client"}) {
    const std::regex& words = std::string_view(folder) == "client" ? kClient : kDaemon;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(COVEY_SOURCE_DIR) + "/" + folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string code = text.str();
      for (std::sregex_iterator match(code.begin(), code.end(), words), end; match != end; ++match) {
        const std::string word = (*match)[1].matched ? (*match)[1] : (*match)[2];
        if (!IsNoReason(word)) given[word] = entry.path();
      }
    }
  }
  return given;
}

TEST(Reasons, OfTheSourcesAreInTheContract) {
  const auto given = Given();
  ASSERT_GT(given.size(), 40u);
  for (const auto& [reason, file] : given) {
    v1::ErrorReason value;
    EXPECT_TRUE(v1::ErrorReason_Parse("ERROR_REASON_" + reason, &value)) << reason << " in " << file;
  }
}

TEST(Reasons, OfTheContractAreGiven) {
  const auto given = Given();
  const google::protobuf::EnumDescriptor& all = *v1::ErrorReason_descriptor();
  for (int i = 1; i < all.value_count(); ++i) {
    const std::string reason = all.value(i)->name().substr(std::string("ERROR_REASON_").size());
    EXPECT_TRUE(given.contains(reason)) << reason;
  }
}

// The contract promises RetryInfo where it says "try again later".
TEST(Reasons, RetryableAsDocumented) {
  std::ifstream file(COVEY_PROTO_DIR "/covey/v1/errors.proto");
  std::string comment;
  size_t retryable = 0;
  for (std::string line; std::getline(file, line);) {
    static const std::regex kValue("  ERROR_REASON_([A-Z_]+) = [0-9]+;");
    std::smatch match;
    if (std::regex_match(line, match, kValue)) {
      const bool told = comment.find("try again later") != std::string::npos;
      EXPECT_EQ(IsRetryable(match[1].str()), told) << match[1];
      if (told) ++retryable;
      comment.clear();
    } else if (line.starts_with("enum ")) {
      comment.clear();  // what stands before it is of no value
    } else {
      comment += line.substr(std::min<size_t>(line.size(), std::string("  //").size()));
    }
  }
  EXPECT_GE(retryable, 4u);
}

}  // namespace
}  // namespace covey
