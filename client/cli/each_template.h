#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace covey::cli {

// A command line with placeholders for one argument, as GNU parallel has them: {} the argument, {.} without its extension,
// {/} its last part, {//} its folder, {/.} the last part without extension, {#} the number of the task. Without
// any of them the argument is appended as one more word.
class EachTemplate {
 public:
  explicit EachTemplate(std::vector<std::string> words);

  // The words of the task `number` (1, 2, …) for `argument`.
  std::vector<std::string> Expand(std::string_view argument, uint64_t number) const;

 private:
  std::vector<std::string> words_;
};

}  // namespace covey::cli
