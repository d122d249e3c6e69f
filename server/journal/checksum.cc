#include "server/journal/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace covey {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

static_assert(std::endian::native == std::endian::little, "the lanes are little-endian");

template <typename T>
uint64_t Take(std::string_view* bytes) {
  T lane;
  std::memcpy(&lane, bytes->data(), sizeof lane);
  bytes->remove_prefix(sizeof lane);
  return lane;
}

uint64_t Round(uint64_t sum, uint64_t lane) { return std::rotl(sum + lane * kPrime2, 31) * kPrime1; }

}  // namespace

uint64_t Xxh64(std::string_view bytes, uint64_t seed) {
  const uint64_t length = bytes.size();
  uint64_t hash = seed + kPrime5;
  if (bytes.size() >= 32) {
    std::array<uint64_t, 4> sums = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    while (bytes.size() >= 32) {
      for (uint64_t& sum : sums) sum = Round(sum, Take<uint64_t>(&bytes));
    }
    hash = std::rotl(sums[0], 1) + std::rotl(sums[1], 7) + std::rotl(sums[2], 12) + std::rotl(sums[3], 18);
    for (const uint64_t sum : sums) hash = (hash ^ Round(0, sum)) * kPrime1 + kPrime4;
  }
  hash += length;
  while (bytes.size() >= 8) {
    hash = std::rotl(hash ^ Round(0, Take<uint64_t>(&bytes)), 27) * kPrime1 + kPrime4;
  }
  if (bytes.size() >= 4) hash = std::rotl(hash ^ Take<uint32_t>(&bytes) * kPrime1, 23) * kPrime2 + kPrime3;
  while (!bytes.empty()) hash = std::rotl(hash ^ Take<uint8_t>(&bytes) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

uint64_t Checksum(const Place& place, std::string_view bytes) {
  const uint64_t numbers = static_cast<uint64_t>(place.part) * kPrime1 +
                           static_cast<uint64_t>(place.gid) * kPrime2 + place.number * kPrime3;
  return Xxh64(bytes, Xxh64(place.group, numbers));
}

}  // namespace covey
