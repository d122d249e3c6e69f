#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace covey {

// Values one after the other: numbers seven bits a byte, the lowest first, signed ones zigzag; strings with their
// length before them. What is read is what was written, in that order.
class PackWriter {
 public:
  template <std::integral T>
  void Add(T value) {
    if constexpr (std::is_signed_v<T>) {
      const auto wide = static_cast<int64_t>(value);
      AddUnsigned((static_cast<uint64_t>(wide) << 1) ^ static_cast<uint64_t>(wide >> 63));
    } else {
      AddUnsigned(static_cast<uint64_t>(value));
    }
  }
  void Add(std::string_view bytes) {
    AddUnsigned(bytes.size());
    bytes_.append(bytes);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  void AddUnsigned(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

// Reads of bytes that nothing is known of. After the first that fails all give zeros and ok() is false.
class PackReader {
 public:
  explicit PackReader(std::string_view bytes) : bytes_(bytes) {}

  // Fails on a number that T does not have.
  template <std::integral T>
  T Get() {
    const uint64_t value = GetUnsigned();
    T result;
    if constexpr (std::is_signed_v<T>) {
      const auto wide = static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
      result = static_cast<T>(wide);
      if (static_cast<int64_t>(result) != wide) return Fail<T>();
    } else {
      result = static_cast<T>(value);
      if (static_cast<uint64_t>(result) != value) return Fail<T>();
    }
    return result;
  }
  std::string GetString() {
    const uint64_t size = GetUnsigned();
    if (size > bytes_.size()) return Fail<std::string>();
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  // So many values of at least one byte each follow, if ok().
  size_t GetCount() {
    const uint64_t count = GetUnsigned();
    return count <= bytes_.size() ? count : Fail<size_t>();
  }

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  template <typename T>
  T Fail() {
    ok_ = false;
    bytes_ = {};
    return T{};
  }
  uint64_t GetUnsigned() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return Fail<uint64_t>();
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace covey
