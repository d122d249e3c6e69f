#include "server/journal/checksum.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

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

using Lanes = std::array<uint64_t, 4>;

// The sum of what the lanes have taken and of the bytes behind that, fewer than 32; `length` of all.
uint64_t Finish(uint64_t hash, uint64_t length, std::string_view bytes) {
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

Lanes Begin(uint64_t seed) { return {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1}; }

uint64_t Merge(const Lanes& lanes) {
  uint64_t hash =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

}  // namespace

uint64_t Xxh64(std::string_view bytes, uint64_t seed) {
  const uint64_t length = bytes.size();
  if (length < 32) return Finish(seed + kPrime5, length, bytes);
  Lanes lanes = Begin(seed);
  while (bytes.size() >= 32) {
    for (uint64_t& lane : lanes) lane = Round(lane, Take<uint64_t>(&bytes));
  }
  return Finish(Merge(lanes), length, bytes);
}

std::optional<size_t> FlippedBit(std::string_view bytes, uint64_t seed, uint64_t sum) {
  const size_t stripes = bytes.size() / 32;
  std::vector<uint64_t> words(stripes * 4);
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), stripes * 32);
  std::string tail(bytes.substr(stripes * 32));
  std::vector<Lanes> before{Begin(seed)};
  for (size_t i = 0; i < stripes; ++i) {
    Lanes lanes = before.back();
    for (size_t lane = 0; lane < lanes.size(); ++lane) lanes[lane] = Round(lanes[lane], words[i * 4 + lane]);
    before.push_back(lanes);
  }
  const auto is_sum = [&](const Lanes& lanes) {
    return Finish(stripes == 0 ? seed + kPrime5 : Merge(lanes), bytes.size(), tail) == sum;
  };
  // A word changes its own lane alone, from its stripe on.
  for (size_t at = 0; at < words.size(); ++at) {
    const size_t lane = at % 4;
    Lanes lanes = before.back();
    for (size_t bit = 0; bit < 64; ++bit) {
      uint64_t value = Round(before[at / 4][lane], words[at] ^ uint64_t{1} << bit);
      for (size_t next = at + 4; next < words.size(); next += 4) value = Round(value, words[next]);
      lanes[lane] = value;
      if (is_sum(lanes)) return at * 64 + bit;
    }
  }
  for (size_t bit = 0; bit < tail.size() * 8; ++bit) {
    const char kept = tail[bit / 8];
    tail[bit / 8] = static_cast<char>(kept ^ (1 << bit % 8));
    if (is_sum(before.back())) return stripes * 256 + bit;
    tail[bit / 8] = kept;
  }
  return std::nullopt;
}

uint64_t Checksum(const Place& place, std::string_view bytes) {
  const uint64_t numbers = static_cast<uint64_t>(place.part) * kPrime1 +
                           static_cast<uint64_t>(place.gid) * kPrime2 + place.number * kPrime3;
  return Xxh64(bytes, Xxh64(place.group, numbers));
}

}  // namespace covey
