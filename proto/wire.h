#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The encoding of Protobuf (https://protobuf.dev/programming-guides/encoding), field by field: for the few
// messages that are written and read without generated code.
namespace covey::wire {

// How a field is encoded.
enum class Type : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,  // strings, bytes and messages
  kGroup = 3,  // of old messages; skipped as a whole
  kFixed32 = 5,
};

// One field of a message. `bytes` point into what the Reader reads.
struct Field {
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t varint = 0;     // kVarint
  std::string_view bytes;  // kBytes

  bool Is(uint32_t other_number, Type other_type) const {
    return number == other_number && type == other_type;
  }
};

// Builds a message. As proto3 has it, zeros and empty strings are left out; AddMessage leaves nothing out.
class Writer {
 public:
  void AddVarint(uint32_t number, uint64_t value);
  void AddBytes(uint32_t number, std::string_view value);
  void AddMessage(uint32_t number, std::string_view encoded);
  std::string Take() { return std::move(out_); }

 private:
  void Varint(uint64_t value);

  std::string out_;
};

// Reads a message. Takes any bytes: what cannot be read ends it with ok() false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // The next field; nullopt at the end, or when what follows is no field.
  std::optional<Field> Next();
  bool ok() const { return ok_; }

 private:
  bool Varint(uint64_t* value);
  bool Take(uint64_t size, std::string_view* bytes);
  bool Tag(uint32_t* number, uint32_t* type);
  bool Value(Type type, Field* field);
  bool SkipGroup(uint32_t number);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace covey::wire
