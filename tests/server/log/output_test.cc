#include "server/log/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace covey {
namespace {

LogLine Saying(std::string message) {
  return {.kind = "k", .message = std::move(message), .fields = {{"group", "g"}}};
}

std::string ReadAll(int fd) {
  std::string all;
  char bytes[65536];
  for (;;) {
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) return all;
    all.append(bytes, static_cast<size_t>(got));
  }
}

size_t CountLines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

class PipeOutputTest : public ::testing::TestWithParam<bool> {
 protected:
  // A pipe, or a socket, both blocking at the end of the output.
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    ASSERT_EQ(GetParam() ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    reader_.Reset(ends[0]);
    writer_.Reset(ends[1]);
    fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
  }

  UniqueFd reader_;
  UniqueFd writer_;
};

// A write that waited would never return: the reader is this thread.
TEST_P(PipeOutputTest, AReaderThatReadsNothingHoldsUpNobody) {
  StreamLogOutput output(writer_.get());
  size_t taken = 0;
  const std::string text(1000, 'x');
  while (output.Write(Saying(text), false)) ASSERT_LT(++taken, 10'000u);
  EXPECT_GT(taken, StreamLogOutput::kRoom / 1100);
  EXPECT_FALSE(output.Drain());
  std::string read;
  bool all = false;
  while (!all) {
    read += ReadAll(reader_.get());
    all = output.Drain();
  }
  read += ReadAll(reader_.get());
  EXPECT_EQ(CountLines(read), taken) << "each of those that were taken, whole";
  EXPECT_TRUE(output.Write(Saying("again"), false));
  EXPECT_NE(ReadAll(reader_.get()).find("again"), std::string::npos);
}

TEST_P(PipeOutputTest, AReaderThatHasGoneCostsTheLine) {
  StreamLogOutput output(writer_.get());
  EXPECT_TRUE(output.Write(Saying("there"), false));
  reader_.Reset();
  EXPECT_FALSE(output.Write(Saying("gone"), true));
  EXPECT_TRUE(output.Drain());
}

TEST_P(PipeOutputTest, OthersWhoHaveItGoOnWaiting) {
  const StreamLogOutput output(writer_.get());
  EXPECT_EQ(fcntl(writer_.get(), F_GETFL) & O_NONBLOCK, 0);
}

INSTANTIATE_TEST_SUITE_P(Ends, PipeOutputTest, ::testing::Values(false, true));

TEST(StreamOutputTest, ADiskThatIsFullCostsTheLine) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  StreamLogOutput output(full.get());
  EXPECT_FALSE(output.Write(Saying("x"), false));
  StreamLogOutput closed(fcntl(full.get(), F_DUPFD_CLOEXEC, 500) + 1);  // which is not open
  EXPECT_FALSE(closed.Write(Saying("x"), false));
}

// A journal of the test's own.
class JournalOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "covey-log-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/socket";
    journal_.Reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(name.sun_path, sizeof name.sun_path - 1);
    ASSERT_EQ(bind(journal_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    stream_.Reset(open((directory_ + "/stream").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600));
    struct stat what {};
    ASSERT_EQ(fstat(stream_.get(), &what), 0);
    told_ = std::to_string(what.st_dev) + ":" + std::to_string(what.st_ino);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Received() {
    char bytes[65536];
    const ssize_t got = recv(journal_.get(), bytes, sizeof bytes, 0);
    return got < 0 ? "" : std::string(bytes, static_cast<size_t>(got));
  }
  std::string Streamed() {
    lseek(stream_.get(), 0, SEEK_SET);
    return ReadAll(stream_.get());
  }

  std::string directory_;
  std::string path_;
  UniqueFd journal_;
  UniqueFd stream_;
  std::string told_;  // as JOURNAL_STREAM
};

TEST_F(JournalOutputTest, LinesGoToTheJournalThatTheStreamIsConnectedTo) {
  StandardLogOutput output(stream_.get(), told_.c_str(), path_);
  EXPECT_TRUE(output.Write(Saying("hello"), false));
  EXPECT_EQ(
      Received(),
      "MESSAGE=hello "
      "group=g\nPRIORITY=6\nSYSLOG_IDENTIFIER=coveyd\nCOVEY_PART=daemon\nCOVEY_KIND=k\nCOVEY_GROUP=g\n");
  EXPECT_EQ(Streamed(), "");
  EXPECT_TRUE(output.Write(Saying("as JSON"), true)) << "which was asked for";
  EXPECT_EQ(Received(), "");
  EXPECT_NE(Streamed().find("as JSON"), std::string::npos);
}

TEST_F(JournalOutputTest, AnotherStreamIsNone) {
  for (const char* other : {"1:2", "", "x", "1:", ":2", "1:2:3"}) {
    EXPECT_FALSE(JournalLogOutput::IsJournal(stream_.get(), other)) << other;
  }
  EXPECT_FALSE(JournalLogOutput::IsJournal(stream_.get(), nullptr));
  EXPECT_FALSE(JournalLogOutput::IsJournal(-1, told_.c_str()));
  StandardLogOutput output(stream_.get(), "1:2", path_);
  EXPECT_TRUE(output.Write(Saying("hello"), false));
  EXPECT_EQ(Received(), "");
  EXPECT_NE(Streamed().find("hello group=g"), std::string::npos);
}

TEST_F(JournalOutputTest, WithoutAListenerTheStreamIsUsed) {
  StandardLogOutput output(stream_.get(), told_.c_str(), path_ + "-nobody");
  EXPECT_TRUE(output.Write(Saying("hello"), false));
  EXPECT_NE(Streamed().find("hello"), std::string::npos);
}

TEST_F(JournalOutputTest, AJournalThatIsFullOrGoneHoldsUpNobody) {
  StandardLogOutput output(stream_.get(), told_.c_str(), path_);
  size_t taken = 0;
  while (output.Write(Saying("x"), false)) ASSERT_LT(++taken, 100'000u);
  while (!Received().empty()) {
  }
  EXPECT_TRUE(output.Write(Saying("room again"), false));
  journal_.Reset();
  EXPECT_FALSE(output.Write(Saying("gone"), false));
}

}  // namespace
}  // namespace covey
