#pragma once

#include <string>

namespace covey::client {

// A fresh id for request_id, which makes a retried CreateGroup or SubmitTasks return the first answer: 32
// random hexadecimal digits.
std::string NewRequestId();

}  // namespace covey::client
