// Tasks in JSON: what is read, and what is said of what cannot be.

#include <gtest/gtest.h>

#include <string>

#include "client/cli/json.h"
#include "client/cli/text.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {
namespace {

std::string Complaint(const std::string& json) {
  v1::TaskSpec task;
  const Result<Void> read = FromJson(json, &task);
  return read.ok() ? "none" : read.error().message;
}

v1::TaskSpec Task(const std::string& json) {
  v1::TaskSpec task;
  const Result<Void> read = FromJson(json, &task);
  EXPECT_TRUE(read.ok()) << read.error().message;
  return task;
}

std::string Argument(const std::string& text) {
  return Task("{\"process\":{\"argv\":[\"x\"," + text + "]}}").process().argv(1);
}

TEST(JsonMessageTest, AllKindsOfFields) {
  const v1::TaskSpec task = Task(
      R"( { "name" : "a" , "timeout":"1m30s","labels":{"k":"v","":"e"},"rerunOnRestart":true,
      "process":{"argv":["x","y"],"env":{"A":"b"},"standard_input":"aGVsbG8=","nice":-5,"inheritEnv":false,
      "limits":{"openFiles":64,"addressSpace":"1048576","coreSize":0,"cpuMilli":1.5e3},
      "stdoutFile":{"path":"/x","append":true},"grace":"250ms","user":null}} )");
  EXPECT_EQ(task.name(), "a");
  EXPECT_EQ(task.timeout().seconds(), 90);
  EXPECT_EQ(task.labels().at("k"), "v");
  EXPECT_EQ(task.labels().at(""), "e");
  EXPECT_TRUE(task.rerun_on_restart());
  const v1::ProcessSpec& process = task.process();
  EXPECT_EQ(process.argv_size(), 2);
  EXPECT_EQ(process.env().at("A"), "b");
  EXPECT_EQ(process.standard_input(), "hello");
  EXPECT_EQ(process.nice(), -5);
  EXPECT_EQ(process.limits().open_files(), 64U);
  EXPECT_EQ(process.limits().address_space(), 1048576U);
  EXPECT_TRUE(process.limits().has_core_size());
  EXPECT_EQ(process.limits().cpu_milli(), 1500U);
  EXPECT_TRUE(process.stdout_file().append());
  EXPECT_EQ(process.grace().nanos(), 250'000'000);
  EXPECT_EQ(process.user(), "");
}

TEST(JsonMessageTest, WhatIsWrittenIsReadAgain) {
  v1::TaskSpec task;
  task.set_name("n");
  task.mutable_timeout()->set_seconds(3);
  task.mutable_timeout()->set_nanos(5'000'000);
  task.mutable_process()->add_argv("quote\" back\\ line\n tab\t \x01 \xE2\x82\xAC \xF0\x9F\x90\xA6");
  task.mutable_process()->set_standard_input(std::string("\0\xFF\x80 bytes", 9));
  (*task.mutable_process()->mutable_env())["A"] = "";
  task.mutable_process()->mutable_limits()->set_memory(UINT64_MAX);
  EXPECT_EQ(Task(ToJson(task)).SerializeAsString(), task.SerializeAsString());
  task.mutable_function()->mutable_payload()->set_data("x");
  EXPECT_EQ(Task(ToJson(task)).SerializeAsString(), task.SerializeAsString());
}

TEST(JsonMessageTest, Strings) {
  EXPECT_EQ(Argument(R"("\u0041\u20ac\ud83d\udc26\n\t\"\\\/\b\f\r")"),
            "A\xE2\x82\xAC\xF0\x9F\x90\xA6\n\t\"\\/\b\f\r");
  EXPECT_EQ(Argument(R"("")"), "");
  EXPECT_EQ(Argument("\"caf\xC3\xA9\""), "caf\xC3\xA9");
}

