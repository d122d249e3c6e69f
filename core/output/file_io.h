#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey {

// Files of output, which signals do not cut short.

// A descriptor; -1 with errno.
int OpenRetrying(const std::string& path, int flags);
// How many bytes were written, read at `at`: fewer than all at an error, or at the end of the file.
size_t WriteAll(int fd, std::string_view bytes);
size_t ReadAll(int fd, char* out, size_t size, uint64_t at);

}  // namespace covey
