#include "client/cli/json.h"

#include <google/protobuf/util/json_util.h>

#include "client/cli/command_line.h"
#include "client/cli/text.h"
#include "covey/client/error_code.h"

namespace covey::cli {
namespace {

// Protobuf's words for what is wrong, in ours: the path of the field first, one line.
std::string Explain(std::string_view message) {
  constexpr std::string_view kNoField = "Cannot find field.";
  message = message.substr(0, message.find('\n'));
  std::string path;
  if (message.starts_with('(') && message.find(')') != std::string_view::npos) {
    path = message.substr(1, message.find(')') - 1);
    message.remove_prefix(message.find(')') + 1);
  }
  while (message.starts_with(':') || message.starts_with(' ')) message.remove_prefix(1);
  if (message.ends_with(kNoField)) {
    const std::string_view field = message.substr(0, message.find(':'));
    return (path.empty() ? "" : path + ".") + std::string(field) + ": there is no such field";
  }
  return Printable((path.empty() ? "" : path + ": ") + std::string(message));
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json);
  // Only a message with a broken Any or time can fail, and none of ours holds an Any.
  if (!status.ok()) return "{\"unprintable\":" + JsonQuote(std::string(status.message())) + "}";
  return json;
}

std::string ToJson(const Error& error, int exit_code) {
  std::string json = "{\"error\":{\"code\":" + JsonQuote(client::Name(error.code)) +
                     ",\"reason\":" + JsonQuote(error.reason) + ",\"message\":" + JsonQuote(error.message);
  if (!error.fields.empty()) {
    json += ",\"fields\":[";
    for (const FieldViolation& violation : error.fields) {
      if (json.back() != '[') json += ',';
      json += "{\"field\":" + JsonQuote(violation.field) +
              ",\"description\":" + JsonQuote(violation.description) + "}";
    }
    json += "]";
  }
  return json + "},\"exitCode\":" + std::to_string(exit_code) + "}";
}

Result<Void> FromJson(std::string_view json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, message, {});
  if (status.ok()) return Void{};
  return UsageError(Explain({status.message().data(), status.message().size()}));
}

}  // namespace covey::cli
