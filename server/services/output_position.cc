#include "server/services/output_position.h"

#include <utility>

namespace covey {
namespace {

constexpr uint8_t kVersion = 1;

// Seven bits a byte, the lowest first; the last byte has no high bit (LEB128).
void PutNumber(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) out->push_back(static_cast<char>(0x80 | (number & 0x7f)));
  out->push_back(static_cast<char>(number));
}

std::optional<uint64_t> TakeNumber(std::string_view* bytes) {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    const uint64_t part = byte & 0x7f;
    if (shift == 63 && part > 1) return std::nullopt;
    number |= part << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

}  // namespace

std::string OutputPosition::Encode() const {
  std::string out(1, static_cast<char>(kVersion));
  PutNumber(after, &out);
  for (const auto& [key, how_far] : sent) {
    if (how_far.offset == 0 && !how_far.end) continue;
    PutNumber(key.task, &out);
    PutNumber(key.attempt, &out);
    PutNumber((key.stream == OutputStream::kStderr ? 1u : 0u) | (how_far.end ? 2u : 0u), &out);
    PutNumber(how_far.offset, &out);
  }
  return out;
}

std::optional<OutputPosition> OutputPosition::Decode(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kVersion) return std::nullopt;
  bytes.remove_prefix(1);
  OutputPosition position;
  const auto after = TakeNumber(&bytes);
  if (!after) return std::nullopt;
  position.after = *after;
  while (!bytes.empty()) {
    const auto task = TakeNumber(&bytes);
    const auto attempt = TakeNumber(&bytes);
    const auto flags = TakeNumber(&bytes);
    const auto offset = TakeNumber(&bytes);
    if (!task || !attempt || !flags || !offset) return std::nullopt;
    if (*task > UINT32_MAX || *attempt == 0 || *attempt > UINT32_MAX || *flags > 3) return std::nullopt;
    const StreamKey key{.task = static_cast<uint32_t>(*task),
                        .attempt = static_cast<uint32_t>(*attempt),
                        .stream = (*flags & 1) != 0 ? OutputStream::kStderr : OutputStream::kStdout};
    const Sent how_far{.offset = *offset, .end = (*flags & 2) != 0};
    if (!position.sent.emplace(key, how_far).second) return std::nullopt;
  }
  return position;
}

}  // namespace covey
