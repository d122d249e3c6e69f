#include "covey/client/request_id.h"

#include <random>

namespace covey::client {

std::string NewRequestId() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::random_device device;
  std::string id;
  while (id.size() < 32) {
    for (auto bits = static_cast<uint32_t>(device()), digit = 0U; digit < 8; ++digit, bits >>= 4) {
      id.push_back(kDigits[bits & 15]);
    }
  }
  return id;
}

}  // namespace covey::client
