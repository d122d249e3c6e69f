#include <gtest/gtest.h>

#include <csignal>

#include "server/convert/convert.h"

namespace covey {
namespace {

TEST(Spec, AProcessGoesInWholeAndComesOutWithoutItsSecrets) {
  v1::TaskSpec message;
  message.set_name("build");
  v1::ProcessSpec& process = *message.mutable_process();
  process.add_argv("make");
  process.add_argv("-j2");
  (*process.mutable_env())["TOKEN"] = "secret";
  (*process.mutable_env())["A"] = "1";
  process.set_working_dir("/src");
  process.set_standard_input("input");
  process.set_stop_signal("INT");
  process.mutable_grace()->set_seconds(3);
  process.mutable_linger()->set_seconds(4);
  process.mutable_limits()->set_open_files(64);
  process.mutable_limits()->set_address_space(uint64_t{1} << 40);
  process.mutable_limits()->mutable_cpu_time()->set_nanos(500'000'000);
  process.mutable_limits()->mutable_cpu_time()->set_seconds(1);
  process.mutable_limits()->set_core_size(0);
  process.mutable_limits()->set_memory(uint64_t{1} << 33);
  process.mutable_limits()->set_cpu_milli(1500);
  process.mutable_limits()->set_pids(9);
  process.set_user("nobody");
  process.set_group("7");
  process.set_umask("77");
  process.set_nice(-5);
  process.set_inherit_env(true);
  process.mutable_stdout_file()->set_path("/out");
  process.mutable_stdout_file()->set_append(true);
  process.mutable_stderr_file()->set_path("/err");
  process.mutable_stderr_file()->set_mode("600");
  message.mutable_timeout()->set_nanos(5);
  (*message.mutable_labels())["z"] = "1";
  (*message.mutable_labels())["a"] = "2";
  message.set_rerun_on_restart(true);
  (*message.mutable_annotations())["owner"] = "o";
  (*message.mutable_annotations())["note"] = "n";

  const TaskSpec spec = ToCore(message);
  const ProcessSpec& core = *std::get<std::shared_ptr<const ProcessSpec>>(spec.work);
  EXPECT_EQ(spec.name, "build");
  EXPECT_EQ(core.argv, (std::vector<std::string>{"make", "-j2"}));
  EXPECT_EQ(core.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"TOKEN", "secret"}}));
  EXPECT_EQ(core.working_dir, "/src");
  EXPECT_EQ(core.stdin_bytes, "input");
  EXPECT_EQ(core.stop_signal, SIGINT);
  EXPECT_EQ(core.grace, std::chrono::seconds(3));
  EXPECT_EQ(core.linger, std::chrono::seconds(4));
  EXPECT_EQ(core.limits, (ResourceLimits{.open_files = 64,
                                         .address_space = uint64_t{1} << 40,
                                         .cpu_time = std::chrono::milliseconds(1500),
                                         .core_size = 0,
                                         .memory = uint64_t{1} << 33,
                                         .cpu_milli = 1500,
                                         .pids = 9}));
  EXPECT_EQ(core.user, "nobody");
  EXPECT_EQ(core.group, "7");
  EXPECT_EQ(core.umask, 077u);
  EXPECT_EQ(core.nice, -5);
  EXPECT_TRUE(core.inherit_env);
  EXPECT_EQ(core.stdout_file, (OutputFile{.path = "/out", .append = true, .mode = 0644}));
  EXPECT_EQ(core.stderr_file, (OutputFile{.path = "/err", .append = false, .mode = 0600}));
  EXPECT_EQ(spec.timeout, std::chrono::nanoseconds(5));
  EXPECT_EQ(spec.labels, (Labels{{"a", "2"}, {"z", "1"}}));
  EXPECT_TRUE(spec.rerun_on_restart);
  EXPECT_EQ(spec.annotations, (Labels{{"note", "n"}, {"owner", "o"}}));

  v1::TaskSpec expected = message;
  expected.mutable_process()->clear_env();
  expected.mutable_process()->clear_standard_input();
  expected.mutable_process()->set_stop_signal("SIGINT");
  expected.mutable_process()->set_umask("077");
  expected.mutable_process()->mutable_stdout_file()->set_mode("0644");
  expected.mutable_process()->mutable_stderr_file()->set_mode("0600");
  EXPECT_EQ(ToProto(spec).SerializeAsString().size(), expected.SerializeAsString().size());
  EXPECT_EQ(ToProto(spec).ShortDebugString(), expected.ShortDebugString());
  EXPECT_EQ(ToProto(spec).DebugString().find("secret"), std::string::npos);
  expected.clear_annotations();
  EXPECT_EQ(ToProto(spec, View::kBasic).ShortDebugString(), expected.ShortDebugString());
}

