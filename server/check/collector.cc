#include "server/check/collector.h"

namespace covey {
namespace {
constexpr size_t kMaxQuoted = 64;
}

std::string FieldPath::ToString() const {
  std::string path = parent_ != nullptr ? parent_->ToString() : std::string();
  switch (kind_) {
    case Kind::kRoot:
      break;
    case Kind::kField:
      if (!path.empty()) path += '.';
      path += name_;
      break;
    case Kind::kIndex:
      path += '[' + std::to_string(index_) + ']';
      break;
    case Kind::kKey:
      path += '[' + Quoted(name_) + ']';
      break;
  }
  return path;
}

std::string_view FieldPath::name() const {
  const FieldPath* path = this;
  while (path->kind_ != Kind::kField && path->parent_ != nullptr) path = path->parent_;
  return path->name_;
}

void Collector::Add(const FieldPath& path, std::string_view rest) {
  if (full()) return;
  std::string description(path.name());
  description += ' ';
  description += rest;
  violations_.push_back({.field = path.ToString(), .description = std::move(description)});
}

Error BadField(std::string_view name, std::string_view rest) {
  const FieldPath root;
  Collector out;
  out.Add(root.Field(name), rest);
  return BadRequest(out.Take());
}

std::string Quoted(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += value.size() > kMaxQuoted ? "…\"" : "\"";
  return out;
}

}  // namespace covey
