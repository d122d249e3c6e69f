#include "tests/server/check/spec_testing.h"

// Both sides of each bound of groups and tasks.
namespace covey {
namespace {

TEST_F(SpecTest, TheLeastIsFine) {
  EXPECT_FINE(request_);
  EXPECT_FINE(v1::CreateGroupRequest());
}

TEST_F(SpecTest, NamesOfTasks) {
  for (const char* name : {"a", "Z9", "a.b_c-", "lint/unit tests:fast@2+x", "0x", "1.5"}) {
    task_->set_name(name);
    EXPECT_FINE(request_);
  }
  for (const char* name :
       {" a", "a ", "/a", "a/", ".a", "-a", "_a", "a\n", "a\tb", "ä", "a%", "a,b", "a\"b"}) {
    task_->set_name(name);
    EXPECT_WRONG_FIELD("tasks[0].name", request_);
  }
  task_->set_name(std::string(128, 'n'));
  EXPECT_FINE(request_);
  task_->set_name(std::string(129, 'n'));
  EXPECT_WRONG("tasks[0].name", "name must have 1..128 characters, got 129", request_);
  for (const char* name : {"0", "7", "007", "4294967296"}) {
    task_->set_name(name);
    EXPECT_WRONG(
        "tasks[0].name",
        "name must not be digits alone, which tell tasks without a name, got \"" + std::string(name) + "\"",
        request_);
  }
}

TEST_F(SpecTest, WorkIsRequired) {
  task_->clear_work();
  EXPECT_WRONG("tasks[0].work", "work is required: function or process", request_);
}

TEST_F(SpecTest, Functions) {
  Function().set_name("covey.sleep");
  EXPECT_FINE(request_);
  Function().set_name("");
  EXPECT_WRONG("tasks[0].function.name", "name is required", request_);
  Function().set_name("a\\b");
  EXPECT_WRONG_FIELD("tasks[0].function.name", request_);
  Function().set_name(std::string(128, 'f'));
  EXPECT_FINE(request_);
  Function().set_name(std::string(129, 'f'));
  EXPECT_WRONG_FIELD("tasks[0].function.name", request_);
}

TEST_F(SpecTest, Payloads) {
  Function().set_name("f");
  v1::Payload& payload = *Function().mutable_payload();
  EXPECT_FINE(request_);
  payload.set_text(std::string(kMiB, 'x'));
  payload.set_content_type(std::string(255, 'x'));
  EXPECT_FINE(request_);
  payload.set_text(std::string(kMiB + 1, 'x'));
  EXPECT_WRONG("tasks[0].function.payload.text", "text must have at most 1048576 bytes, got 1048577",
               request_);
  payload.set_data(std::string(kMiB, '\xFF'));
  EXPECT_FINE(request_);
  payload.set_data(std::string(kMiB + 1, '\xFF'));
  EXPECT_WRONG_FIELD("tasks[0].function.payload.data", request_);
  payload.set_data("");
  payload.set_content_type(std::string(256, 'x'));
  EXPECT_WRONG("tasks[0].function.payload.content_type",
               "content_type must have at most 255 characters, got 256", request_);
}

TEST_F(SpecTest, TimeoutsOfTasks) {
  google::protobuf::Duration& timeout = *task_->mutable_timeout();
  EXPECT_FINE(request_);
  timeout.set_seconds(315'576'000);
  EXPECT_FINE(request_);
  timeout.set_seconds(315'576'001);
  EXPECT_WRONG_FIELD("tasks[0].timeout", request_);
  timeout.set_seconds(-1);
  EXPECT_WRONG_FIELD("tasks[0].timeout", request_);
}

TEST_F(SpecTest, Labels) {
  for (const bool of_task : {false, true}) {
    auto& labels = of_task ? *task_->mutable_labels() : *request_.mutable_spec()->mutable_labels();
    const std::string path = of_task ? "tasks[0].labels" : "spec.labels";
    for (int i = 0; i < 64; ++i) labels["k" + std::to_string(i)] = "any \xC3\xA4 text";
    EXPECT_FINE(request_);
    labels["one too many"] = "";
    EXPECT_WRONG(path, "labels must have at most 64 entries, got 65", request_);
    labels.clear();
    labels[std::string(63, 'k')] = std::string(255, 'v');
    EXPECT_FINE(request_);
    labels.clear();
    labels[std::string(64, 'k')] = "v";
    EXPECT_WRONG_FIELD(path + "[\"" + std::string(64, 'k') + "\"]", request_);
    labels.clear();
    labels[""] = "v";
    EXPECT_WRONG(path + "[\"\"]", "labels keys must have 1..63 characters, got 0", request_);
    labels.clear();
    labels["k!"] = "v";
    EXPECT_WRONG_FIELD(path + "[\"k!\"]", request_);
    labels.clear();
    labels["k"] = std::string(256, 'v');
    EXPECT_WRONG(path + "[\"k\"]", "labels must have at most 255 characters, got 256", request_);
    std::string wide;
    for (int i = 0; i < 255; ++i) wide += "\xC3\xA4";
    labels["k"] = wide;
    EXPECT_FINE(request_);
    labels.clear();
  }
}

TEST_F(SpecTest, Groups) {
  v1::GroupSpec& spec = *request_.mutable_spec();
  spec.set_name("nightly build/linux");
  spec.set_pool("big-1");
  EXPECT_FINE(request_);
  spec.set_name(std::string(128, 'n'));
  EXPECT_FINE(request_);
  spec.set_name(std::string(129, 'n'));
  EXPECT_WRONG_FIELD("spec.name", request_);
  spec.set_name("");
  for (const char* pool : {"a b", "a/b", "-a", ".a"}) {
    spec.set_pool(pool);
    EXPECT_WRONG_FIELD("spec.pool", request_);
  }
  spec.set_pool(std::string(128, 'p'));
  EXPECT_FINE(request_);
  spec.set_pool(std::string(129, 'p'));
  EXPECT_WRONG_FIELD("spec.pool", request_);
}

TEST_F(SpecTest, Limits) {
  v1::GroupSpec& spec = *request_.mutable_spec();
  spec.set_limit(65536);
  EXPECT_FINE(request_);
  spec.set_limit(70000);
  EXPECT_WRONG("spec.limit", "limit must be 0..65536, got 70000", request_);
  spec.set_limit(65537);
  EXPECT_WRONG_FIELD("spec.limit", request_);
}

TEST_F(SpecTest, PoliciesAndWhatTheyTake) {
  v1::GroupSpec& spec = *request_.mutable_spec();
  for (const v1::Policy policy : {v1::POLICY_UNSPECIFIED, v1::POLICY_ALL}) {
    spec.set_policy(policy);
    spec.set_max_failures(UINT32_MAX);
    EXPECT_FINE(request_);
  }
  for (const v1::Policy policy : {v1::POLICY_ALL_SETTLED, v1::POLICY_ANY}) {
    spec.set_policy(policy);
    spec.set_max_failures(0);
    EXPECT_FINE(request_);
    spec.set_max_failures(1);
    EXPECT_WRONG("spec.max_failures", "max_failures must be 0 unless policy is POLICY_ALL, got 1", request_);
  }
  spec.set_max_failures(0);
  spec.set_policy(static_cast<v1::Policy>(4));
  EXPECT_WRONG("spec.policy", "policy must be a known value, got 4", request_);
}

TEST_F(SpecTest, TimeoutsOfGroups) {
  google::protobuf::Duration& timeout = *request_.mutable_spec()->mutable_timeout();
  timeout.set_seconds(315'576'000);
  EXPECT_FINE(request_);
  timeout.set_nanos(1);
  EXPECT_WRONG_FIELD("spec.timeout", request_);
}

TEST_F(SpecTest, NamesAreUniqueAmongTheTasks) {
  *request_.add_tasks() = *task_;
  EXPECT_FINE(request_);
  request_.mutable_tasks(0)->set_name("a");
  request_.mutable_tasks(1)->set_name("a");
  EXPECT_WRONG("tasks[1].name", "name must be unique in the group, got \"a\" as in tasks[0]", request_);
  request_.mutable_tasks(1)->set_name("");
  EXPECT_FINE(request_);
}

TEST_F(SpecTest, Annotations) {
  google::protobuf::Map<std::string, std::string>& notes = *task_->mutable_annotations();
  notes["example.com/trace"] = std::string(16384 - 17, 'v');
  EXPECT_FINE(request_);
  notes["example.com/trace"] += "v";
  EXPECT_WRONG("tasks[0].annotations", "annotations must have at most 16384 bytes, got 16385", request_);
  notes.clear();
  notes["-"] = "";
  EXPECT_EQ(Check(request_).size(), 1u) << Told(Check(request_));
  notes.clear();
  for (int i = 0; i < 64; ++i)
    (*request_.mutable_spec()->mutable_annotations())["k" + std::to_string(i)] = "";
  EXPECT_FINE(request_);
  (*request_.mutable_spec()->mutable_annotations())["k64"] = "";
  EXPECT_WRONG("spec.annotations", "annotations must have at most 64 entries, got 65", request_);
}

TEST_F(SpecTest, ManyTasks) {
  while (request_.tasks_size() < 10'000) *request_.add_tasks() = *task_;
  EXPECT_FINE(request_);
  *request_.add_tasks() = *task_;
  EXPECT_WRONG("tasks", "tasks must have 0..10000 entries, got 10001", request_);
}

TEST_F(SpecTest, NoMoreThanAHundredViolationsAreTold) {
  request_.clear_tasks();
  for (int i = 0; i < 500; ++i) request_.add_tasks()->set_name("/");
  EXPECT_EQ(Check(request_).size(), kMaxViolations);
}

TEST_F(SpecTest, LongAndUnprintableValuesAreToldShortAndPrintable) {
  request_.set_group_id(std::string(100, '\x01'));
  const Violations wrong = Check(request_);
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_LT(wrong[0].description.size(), 400u);
  EXPECT_EQ(wrong[0].description.find('\x01'), std::string::npos);
  EXPECT_NE(wrong[0].description.find("\\x01"), std::string::npos);
}

}  // namespace
}  // namespace covey
