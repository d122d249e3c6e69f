#include "proto/wire.h"

namespace covey::wire {
namespace {

constexpr uint32_t kTypeBits = 3;
constexpr uint32_t kEndGroup = 4;
constexpr int kDeepestGroup = 100;

}  // namespace

void Writer::Varint(uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<char>(value));
}

void Writer::AddVarint(uint32_t number, uint64_t value) {
  if (value == 0) return;
  Varint(number << kTypeBits | static_cast<uint32_t>(Type::kVarint));
  Varint(value);
}

void Writer::AddBytes(uint32_t number, std::string_view value) {
  if (!value.empty()) AddMessage(number, value);
}

void Writer::AddMessage(uint32_t number, std::string_view encoded) {
  Varint(number << kTypeBits | static_cast<uint32_t>(Type::kBytes));
  Varint(encoded.size());
  out_.append(encoded);
}

bool Reader::Varint(uint64_t* value) {
  *value = 0;
  for (uint32_t shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return false;
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;  // more than ten bytes
}

bool Reader::Take(uint64_t size, std::string_view* bytes) {
  if (size > rest_.size()) return false;
  *bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool Reader::Tag(uint32_t* number, uint32_t* type) {
  uint64_t tag = 0;
  if (!Varint(&tag) || tag > UINT32_MAX) return false;
  *number = static_cast<uint32_t>(tag) >> kTypeBits;
  *type = static_cast<uint32_t>(tag) & ((1U << kTypeBits) - 1);
  return *number != 0;
}

bool Reader::Value(Type type, Field* field) {
  std::string_view skipped;
  uint64_t size = 0;
  switch (type) {
    case Type::kVarint:
      return Varint(&field->varint);
    case Type::kFixed64:
      return Take(8, &skipped);
    case Type::kBytes:
      return Varint(&size) && Take(size, &field->bytes);
    case Type::kFixed32:
      return Take(4, &skipped);
    case Type::kGroup:
      return SkipGroup(field->number);
  }
  return false;
}

bool Reader::SkipGroup(uint32_t number) {
  uint32_t open[kDeepestGroup] = {number};
  int depth = 1;
  while (depth > 0) {
    Field inner;
    uint32_t type = 0;
    if (!Tag(&inner.number, &type)) return false;
    if (type == kEndGroup) {
      if (inner.number != open[--depth]) return false;
    } else if (type == static_cast<uint32_t>(Type::kGroup)) {
      if (depth == kDeepestGroup) return false;
      open[depth++] = inner.number;
    } else if (!Value(static_cast<Type>(type), &inner)) {
      return false;
    }
  }
  return true;
}

std::optional<Field> Reader::Next() {
  if (!ok_ || rest_.empty()) return std::nullopt;
  Field field;
  uint32_t type = 0;
  ok_ = Tag(&field.number, &type);
  field.type = static_cast<Type>(type);
  ok_ = ok_ && Value(field.type, &field);
  if (!ok_) return std::nullopt;
  return field;
}

}  // namespace covey::wire
