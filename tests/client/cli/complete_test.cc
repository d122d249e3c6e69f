#include "client/cli/complete.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/help.h"
#include "client/cli/man_page.h"
#include "client/cli/markdown_page.h"

namespace covey::cli {
namespace {

Completion Of(std::vector<std::string> words) {
  Console console(STDOUT_FILENO, STDERR_FILENO);
  Session session(console, false, "unix:/nonexistent");
  return Complete(session, std::move(words));
}

std::vector<std::string> WordsOf(const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (const Candidate& candidate : Of(words).candidates) found.push_back(candidate.word);
  return found;
}

using Found = std::vector<std::string>;

TEST(CompleteTest, CommandsByTheirBeginning) {
  EXPECT_EQ(WordsOf({"ca"}), Found{"cancel"});
  EXPECT_EQ(WordsOf({"--address", "x", "ca"}), Found{"cancel"});
  EXPECT_EQ(WordsOf({"help", "inf"}), Found{"info"});
  EXPECT_EQ(WordsOf({"xyzzy"}), Found{});
  const Completion all = Of({""});
  EXPECT_TRUE(std::any_of(all.candidates.begin(), all.candidates.end(), [](const Candidate& candidate) {
    return candidate.word == "run" && candidate.description.starts_with("runs a group");
  }));
}

TEST(CompleteTest, OptionsAndTheirValues) {
  EXPECT_EQ(WordsOf({"run", "--pol"}), Found{"--policy"});
  EXPECT_EQ(WordsOf({"run", "--policy", ""}), (Found{"all", "settled", "any"}));
  EXPECT_EQ(WordsOf({"run", "--policy=a"}), (Found{"--policy=all", "--policy=any"}));
  EXPECT_EQ(WordsOf({"run", "--policy", "=", "a"}),
            (Found{"--policy=all", "--policy=any"}));  // as bash splits
  EXPECT_EQ(WordsOf({"run", "--policy", "="}).size(), 3U);
  EXPECT_EQ(WordsOf({"--output", "j"}), Found{"json"});
  EXPECT_EQ(WordsOf({"ps", "--output=j"}), Found{"--output=json"});
  EXPECT_EQ(WordsOf({"info", "--pol"}), Found{});
}

TEST(CompleteTest, FilesAndProgramsAreTheShells) {
  EXPECT_EQ(Of({"run", "-f", ""}).otherwise, Otherwise::kFiles);
  EXPECT_EQ(Of({"run", "--file=x"}).otherwise, Otherwise::kFiles);
  EXPECT_EQ(Of({"run", "--cwd", "/"}).otherwise, Otherwise::kDirectories);
  EXPECT_EQ(Of({"run", "--", "l"}).otherwise, Otherwise::kPrograms);
  EXPECT_EQ(Of({"run", "--", "ls", "--pol"}).otherwise, Otherwise::kFiles);
  EXPECT_EQ(Of({"run", "--limit", ""}).otherwise, Otherwise::kNothing);
}

TEST(CompleteTest, WithoutADaemonThereAreNoGroups) {
  EXPECT_EQ(WordsOf({"wait", ""}), Found{});
  EXPECT_EQ(WordsOf({"show", "g/"}), Found{});
}

TEST(CompleteTest, LastGroupsNeedNoDaemon) {
  EXPECT_EQ(WordsOf({"show", "@last-"}), Found{"@last-failed"});
  EXPECT_EQ(WordsOf({"completion", "f"}), Found{"fish"});
}

TEST(HelpTest, EveryCommandIsForOneThing) {
  std::multiset<std::string_view> named;
  for (const Topic& topic : Topics()) named.insert(topic.commands.begin(), topic.commands.end());
  for (const Command& command : Commands()) EXPECT_EQ(named.count(command.name), 1u) << command.name;
  EXPECT_EQ(named.size(), Commands().size());
}

TEST(MarkdownPageTest, IsThePageOfTheDocumentation) {
  std::ifstream file(COVEY_CLI_PAGE);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(page == MarkdownPage()) << "covey help --markdown > client/docs/cli.md";
}

TEST(ManPageTest, HasEveryCommandAndOption) {
  const std::string page = ManPage();
  for (const Command& command : Commands()) {
    EXPECT_NE(page.find(".SS covey " + std::string(command.name) + "\n"), std::string::npos) << command.name;
    for (const Option& option : command.options) {
      std::string name = "\\-\\-";
      for (const char c : option.name) name += c == '-' ? std::string("\\-") : std::string(1, c);
      EXPECT_NE(page.find(name + "\\fR"), std::string::npos) << command.name << " " << option.name;
    }
  }
  EXPECT_EQ(page.find("\n'"), std::string::npos) << "a request of roff by accident";
}

}  // namespace
}  // namespace covey::cli
