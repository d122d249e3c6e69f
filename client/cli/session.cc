#include "client/cli/session.h"

#include <cerrno>
#include <cstring>

#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "covey/client/address.h"

namespace covey::cli {

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
  console_.Note(Printable(error.message));
  // Of one bad field the message mostly says all there is to say.
  const auto said = [&error](const std::string& text) {
    return error.message.find(text) != std::string::npos;
  };
  if (error.fields.size() == 1 && said(error.fields[0].field) && said(error.fields[0].description))
    return code;
  for (const FieldViolation& violation : error.fields) {
    console_.Err("  " + Printable(violation.field) + ": " + Printable(violation.description) + "\n");
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