TEST(JsonMessageTest, FieldsAreNamedWithWhatIsRight) {
  EXPECT_EQ(Complaint(R"({"proces":{}})"), "proces: there is no such field; did you mean process?");
  EXPECT_EQ(Complaint(R"({"process":{"argvv":[]}})"),
            "process.argvv: there is no such field; did you mean argv?");
  EXPECT_EQ(Complaint(R"({"xyzzy":1})"), "xyzzy: there is no such field");
  EXPECT_EQ(Complaint(R"({"process":{"argv":"ls"}})"), "process.argv: must be a list, got \"ls\"");
  EXPECT_EQ(Complaint(R"({"process":{"argv":7}})"), "process.argv: must be a list, got 7");
  EXPECT_EQ(Complaint(R"({"process":{"argv":["a",3]}})"), "process.argv[1]: must be a string, got 3");
  EXPECT_EQ(Complaint(R"({"process":["ls"]})"), "process: must be an object, got a list");
  EXPECT_EQ(Complaint(R"({"process":{"env":{"A":1}}})"), "process.env[\"A\"]: must be a string, got 1");
  EXPECT_EQ(Complaint(R"({"process":{"env":{"A":"1","A":"2"}}})"), "process.env[\"A\"]: is given twice");
  EXPECT_EQ(Complaint(R"({"process":{"env":["A=1"]}})"), "process.env: must be an object, got a list");
  EXPECT_EQ(Complaint(R"({"name":"a","name":"b"})"), "name: is given twice");
  EXPECT_EQ(Complaint(R"({"process":{"inheritEnv":"yes"}})"),
            "process.inheritEnv: must be true or false, got \"yes\"");
  EXPECT_EQ(Complaint(R"({"process":{"limits":{"openFiles":-1}}})"),
            "process.limits.openFiles: must be a whole number, 0..4294967295, got -1");
  EXPECT_EQ(Complaint(R"({"process":{"limits":{"openFiles":1.5}}})"),
            "process.limits.openFiles: must be a whole number, 0..4294967295, got 1.5");
  EXPECT_EQ(Complaint(R"({"process":{"nice":"nicer"}})"),
            "process.nice: must be a whole number, -2147483648..2147483647, got \"nicer\"");
  EXPECT_EQ(Complaint(R"({"process":{"standardInput":"not base64!"}})"),
            "process.standardInput: must be base64, as in \"aGVsbG8=\" for hello, got \"not base64!\"");
  EXPECT_EQ(Complaint(R"({"process":{"argv":["a"]},"function":{"name":"f"}})"),
            "function: there is a process already; one of them is right");
}

TEST(JsonMessageTest, DurationsAreAsPeopleWriteThem) {
  EXPECT_EQ(Task(R"({"timeout":"1.5h"})").timeout().seconds(), 5400);
  EXPECT_EQ(Task(R"({"timeout":"3.000000001s"})").timeout().nanos(), 1);
  EXPECT_EQ(Complaint(R"({"timeout":10})"),
            "timeout: must be a duration such as \"10s\" or \"1m30s\", got 10");
  EXPECT_EQ(
      Complaint(R"({"timeout":"10"})"),
      "timeout: \"10\" is no duration such as 10s, 1.5h or 250ms: the units are ns, us, ms, s, m, h and d");
  EXPECT_EQ(Complaint(R"({"process":{"grace":"-1s"}})"),
            "process.grace: \"-1s\" is no duration such as 10s, 1.5h or 250ms: it must not be negative");
}

TEST(JsonMessageTest, WhatIsNoJsonIsToldByItsColumn) {
  EXPECT_EQ(Complaint("[]"), "column 1: an object is expected, got a list");
  EXPECT_EQ(Complaint("{"), "a name in quotes is expected where the line ends");
  EXPECT_EQ(Complaint("{name:1}"), "column 2: a name in quotes is expected, got name");
  EXPECT_EQ(Complaint("{\"name\" \"a\"}"), "column 9: ':' is expected, got \"a\"");
  EXPECT_EQ(Complaint("{\"name\":\"a\",}"), "column 13: a name in quotes is expected, got }");
  EXPECT_EQ(Complaint("{\"name\":\"a\""), "',' or '}' is expected where the line ends");
  EXPECT_EQ(Complaint("{\"name\":\"a\"} x"), "column 14: the end of the text is expected, got x");
  EXPECT_EQ(Complaint("{\"name\":\"a"), "column 9: the string that begins here has no end");
  EXPECT_EQ(Complaint("{\"name\":'a'}"), "name: must be a string, got '");
  EXPECT_EQ(Complaint("{\"name\":\"\\x\"}"),
            "column 10: there is no such escape; a backslash is written as \\\\");
  EXPECT_EQ(Complaint("{\"name\":\"\\ud800\"}"), "column 10: half of a surrogate pair is no character");
  EXPECT_EQ(Complaint("{\"name\":\"\\u12\"}"), "column 12: four hexadecimal digits are expected behind \\u");
  EXPECT_EQ(Complaint("{\"name\":\"\xC3\xA9\",x}"), "column 13: a name in quotes is expected, got x");
  EXPECT_EQ(Complaint("{\"name\":"), "name: must be a string, got nothing");
  EXPECT_EQ(Complaint("{\"name\":nil}"), "name: no value is written nil");
  EXPECT_EQ(Complaint("{\"process\":{\"argv\":[\"a\" \"b\"]}}"),
            "column 25: ',' or ']' is expected, got \"b\"");
}

}  // namespace
}  // namespace covey::cli
