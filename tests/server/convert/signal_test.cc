#include <gtest/gtest.h>

#include <csignal>

#include "server/convert/convert.h"

namespace covey {
namespace {

TEST(Signal, NumbersAndNamesAreUnderstood) {
  EXPECT_EQ(ParseSignal("15"), SIGTERM);
  EXPECT_EQ(ParseSignal("1"), 1);
  EXPECT_EQ(ParseSignal("64"), 64);
  EXPECT_EQ(ParseSignal("SIGINT"), SIGINT);
  EXPECT_EQ(ParseSignal("INT"), SIGINT);
  EXPECT_EQ(ParseSignal("USR2"), SIGUSR2);
  EXPECT_EQ(ParseSignal("SIGPOLL"), SIGIO);
}

TEST(Signal, AnythingElseIsNone) {
  for (const char* text : {"", "0", "65", "-1", "+1", " 9", "9 ", "1.5", "0x9", "sigint", "SIG", "SIGSIGINT",
                           "SIGNOPE", "4294967305", "99999999999999999999999", "SIGINT\n"}) {
    EXPECT_EQ(ParseSignal(text), std::nullopt) << text;
  }
}

TEST(Signal, EveryNumberIsUnderstoodAsItIsTold) {
  for (int signal = 1; signal <= 64; ++signal) EXPECT_EQ(ParseSignal(SignalName(signal)), signal);
  EXPECT_EQ(SignalName(SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalName(SIGABRT), "SIGABRT");
  EXPECT_EQ(SignalName(40), "40");
}

}  // namespace
}  // namespace covey
