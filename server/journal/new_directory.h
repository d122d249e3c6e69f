#pragma once

#include <string>

#include "covey/result.h"

namespace covey {

// A directory that appears under its name as a whole, or not at all. Until then it has another one beside it,
// and is removed with what is in it.
class NewDirectory {
 public:
  // kFailedPrecondition: there is something of that name that is no empty directory.
  static Result<NewDirectory> Make(const std::string& name);

  NewDirectory(NewDirectory&& other) noexcept;
  NewDirectory& operator=(NewDirectory&&) = delete;
  ~NewDirectory();

  // Where it is now; mode 0700.
  const std::string& path() const { return path_; }
  // Gives it its name. Durable when it returns.
  Result<Void> Keep();

 private:
  NewDirectory(std::string name, std::string path);

  std::string name_;
  std::string path_;  // empty: kept, or moved from
};

}  // namespace covey
