#include "server/journal/tar.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace covey::tar {
namespace {

// Where the fields of a header are.
constexpr size_t kName = 0, kNameSize = 100;
constexpr size_t kMode = 100, kUid = 108, kGid = 116;
constexpr size_t kSize = 124, kSizeSize = 12;
constexpr size_t kTime = 136;
constexpr size_t kSum = 148, kSumSize = 8;
constexpr size_t kType = 156;
constexpr size_t kMagic = 257;
constexpr size_t kPrefix = 345, kPrefixSize = 155;
constexpr char kUstar[] = "ustar\00000";  // with the version
constexpr uint64_t kMaxOctal = uint64_t{1} << 33;

void Put(std::string& block, size_t at, std::string_view text) { block.replace(at, text.size(), text); }

std::string Octal(uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

// Of all bytes, with blanks in place of the sum.
unsigned SumOf(std::string_view block) {
  unsigned sum = 0;
  for (size_t i = 0; i < kBlock; ++i)
    sum += i >= kSum && i < kSum + kSumSize ? ' ' : static_cast<unsigned char>(block[i]);
  return sum;
}

// Larger files have their size in binary, as GNU tar and star write it.
std::string SizeField(uint64_t size) {
  if (size < kMaxOctal) return Octal(size, 11);
  std::string field(kSizeSize, '\0');
  field[0] = '\x80';
  for (size_t i = 0; i < 8; ++i) field[kSizeSize - 1 - i] = static_cast<char>(size >> (8 * i));
  return field;
}

std::optional<uint64_t> ReadSize(std::string_view field) {
  uint64_t size = 0;
  if ((field[0] & '\x80') != 0) {
    for (size_t i = 4; i < kSizeSize; ++i) size = size << 8 | static_cast<unsigned char>(field[i]);
    return size;
  }
  for (const char c : field.substr(0, kSizeSize - 1)) {
    if (c < '0' || c > '7') return std::nullopt;
    size = size * 8 + static_cast<uint64_t>(c - '0');
  }
  return size;
}

std::string TextAt(std::string_view block, size_t at, size_t size) {
  const std::string_view field = block.substr(at, size);
  return std::string(field.substr(0, std::min(field.find('\0'), size)));
}

}  // namespace

std::optional<std::string> Encode(const Header& header) {
  const size_t slash = header.name.find_last_of('/');
  const std::string prefix = slash == std::string::npos ? "" : header.name.substr(0, slash);
  const std::string name = slash == std::string::npos ? header.name : header.name.substr(slash + 1);
  if (prefix.size() > kPrefixSize || name.empty() || name.size() > kNameSize) return std::nullopt;
  std::string block(kBlock, '\0');
  Put(block, kName, name);
  Put(block, kMode, Octal(0600, 7));
  Put(block, kUid, Octal(0, 7));
  Put(block, kGid, Octal(0, 7));
  Put(block, kSize, SizeField(header.size));
  Put(block, kTime, Octal(0, 11));
  block[kType] = '0';
  Put(block, kMagic, std::string_view(kUstar, 8));
  Put(block, kPrefix, prefix);
  Put(block, kSum, Octal(SumOf(block), 6));
  block[kSum + 7] = ' ';
  return block;
}

std::optional<Header> Decode(std::string_view block) {
  if (block.size() != kBlock || block.substr(kMagic, 5) != "ustar" || block[kType] != '0')
    return std::nullopt;
  if (TextAt(block, kSum, 6) != Octal(SumOf(block), 6)) return std::nullopt;
  const std::optional<uint64_t> size = ReadSize(block.substr(kSize, kSizeSize));
  if (!size) return std::nullopt;
  const std::string prefix = TextAt(block, kPrefix, kPrefixSize);
  const std::string name = TextAt(block, kName, kNameSize);
  return Header{.name = prefix.empty() ? name : prefix + '/' + name, .size = *size};
}

}  // namespace covey::tar
