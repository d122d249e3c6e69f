#include "covey/methods.h"

namespace covey::methods {

const Method* Find(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

}  // namespace covey::methods
