#include "client/cli/json.h"

#include <google/protobuf/util/json_util.h>

#include "client/cli/command_line.h"
#include "client/cli/text.h"
#include "covey/client/error_code.h"

namespace covey::cli {

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

}  // namespace covey::cli
