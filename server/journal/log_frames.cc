#include "server/journal/log_frames.h"

#include <bit>
#include <cstring>

namespace covey::log_frames {
namespace {

static_assert(std::endian::native == std::endian::little,
              "words are swapped when the log has the other order");

void Put(char* bytes, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(bytes, &value, sizeof value);
}

}  // namespace

uint32_t Integer(const char* bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);
}

bool IsBigEndian(const char* log_head) { return (Integer(log_head) & 1) != 0; }

Sum Add(Sum sum, std::string_view bytes, bool big_endian) {
  for (size_t at = 0; at + kSum <= bytes.size(); at += kSum) {
    std::array<uint32_t, 2> words{};
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    if (big_endian) {
      for (uint32_t& word : words) word = __builtin_bswap32(word);
    }
    sum.first += words[0] + sum.second;
    sum.second += words[1] + sum.first;
  }
  return sum;
}

Sum OfFrame(const char* head, std::string_view page, Sum before, bool big_endian) {
  return Add(Add(before, {head, 8}, big_endian), page, big_endian);
}

void Seal(char* head, std::string_view page, Sum before, bool big_endian) {
  const Sum sum = OfFrame(head, page, before, big_endian);
  Put(head + kFrameSumAt, sum.first);
  Put(head + kFrameSumAt + 4, sum.second);
}

}  // namespace covey::log_frames
