#include "client/cli/session.h"

#include <cerrno>
#include <cstring>

#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "covey/client/address.h"

namespace covey::cli {
namespace {

// "tasks.jsonl:3: process.grace must be 0s..24h": of a description that begins with the name of the field once.
std::string ViolationText(const FieldViolation& violation) {
  const std::string field = Printable(violation.field);
  std::string description = Printable(violation.description);
  const size_t name = field.find_last_of(". ") + 1;  // npos + 1 is 0
  const std::string begin = field.substr(name) + " ";
  if (description.starts_with(begin)) return field.substr(0, name) + description;
  if (description.find(field + " ") != std::string::npos) return description;  // it says where, too
  return field + ": " + description;
}

}  // namespace

bool Session::IsLocal() const {
  const Result<std::string> parsed =
      address_.empty() ? client::DefaultAddress() : client::ParseAddress(address_);
  return parsed.ok() && client::IsLocal(parsed.value());
}

void Session::PrintJson(const google::protobuf::Message& message) { console_.Out(ToJson(message) + "\n"); }

int Session::Fail(const Error& error) {
  const int code = ExitCode(error);
  if (json_) {
    console_.Err(ToJson(error, code) + "\n");
    return code;
  }
  const bool of_fields = error.code == ErrorCode::kInvalidArgument && error.reason != "AMBIGUOUS";
  if (!of_fields || error.fields.empty()) console_.Note(Printable(error.message));
  // What is wrong with a request its fields say by themselves.
  for (const FieldViolation& violation : error.fields) {
    if (of_fields) {
      console_.Note(ViolationText(violation));
    } else {
      console_.Err("  " + ViolationText(violation) + "\n");
    }
  }
  return code;
}

int Session::ExitWith(int code) {
  const int error = console_.out_error();
  if (error == 0) return code;
  if (error == EPIPE) return kExitPipe;
  return Fail({.code = ErrorCode::kInternal,
               .reason = "OUTPUT",
               .message = std::string("cannot write to standard output: ") + std::strerror(error),
               .fields = {}});
}

}  // namespace covey::cli
