// proto/NUMBERS.md and the contract say the same of every number that is planned, used or retired.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "covey/v1/errors.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/spec.pb.h"
#include "covey/v1/task_service.pb.h"
#include "covey/v1/types.pb.h"

namespace covey {
namespace {

using google::protobuf::FileDescriptor;

struct Row {
  int number = 0;
  std::string name;
  std::string state;
};

// A message or enum of the contract: what it has, and what it keeps free.
struct Place {
  std::map<int, std::string> has;
  std::set<int> reserved_numbers;
  std::set<std::string> reserved_names;
};

std::string Trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// Rows by place: "TaskSpec", "enum TaskState", "service LeaseService", "rpc TaskService".
std::map<std::string, std::vector<Row>> ReadTable() {
  std::map<std::string, std::vector<Row>> table;
  std::ifstream file(COVEY_PROTO_DIR "/NUMBERS.md");
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, '|');) cells.push_back(Trimmed(cell));
    constexpr size_t kCells = 6;  // one before the first bar
    if (cells.size() != kCells || cells[2].find_first_not_of("0123456789") != std::string::npos) continue;
    table[cells[1]].push_back({.number = std::stoi(cells[2]), .name = cells[3], .state = cells[4]});
  }
  return table;
}

void AddPlaces(const FileDescriptor* file, std::map<std::string, Place>& places) {
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  for (const auto& message : proto.message_type()) {
    Place& place = places[message.name()];
    for (const auto& field : message.field()) place.has[field.number()] = field.name();
    for (const auto& range : message.reserved_range()) {
      for (int number = range.start(); number < range.end(); ++number) place.reserved_numbers.insert(number);
    }
    place.reserved_names = {message.reserved_name().begin(), message.reserved_name().end()};
  }
  for (const auto& type : proto.enum_type()) {
    Place& place = places["enum " + type.name()];
    for (const auto& value : type.value()) place.has[value.number()] = value.name();
    for (const auto& range : type.reserved_range()) {  // of enums both ends are in it
      for (int number = range.start(); number <= range.end(); ++number) place.reserved_numbers.insert(number);
    }
    place.reserved_names = {type.reserved_name().begin(), type.reserved_name().end()};
  }
}

std::map<std::string, Place> ReadContract() {
  std::map<std::string, Place> places;
  for (const FileDescriptor* file :
       {v1::Task::descriptor()->file(), v1::TaskSpec::descriptor()->file(),
        v1::ErrorReason_descriptor()->file(), v1::RunGroupRequest::descriptor()->file(),
        v1::GetTaskRequest::descriptor()->file(), v1::StreamEventsRequest::descriptor()->file(),
        v1::CreatePoolRequest::descriptor()->file(), v1::GetServerInfoRequest::descriptor()->file()}) {
    AddPlaces(file, places);
  }
  return places;
}

bool IsOfRpcs(const std::string& place) { return place.starts_with("service ") || place.starts_with("rpc "); }

TEST(Numbers, EachIsTakenOnce) {
  const auto table = ReadTable();
  ASSERT_GT(table.size(), 50u);
  for (const auto& [where, rows] : table) {
    std::set<int> numbers;
    std::set<std::string> names;
    for (const Row& row : rows) {
      EXPECT_TRUE(numbers.insert(row.number).second) << where << " has " << row.number << " twice";
      EXPECT_TRUE(names.insert(row.name).second) << where << " has " << row.name << " twice";
      EXPECT_TRUE(row.state == "planned" || row.state == "used" || row.state == "retired")
          << where << "." << row.name << " is " << row.state;
    }
  }
}

TEST(Numbers, TheContractIsAsTheTableSays) {
  const auto places = ReadContract();
  for (const auto& [where, rows] : ReadTable()) {
    if (IsOfRpcs(where)) continue;  // have no numbers: PlannedCallsAreNotThereYet
    const auto found = places.find(where);
    for (const Row& row : rows) {
      SCOPED_TRACE(where + "." + row.name);
      if (found == places.end()) {
        EXPECT_NE(row.state, "used") << "the contract has no " << where;
        continue;
      }
      const Place& place = found->second;
      const auto has = place.has.find(row.number);
      if (row.state == "used") {
        EXPECT_TRUE(has != place.has.end() && has->second == row.name) << "has another name or number";
      } else {
        EXPECT_TRUE(has == place.has.end()) << "its number is used by " << has->second;
        EXPECT_TRUE(place.reserved_numbers.contains(row.number)) << "its number is not reserved";
        EXPECT_TRUE(place.reserved_names.contains(row.name)) << "its name is not reserved";
      }
    }
  }
}

TEST(Numbers, TheTableSaysWhyANumberIsReserved) {
  const auto table = ReadTable();
  for (const auto& [where, place] : ReadContract()) {
    std::set<int> numbers;
    std::set<std::string> names;
    if (const auto rows = table.find(where); rows != table.end()) {
      for (const Row& row : rows->second) {
        if (row.state == "used") continue;
        numbers.insert(row.number);
        names.insert(row.name);
      }
    }
    EXPECT_EQ(place.reserved_numbers, numbers) << where;
    EXPECT_EQ(place.reserved_names, names) << where;
  }
}

TEST(Numbers, PlannedCallsAreNotThereYet) {
  const google::protobuf::DescriptorPool& pool = *v1::RunGroupRequest::descriptor()->file()->pool();
  for (const auto& [where, rows] : ReadTable()) {
    if (!IsOfRpcs(where)) continue;
    const auto* service = pool.FindServiceByName("covey.v1." + where.substr(where.find(' ') + 1));
    for (const Row& row : rows) {
      const bool has = service != nullptr && service->FindMethodByName(row.name) != nullptr;
      EXPECT_EQ(has, row.state == "used") << where << "." << row.name;
    }
  }
}

// A group or a pool is told from others by its namespace: the same number in every message that names one.
TEST(Numbers, NamespacesHaveOneNumber) {
  for (const auto& [where, rows] : ReadTable()) {
    for (const Row& row : rows) {
      if (row.name == "namespace") {
        EXPECT_EQ(row.number, 15) << where;
      }
    }
  }
  for (const auto& [where, place] : ReadContract()) {
    for (const auto& [number, name] : place.has) {
      if (name != "group_id" || !where.ends_with("Request") || where == "CreateGroupRequest") continue;
      EXPECT_TRUE(place.reserved_names.contains("namespace") || place.has.contains(15)) << where;
    }
  }
}

}  // namespace
}  // namespace covey
