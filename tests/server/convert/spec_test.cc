#include <gtest/gtest.h>

#include <csignal>

#include "server/convert/convert.h"

namespace covey {
namespace {

using std::chrono::seconds;

TEST(Spec, AProcessGoesInWholeAndComesOutWithoutItsSecrets) {
  v1::TaskSpec message;
  message.set_name("build");
  v1::ProcessSpec& process = *message.mutable_process();
  process.add_argv("make");
  process.add_argv("-j2");
  (*process.mutable_env())["TOKEN"] = "secret";
  (*process.mutable_env())["A"] = "1";
  process.set_working_dir("/src");
  process.set_stdin("input");
  process.set_stop_signal("INT");
  process.mutable_grace()->set_seconds(3);
  message.mutable_timeout()->set_nanos(5);
  (*message.mutable_labels())["z"] = "1";
  (*message.mutable_labels())["a"] = "2";
  message.set_rerun_on_restart(true);

  const TaskSpec spec = ToCore(message);
  const ProcessSpec& core = *std::get<std::shared_ptr<const ProcessSpec>>(spec.work);
  EXPECT_EQ(spec.name, "build");
  EXPECT_EQ(core.argv, (std::vector<std::string>{"make", "-j2"}));
  EXPECT_EQ(core.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"TOKEN", "secret"}}));
  EXPECT_EQ(core.working_dir, "/src");
  EXPECT_EQ(core.stdin_bytes, "input");
  EXPECT_EQ(core.stop_signal, SIGINT);
  EXPECT_EQ(core.grace, seconds(3));
  EXPECT_EQ(spec.timeout, std::chrono::nanoseconds(5));
  EXPECT_EQ(spec.labels, (Labels{{"a", "2"}, {"z", "1"}}));
  EXPECT_TRUE(spec.rerun_on_restart);

  v1::TaskSpec expected = message;
  expected.mutable_process()->clear_env();
  expected.mutable_process()->clear_stdin();
  expected.mutable_process()->set_stop_signal("SIGINT");
  EXPECT_EQ(ToProto(spec).SerializeAsString().size(), expected.SerializeAsString().size());
  EXPECT_EQ(ToProto(spec).ShortDebugString(), expected.ShortDebugString());
  EXPECT_EQ(ToProto(spec).DebugString().find("secret"), std::string::npos);
}

TEST(Spec, DefaultsAreFilledIn) {
  v1::TaskSpec message;
  message.mutable_process()->add_argv("true");
  TaskSpec spec = ToCore(message);
  const ProcessSpec& process = *std::get<std::shared_ptr<const ProcessSpec>>(spec.work);
  EXPECT_EQ(process.stop_signal, SIGTERM);
  EXPECT_EQ(process.grace, seconds(10));
  EXPECT_EQ(spec.timeout.count(), 0);
  EXPECT_FALSE(ToProto(spec).has_timeout());
  message.mutable_process()->mutable_grace();  // 0 s, and said so
  EXPECT_EQ(std::get<std::shared_ptr<const ProcessSpec>>(ToCore(message).work)->grace.count(), 0);
  EXPECT_TRUE(ToProto(ToCore(message)).process().has_grace());

  const GroupSpec group = ToCore(v1::GroupSpec(), "id");
  EXPECT_EQ(group.id, "id");
  EXPECT_EQ(group.pool, "default");
  EXPECT_EQ(group.policy, state::Policy::kAll);
  EXPECT_FALSE(group.attached);
  EXPECT_EQ(ToProto(group).policy(), v1::POLICY_ALL);
  EXPECT_FALSE(ToProto(group).has_timeout());
}

TEST(Spec, AGroupGoesInAndComesOut) {
  v1::GroupSpec message;
  message.set_name("nightly");
  (*message.mutable_labels())["k"] = "v";
  message.set_pool("big");
  message.set_limit(7);
  message.set_policy(v1::POLICY_ANY);
  message.set_max_failures(2);
  message.mutable_timeout()->set_seconds(60);
  for (const v1::Policy policy : {v1::POLICY_ALL, v1::POLICY_ALL_SETTLED, v1::POLICY_ANY}) {
    message.set_policy(policy);
    EXPECT_EQ(ToProto(ToCore(message, "id")).ShortDebugString(), message.ShortDebugString());
  }
}

TEST(Spec, PayloadsKeepTheirKindAndGetAType) {
  v1::Payload text;
  text.set_text("hi");
  EXPECT_EQ(ToCore(text).content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(ToProto(ToCore(text)).text(), "hi");
  v1::Payload data;
  data.set_data("\xFF");
  EXPECT_EQ(ToCore(data).content_type, "application/octet-stream");
  EXPECT_EQ(ToProto(ToCore(data)).data(), "\xFF");
  data.set_content_type("image/png");
  EXPECT_EQ(ToProto(ToCore(data)).content_type(), "image/png");
  EXPECT_EQ(ToCore(v1::Payload()).bytes, "");
  EXPECT_EQ(ToProto(Payload{.bytes = "not \xFF text", .is_text = true}).content_case(), v1::Payload::kData);
}

TEST(Spec, AFingerprintIsOfTheContent) {
  v1::CreateGroupRequest a;
  v1::CreateGroupRequest b;
  for (int i = 0; i < 20; ++i) {
    (*a.mutable_spec()->mutable_labels())["k" + std::to_string(i)] = "v";
    (*b.mutable_spec()->mutable_labels())["k" + std::to_string(19 - i)] = "v";
  }
  EXPECT_EQ(Fingerprint(a), Fingerprint(b));
  b.mutable_spec()->set_limit(1);
  EXPECT_NE(Fingerprint(a), Fingerprint(b));
  v1::CreateGroupRequest fixed;
  fixed.set_request_id("r");
  EXPECT_EQ(Fingerprint(fixed), 3452092782978265362u) << "it is stored: it must not change between versions";
}

}  // namespace
}  // namespace covey
