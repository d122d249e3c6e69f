#include "covey/methods.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/task_service.pb.h"

namespace covey::methods {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

std::string WireName(const MethodDescriptor& rpc) {
  return "/" + rpc.service()->full_name() + "/" + rpc.name();
}

// The contract's files with services. To name a message of each links it.
std::vector<const FileDescriptor*> ServiceFiles() {
  return {v1::GetServerInfoRequest::descriptor()->file(), v1::StreamEventsRequest::descriptor()->file(),
          v1::RunGroupRequest::descriptor()->file(), v1::CreatePoolRequest::descriptor()->file(),
          v1::GetTaskRequest::descriptor()->file()};
}

// Every RPC of the contract.
std::vector<const MethodDescriptor*> Contract() {
  std::vector<const MethodDescriptor*> rpcs;
  for (const FileDescriptor* file : ServiceFiles()) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k) {
        rpcs.push_back(file->service(i)->method(k));
      }
    }
  }
  return rpcs;
}

// Each RPC with its row.
template <typename Check>
void ForEachRow(const Check& check) {
  for (const MethodDescriptor* rpc : Contract()) {
    SCOPED_TRACE(rpc->full_name());
    const Method* const method = Find(WireName(*rpc));
    if (method == nullptr) {
      ADD_FAILURE() << "has no row";
      continue;
    }
    check(*rpc, *method);
  }
}

Shape ShapeOf(const MethodDescriptor& rpc) {
  if (rpc.client_streaming()) return rpc.server_streaming() ? Shape::kBidi : Shape::kClientStream;
  return rpc.server_streaming() ? Shape::kServerStream : Shape::kUnary;
}

// The field at a dotted path; null when there is none.
const FieldDescriptor* FieldAt(const Descriptor* message, std::string_view path) {
  while (true) {
    const size_t dot = path.find('.');
    const FieldDescriptor* const field = message->FindFieldByName(std::string(path.substr(0, dot)));
    if (field == nullptr || dot == std::string_view::npos) return field;
    message = field->message_type();
    if (message == nullptr || field->is_repeated()) return nullptr;
    path.remove_prefix(dot + 1);
  }
}

// True when a value of `message` may hold payloads or output.
bool HoldsPayloads(const Descriptor* message, std::set<const Descriptor*>* seen) {
  if (message == v1::Payload::descriptor() || message == v1::OutputChunk::descriptor()) return true;
  if (!seen->insert(message).second) return false;
  for (int i = 0; i < message->field_count(); ++i) {
    const Descriptor* const inner = message->field(i)->message_type();
    if (inner != nullptr && HoldsPayloads(inner, seen)) return true;
  }
  return false;
}

TEST(MethodsTest, EveryRpcHasOneRowAndEveryRowIsAnRpc) {
  std::vector<std::string> rpcs;
  for (const MethodDescriptor* rpc : Contract()) rpcs.push_back(WireName(*rpc));
  std::vector<std::string> rows;
  for (const Method& method : kMethods) rows.emplace_back(method.name);
  std::sort(rpcs.begin(), rpcs.end());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, rpcs);
}

TEST(MethodsTest, NoFileOfTheContractIsForgottenHere) {
  std::set<std::string> known;
  for (const FileDescriptor* file : ServiceFiles()) known.insert(file->name());
  for (const auto& entry : std::filesystem::directory_iterator(COVEY_PROTO_DIR "/covey/v1")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("service ")) {
        EXPECT_TRUE(known.contains("covey/v1/" + entry.path().filename().string())) << entry.path();
      }
    }
  }
}

TEST(MethodsTest, ShapesAreTheContracts) {
  ForEachRow(
      [](const MethodDescriptor& rpc, const Method& method) { EXPECT_EQ(method.shape, ShapeOf(rpc)); });
}

TEST(MethodsTest, KeysAreStringsOfTheRequest) {
  ForEachRow([](const MethodDescriptor& rpc, const Method& method) {
    if (method.key.subject == Subject::kNone) {
      EXPECT_EQ(method.key.field, "");
      EXPECT_EQ(rpc.input_type()->FindFieldByName("group_id"), nullptr) << "has a key";
      return;
    }
    const FieldDescriptor* const field = FieldAt(rpc.input_type(), method.key.field);
    ASSERT_NE(field, nullptr) << method.key.field;
    EXPECT_EQ(field->type(), FieldDescriptor::TYPE_STRING);
    EXPECT_FALSE(field->is_repeated());
    EXPECT_EQ(method.key.subject == Subject::kPool, field->name() == "name");
  });
}

TEST(MethodsTest, ARequestIdIsThereWhereItIsNeededAndNowhereElse) {
  ForEachRow([](const MethodDescriptor& rpc, const Method& method) {
    const FieldDescriptor* const field = rpc.input_type()->FindFieldByName("request_id");
    EXPECT_EQ(method.repeat == Repeat::kWithRequestId, field != nullptr);
    if (field != nullptr) {
      EXPECT_EQ(field->type(), FieldDescriptor::TYPE_STRING);
    }
  });
}

TEST(MethodsTest, StreamsToTheDaemonAreRepeatedByTheirRequestIdAlone) {
  ForEachRow([](const MethodDescriptor& rpc, const Method& method) {
    if (rpc.client_streaming()) {
      EXPECT_NE(method.repeat, Repeat::kSafe);
    }
  });
}

TEST(MethodsTest, ViewsSayWhetherAnswersHavePayloads) {
  ForEachRow([](const MethodDescriptor& rpc, const Method& method) {
    std::set<const Descriptor*> seen;
    const bool asks = rpc.input_type()->FindFieldByName("view") != nullptr;
    EXPECT_EQ(method.view != View::kNone, asks || HoldsPayloads(rpc.output_type(), &seen));
    const bool list = rpc.input_type()->FindFieldByName("page_size") != nullptr;
    EXPECT_EQ(method.view == View::kBasic, asks && list);
  });
}

TEST(MethodsTest, WhatChangesSomethingNeedsMoreThanAViewer) {
  for (const Method& method : kMethods) {
    if (method.repeat != Repeat::kSafe) {
      EXPECT_NE(method.role, Role::kViewer) << method.name;
    }
  }
}

TEST(MethodsTest, NamesAreFoundExactly) {
  constexpr std::string_view kName = "/covey.v1.GroupService/SubmitTasks";
  ASSERT_NE(Find(kName), nullptr);
  EXPECT_EQ(Find(kName)->name, kName);
  EXPECT_EQ(Find(kName), &Named(kName));
  for (const std::string_view name :
       {"", "SubmitTasks", "covey.v1.GroupService/SubmitTasks", "/covey.v1.GroupService/SubmitTask",
        "/covey.v1.GroupService/SubmitTasks2", "/covey.v2.GroupService/SubmitTasks"}) {
    EXPECT_EQ(Find(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace covey::methods
