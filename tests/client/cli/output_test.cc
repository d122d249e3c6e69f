// Console and OutputPrinter over pipes and terminals.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "client/cli/console.h"
#include "client/cli/output_printer.h"

namespace covey::cli {
namespace {

// Two pipes, and what was written to them.
class Pipes {
 public:
  Pipes() {
    EXPECT_EQ(pipe2(out_.data(), O_CLOEXEC | O_NONBLOCK), 0);
    EXPECT_EQ(pipe2(err_.data(), O_CLOEXEC | O_NONBLOCK), 0);
  }
  ~Pipes() {
    for (const int fd : {out_[0], out_[1], err_[0], err_[1]}) {
      if (fd >= 0) close(fd);
    }
  }
  int out_fd() const { return out_[1]; }
  int err_fd() const { return err_[1]; }
  std::string Out() { return Drain(out_[0]); }
  std::string Err() { return Drain(err_[0]); }
  void CloseReader() {
    close(out_[0]);
    out_[0] = -1;
  }
  static std::string Drain(int fd) {
    std::string bytes;
    std::array<char, 4096> buffer{};
    for (ssize_t got; (got = read(fd, buffer.data(), buffer.size())) > 0;)
      bytes.append(buffer.data(), static_cast<size_t>(got));
    return bytes;
  }

 private:
  std::array<int, 2> out_{};
  std::array<int, 2> err_{};
};

v1::OutputChunk Chunk(const std::string& task, const std::string& data,
                      v1::OutputStream stream = v1::OUTPUT_STREAM_STDOUT, bool end = false) {
  v1::OutputChunk chunk;
  chunk.set_task(task);
  chunk.set_data(data);
  chunk.set_stream(stream);
  chunk.set_end(end);
  return chunk;
}

TEST(OutputPrinterTest, LinesStandBehindTheirNames) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  OutputPrinter printer(console, OutputPrinter::Mode::kNamed);
  printer.Print(Chunk("a", "one\ntw"));
  printer.Print(Chunk("b", "x"));
  printer.Print(Chunk("a", "oops\n", v1::OUTPUT_STREAM_STDERR));
  printer.Print(Chunk("a", "o\nthree"));
  EXPECT_EQ(pipes.Out(), "a | one\na | two\n");
  EXPECT_EQ(pipes.Err(), "a | oops\n");
  printer.Print(Chunk("a", "", v1::OUTPUT_STREAM_STDOUT, true));
  EXPECT_EQ(pipes.Out(), "a | three\n");
  printer.Flush();
  EXPECT_EQ(pipes.Out(), "b | x\n");
  printer.Flush();
  EXPECT_EQ(pipes.Out(), "");
}

TEST(OutputPrinterTest, TheEndOfATaskEndsItsLines) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  OutputPrinter printer(console, OutputPrinter::Mode::kNamed);
  printer.Print(Chunk("a", "out"));
  printer.Print(Chunk("a", "err", v1::OUTPUT_STREAM_STDERR));
  printer.Print(Chunk("b", "other"));
  printer.Flush("a");
  printer.Flush("none");
  EXPECT_EQ(pipes.Out(), "a | out\n");
  EXPECT_EQ(pipes.Err(), "a | err\n");
}

TEST(OutputPrinterTest, BytesPassAndNamesAreMadeSafe) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  OutputPrinter printer(console, OutputPrinter::Mode::kNamed);
  const std::string bytes("\0\xff\x1b[1m", 6);
  printer.Print(Chunk("t\x1b", bytes + "\n"));
  EXPECT_EQ(pipes.Out(), "t\\x1b | " + bytes + "\n");
}

TEST(OutputPrinterTest, RawBytesHaveNoNames) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  OutputPrinter raw(console, OutputPrinter::Mode::kRaw);
  raw.Print(Chunk("a", "no line end"));
  raw.Print(Chunk("a", "err", v1::OUTPUT_STREAM_STDERR, true));
  EXPECT_EQ(pipes.Out(), "no line end");
  EXPECT_EQ(pipes.Err(), "err");
  OutputPrinter all(console, OutputPrinter::Mode::kAllToOut);
  all.Print(Chunk("a", "err", v1::OUTPUT_STREAM_STDERR));
  EXPECT_EQ(pipes.Out(), "err");
}

TEST(OutputPrinterTest, MissingBytesAreToldAndDoNotJoinWhatIsAroundThem) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  OutputPrinter printer(console, OutputPrinter::Mode::kNamed);
  printer.Print(Chunk("a", "head"));
  v1::OutputChunk chunk = Chunk("a", "tail\n");
  chunk.set_dropped(100);
  chunk.set_offset(104);
  printer.Print(chunk);
  EXPECT_EQ(pipes.Out(), "a | head\na | tail\n");
  EXPECT_EQ(pipes.Err(), "covey: task a: 100 bytes of stdout before offset 104 were not kept\n");
}

TEST(ConsoleTest, AClosedReaderIsAnErrorOnce) {
  signal(SIGPIPE, SIG_IGN);
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  EXPECT_TRUE(console.Out("x"));
  pipes.CloseReader();
  EXPECT_FALSE(console.Out("x"));
  EXPECT_EQ(console.out_error(), EPIPE);
  EXPECT_FALSE(console.Out("x"));
  EXPECT_TRUE(console.Err("still there"));
}

TEST(ConsoleTest, NothingIsColouredOrRedrawnOutsideATerminal) {
  Pipes pipes;
  Console console(pipes.out_fd(), pipes.err_fd());
  EXPECT_FALSE(console.out_has_colors());
  EXPECT_EQ(console.out_columns(), 0U);
  console.SetStatus("progress");
  EXPECT_EQ(pipes.Err(), "");
}

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    winsize size{.ws_row = 24, .ws_col = 20, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
    ASSERT_EQ(fcntl(master_, F_SETFL, O_NONBLOCK), 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
  }
  void TearDown() override {
    close(master_);
    close(slave_);
  }
  std::string Screen() const { return Pipes::Drain(master_); }

  int master_ = -1;
  int slave_ = -1;
};

TEST_F(TerminalTest, TheStatusLineGoesBeforeOutput) {
  Console console(slave_, slave_);
  console.SetStatus("[1/2] running");
  EXPECT_EQ(Screen(), "\r\x1b[K[1/2] running");
  console.Out("text\n");
  EXPECT_EQ(Screen(), "\r\x1b[Ktext\r\n");  // the terminal adds the \r
  console.SetStatus("");
  EXPECT_EQ(Screen(), "");
  console.SetStatus("a status of more than twenty columns");
  EXPECT_EQ(Screen(), "\r\x1b[Ka status of more t…");
  console.SetStatus("");
  EXPECT_EQ(Screen(), "\r\x1b[K");
}

TEST_F(TerminalTest, NamesHaveColoursUnlessSomebodyDislikesThem) {
  {
    Console console(slave_, slave_);
    OutputPrinter(console, OutputPrinter::Mode::kNamed).Print(Chunk("a", "x\n"));
    EXPECT_NE(Screen().find("a |\x1b[0m x"), std::string::npos);
    EXPECT_EQ(console.out_columns(), 20U);
  }
  setenv("NO_COLOR", "1", 1);
  Console console(slave_, slave_);
  OutputPrinter(console, OutputPrinter::Mode::kNamed).Print(Chunk("a", "x\n"));
  EXPECT_EQ(Screen(), "a | x\r\n");
}

}  // namespace
}  // namespace covey::cli
