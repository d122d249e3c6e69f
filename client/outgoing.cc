#include "client/outgoing.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/utf8.h"

namespace covey::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A bad string: where it stands and what it is.
struct BadText {
  std::string path;
  std::string value;
};

// `text` with the bytes that are not UTF-8 as \xe9, cut when it is long.
std::string Escaped(std::string_view text) {
  constexpr size_t kLongest = 60;
  std::string escaped;
  while (!text.empty() && escaped.size() < kLongest) {
    const size_t valid = Utf8Prefix(text.substr(0, kLongest));
    escaped.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty() || escaped.size() >= kLongest) break;
    char hex[5];
    std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<uint8_t>(text[0]));
    escaped.append(hex);
    text.remove_prefix(1);
  }
  if (!text.empty()) escaped.append("…");
  return escaped;
}

std::optional<BadText> FindBadText(const Message& message);

std::optional<BadText> CheckString(const std::string& value) {
  if (IsUtf8(value)) return std::nullopt;
  return BadText{.path = {}, .value = value};
}

// One value of a field, the `index`-th of a repeated one.
std::optional<BadText> CheckValue(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return FindBadText(index < 0 ? reflection.GetMessage(message, &field)
                                 : reflection.GetRepeatedMessage(message, &field, index));
  }
  std::string scratch;
  return CheckString(index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                               : reflection.GetRepeatedStringReference(message, &field, index, &scratch));
}

// How the `index`-th value of a field is named: env["A"] of a map whose key can be told, else argv[1].
std::string NameOf(const Message& message, const FieldDescriptor& field, int index) {
  std::string name = field.name();
  if (index < 0) return name;
  if (field.is_map()) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, index);
    const FieldDescriptor* const key = entry.GetDescriptor()->map_key();
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      return name + "[\"" + Escaped(entry.GetReflection()->GetString(entry, key)) + "\"]";
  }
  return name + "[" + std::to_string(index) + "]";
}

std::optional<BadText> FindBadText(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    const bool is_text = field->type() == FieldDescriptor::TYPE_STRING;
    if (!is_text && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 0;
    for (int index = field->is_repeated() ? 0 : -1; index < count; ++index) {
      std::optional<BadText> bad = CheckValue(message, *field, index);
      if (!bad) continue;
      std::string name = NameOf(message, *field, index);
      // Of a map the entry is no field of its own.
      if (!bad->path.empty() && !field->is_map()) name += "." + bad->path;
      bad->path = std::move(name);
      return bad;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> RefuseToSend(const Message& message) {
  const std::optional<BadText> bad = FindBadText(message);
  if (!bad) return std::nullopt;
  const std::string description = "must be UTF-8, got \"" + Escaped(bad->value) + "\"";
  return Error{.code = ErrorCode::kInvalidArgument,
               .reason = "BAD_REQUEST",
               .message = bad->path + " " + description,
               .fields = {{bad->path, description}}};
}

}  // namespace covey::client
