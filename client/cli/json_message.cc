#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/json.h"
#include "client/cli/json_reader.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/text/nearest.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// `path` and the name of a part of it.
std::string Join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

Error Wrong(const std::string& path, std::string_view what) {
  return UsageError(path + ": " + std::string(what));
}

// That a field must be something else than what comes next.
Error MustBe(const std::string& path, std::string_view what, JsonReader* reader) {
  return Wrong(path, "must be " + std::string(what) + ", got " + reader->Found());
}

// A number without a fraction, also as 1e3 or 5.0, in `least`..`most`.
template <typename Number>
std::optional<Number> ParseInteger(std::string_view text) {
  Number whole = 0;
  const char* const end = text.data() + text.size();
  if (const auto [rest, error] = std::from_chars(text.data(), end, whole);
      error == std::errc() && rest == end)
    return whole;
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (error != std::errc() || rest != end || value != std::trunc(value) || std::abs(value) > kExact)
    return std::nullopt;
  if (value < static_cast<double>(std::numeric_limits<Number>::min()) ||
      value > static_cast<double>(std::numeric_limits<Number>::max()))
    return std::nullopt;
  return static_cast<Number>(value);
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  unsigned count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (char c : text) {
    if (c == '-') c = '+';  // the alphabet of URLs
    if (c == '_') c = '/';
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  if (count == 6) return std::nullopt;  // one digit too many
  return bytes;
}

// Sets fields of a message as a JSON text says. One reads one text.
class MessageReader {
 public:
  explicit MessageReader(std::string_view text) : reader_(text) {}

  Result<Void> Whole(Message* message) {
    if (const Result<Void> read = Object(message, {}); !read.ok()) return read;
    if (reader_.Peek() == '\0') return Void{};
    return reader_.Expected("the end of the text");
  }

 private:
  // A field of a message, or with `add` one more value of it.
  struct Place {
    Message* message;
    const FieldDescriptor* field;
    bool add;
    std::string path;
  };

  Result<Void> Object(Message* message, const std::string& path) {
    if (reader_.Peek() != '{') {
      return path.empty() ? reader_.Expected("an object") : MustBe(path, "an object", &reader_);
    }
    std::set<int> seen;
    return Members([&](const std::string& name) -> Result<Void> {
      const FieldDescriptor* const field = Find(*message->GetDescriptor(), name);
      if (field == nullptr) return Unknown(*message->GetDescriptor(), Join(path, Printable(name)), name);
      const std::string at = Join(path, std::string(field->json_name()));
      if (!seen.insert(field->number()).second) return Wrong(at, "is given twice");
      if (const auto* one_of = field->real_containing_oneof(); one_of != nullptr && reader_.Peek() != 'n') {
        const FieldDescriptor* const other =
            message->GetReflection()->GetOneofFieldDescriptor(*message, one_of);
        if (other != nullptr)
          return Wrong(at,
                       "there is a " + std::string(other->json_name()) + " already; one of them is right");
      }
      return Field({message, field, false, at});
    });
  }

  // Takes an object, and calls `value` with each name when its value comes next.
  template <typename Value>
  Result<Void> Members(Value value) {
    reader_.Take('{');
    if (reader_.Take('}')) return Void{};
    do {
      if (reader_.Peek() != '"') return reader_.Expected("a name in quotes");
      const Result<std::string> name = reader_.String();
      if (!name.ok()) return name.error();
      if (const Result<Void> colon = reader_.Expect(':'); !colon.ok()) return colon;
      if (const Result<Void> read = value(name.value()); !read.ok()) return read;
    } while (reader_.Take(','));
    if (reader_.Take('}')) return Void{};
    return reader_.Expected("',' or '}'");
  }

  static const FieldDescriptor* Find(const Descriptor& type, const std::string& name) {
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->json_name() == name || type.field(i)->name() == name) return type.field(i);
    }
    return nullptr;
  }

  static Error Unknown(const Descriptor& type, const std::string& path, const std::string& name) {
    std::vector<std::string_view> known;
    for (int i = 0; i < type.field_count(); ++i) known.push_back(type.field(i)->json_name());
    const std::string_view near = Nearest(name, known);
    return Wrong(
        path, "there is no such field" + (near.empty() ? "" : "; did you mean " + std::string(near) + "?"));
  }

  Result<Void> Field(const Place& place) {
    if (reader_.Peek() == 'n') {  // null is as good as not given
      const Result<std::string_view> word = reader_.Word();
      if (word.ok() && word.value() == "null") return Void{};
      return Wrong(place.path, "no value is written " + Printable(word.value()));
    }
    if (place.field->is_map()) return Map(place);
    if (!place.field->is_repeated()) return Value(place);
    if (reader_.Peek() != '[') return MustBe(place.path, "a list", &reader_);
    reader_.Take('[');
    if (reader_.Take(']')) return Void{};
    int index = 0;
    do {
      const std::string path = place.path + "[" + std::to_string(index++) + "]";
      if (const Result<Void> read = Value({place.message, place.field, true, path}); !read.ok()) return read;
    } while (reader_.Take(','));
    if (reader_.Take(']')) return Void{};
    return reader_.Expected("',' or ']'");
  }

  // All maps of what is read have texts as keys.
  Result<Void> Map(const Place& place) {
    if (reader_.Peek() != '{') return MustBe(place.path, "an object", &reader_);
    std::set<std::string> seen;
    return Members([&](const std::string& key) -> Result<Void> {
      const std::string path = place.path + "[" + JsonQuote(key) + "]";
      if (!seen.insert(key).second) return Wrong(path, "is given twice");
      Message* const entry = place.message->GetReflection()->AddMessage(place.message, place.field);
      entry->GetReflection()->SetString(entry, entry->GetDescriptor()->map_key(), key);
      return Value({entry, entry->GetDescriptor()->map_value(), false, path});
    });
  }

  Result<Void> Value(const Place& place) {
    switch (place.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return MessageValue(place);
      case FieldDescriptor::CPPTYPE_STRING:
        return TextValue(place);
      case FieldDescriptor::CPPTYPE_BOOL:
        return BoolValue(place);
      case FieldDescriptor::CPPTYPE_INT32:
        return Integer<int32_t>(place);
      case FieldDescriptor::CPPTYPE_UINT32:
        return Integer<uint32_t>(place);
      case FieldDescriptor::CPPTYPE_INT64:
        return Integer<int64_t>(place);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Integer<uint64_t>(place);
      default:
        return Wrong(place.path, "cannot be given in a file");
    }
  }

  Result<Void> MessageValue(const Place& place) {
    const auto& reflection = *place.message->GetReflection();
    Message* const part = place.add ? reflection.AddMessage(place.message, place.field)
                                    : reflection.MutableMessage(place.message, place.field);
    if (part->GetDescriptor() != google::protobuf::Duration::descriptor()) return Object(part, place.path);
    if (reader_.Peek() != '"') return MustBe(place.path, "a duration such as \"10s\" or \"1m30s\"", &reader_);
    const Result<std::string> text = reader_.String();
    if (!text.ok()) return text.error();
    const Result<std::chrono::nanoseconds> duration = ParseDuration(text.value());
    if (!duration.ok()) return Wrong(place.path, Printable(duration.error().message));
    part->CopyFrom(client::ToProto(duration.value()));
    return Void{};
  }

  Result<Void> TextValue(const Place& place) {
    const bool bytes = place.field->type() == FieldDescriptor::TYPE_BYTES;
    constexpr std::string_view kBase64 = "base64, as in \"aGVsbG8=\" for hello";
    if (reader_.Peek() != '"') return MustBe(place.path, bytes ? kBase64 : "a string", &reader_);
    JsonReader before = reader_;
    Result<std::string> text = reader_.String();
    if (!text.ok()) return text.error();
    if (bytes) {
      std::optional<std::string> decoded = DecodeBase64(text.value());
      if (!decoded) return MustBe(place.path, kBase64, &before);
      text = *std::move(decoded);
    }
    const auto& reflection = *place.message->GetReflection();
    if (place.add) {
      reflection.AddString(place.message, place.field, std::move(text.value()));
    } else {
      reflection.SetString(place.message, place.field, std::move(text.value()));
    }
    return Void{};
  }

  Result<Void> BoolValue(const Place& place) {
    JsonReader before = reader_;
    const Result<std::string_view> word = reader_.Word();
    if (!word.ok() || (word.value() != "true" && word.value() != "false"))
      return MustBe(place.path, "true or false", &before);
    place.message->GetReflection()->SetBool(place.message, place.field, word.value() == "true");
    return Void{};
  }

  // As a number, or in quotes, as Protobuf writes large ones.
  template <typename Number>
  Result<Void> Integer(const Place& place) {
    JsonReader before = reader_;
    std::string text;
    if (reader_.Peek() == '"') {
      if (const Result<std::string> quoted = reader_.String(); quoted.ok()) text = quoted.value();
    } else if (const Result<std::string_view> word = reader_.Word(); word.ok()) {
      text = word.value();
    }
    const std::optional<Number> number = ParseInteger<Number>(text);
    if (!number) {
      return MustBe(place.path,
                    "a whole number, " + std::to_string(std::numeric_limits<Number>::min()) + ".." +
                        std::to_string(std::numeric_limits<Number>::max()),
                    &before);
    }
    const auto& reflection = *place.message->GetReflection();
    if constexpr (std::is_same_v<Number, int32_t>) reflection.SetInt32(place.message, place.field, *number);
    if constexpr (std::is_same_v<Number, uint32_t>) reflection.SetUInt32(place.message, place.field, *number);
    if constexpr (std::is_same_v<Number, int64_t>) reflection.SetInt64(place.message, place.field, *number);
    if constexpr (std::is_same_v<Number, uint64_t>) reflection.SetUInt64(place.message, place.field, *number);
    return Void{};
  }

  JsonReader reader_;
};

}  // namespace

Result<Void> FromJson(std::string_view json, Message* message) { return MessageReader(json).Whole(message); }

}  // namespace covey::cli
