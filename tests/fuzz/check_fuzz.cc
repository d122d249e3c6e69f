#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  covey::CheckInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