TEST(Spec, ABasicViewHasNoPayloadsAndNotes) {
  v1::TaskSpec message;
  message.mutable_function()->set_name("f");
  message.mutable_function()->mutable_payload()->set_text("large");
  (*message.mutable_annotations())["k"] = "v";
  EXPECT_EQ(ToProto(ToCore(message)).function().payload().text(), "large");
  const v1::TaskSpec basic = ToProto(ToCore(message), View::kBasic);
  EXPECT_EQ(basic.function().name(), "f");
  EXPECT_FALSE(basic.function().has_payload());
  EXPECT_TRUE(basic.annotations().empty());
  v1::GroupSpec group;
  (*group.mutable_annotations())["k"] = "v";
  EXPECT_EQ(ToProto(ToCore(group, "g")).annotations().at("k"), "v");
  EXPECT_TRUE(ToProto(ToCore(group, "g"), View::kBasic).annotations().empty());
  EXPECT_EQ(ToCore(v1::VIEW_UNSPECIFIED, View::kFull), View::kFull);
  EXPECT_EQ(ToCore(v1::VIEW_UNSPECIFIED, View::kBasic), View::kBasic);
  EXPECT_EQ(ToCore(v1::VIEW_BASIC, View::kFull), View::kBasic);
  EXPECT_EQ(ToCore(v1::VIEW_FULL, View::kBasic), View::kFull);
}

// Of kinds that core does not look into there is none yet: the number of a function's field stands for one.
TEST(Spec, WorkThatCoreDoesNotLookIntoGoesThroughAsItsMessage) {
  v1::FunctionSpec message;
  message.set_name("f");
  TaskSpec spec;
  spec.work = OpaqueSpec{.kind = v1::TaskSpec::kFunctionFieldNumber, .message = message.SerializeAsString()};
  EXPECT_EQ(ToProto(spec).function().name(), "f");
  const v1::TaskSpec basic = ToProto(spec, View::kBasic);
  EXPECT_TRUE(basic.has_function());
  EXPECT_EQ(basic.function().name(), "");
  for (const uint32_t other : {0u, uint32_t{v1::TaskSpec::kNameFieldNumber}, 99u}) {
    spec.work = OpaqueSpec{.kind = other, .message = "f"};
    EXPECT_EQ(ToProto(spec).work_case(), v1::TaskSpec::WORK_NOT_SET) << other;
  }
  EXPECT_EQ(std::get<OpaqueSpec>(ToCore(v1::TaskSpec()).work).kind, 0u);
}

TEST(Spec, ModesAreOctal) {
  EXPECT_EQ(ParseMode("0"), mode_t{0});
  EXPECT_EQ(ParseMode("022"), mode_t{022});
  EXPECT_EQ(ParseMode("640"), mode_t{0640});
  EXPECT_EQ(ParseMode("0777"), mode_t{0777});
  for (const char* text : {"", "8", "1000", "00000", "+1", "0o7", "7 "})
    EXPECT_EQ(ParseMode(text), std::nullopt);
  EXPECT_EQ(ModeText(0), "0");
  EXPECT_EQ(ModeText(022), "022");
  EXPECT_EQ(ModeText(0777), "0777");
}

TEST(Spec, DefaultsAreFilledIn) {
  v1::TaskSpec message;
  message.mutable_process()->add_argv("true");
  TaskSpec spec = ToCore(message);
  const ProcessSpec& process = *std::get<std::shared_ptr<const ProcessSpec>>(spec.work);
  EXPECT_EQ(process.stop_signal, SIGTERM);
  EXPECT_EQ(process.grace, std::chrono::seconds(10));
  EXPECT_EQ(process.linger, std::chrono::seconds(2));
  EXPECT_EQ(process.limits, ResourceLimits());
  EXPECT_FALSE(process.limits.NeedsCgroup());
  EXPECT_EQ(process.umask, 022u);
  EXPECT_EQ(process.stdout_file.path, "");
  EXPECT_EQ(ToProto(spec).process().umask(), "022");
  EXPECT_FALSE(ToProto(spec).process().has_limits());
  EXPECT_FALSE(ToProto(spec).process().has_stdout_file());
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
