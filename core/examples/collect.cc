// One call for each element of a range, four at once, the values in its order.
#include <cstdio>
#include <string>
#include <vector>

#include "covey/run.h"

int main() {
  const std::vector<std::string> words = {"one", "three", "fifteen"};
  const auto lengths = covey::Collect(
      words, [](const std::string& word) { return word.size(); }, 4);
  if (!lengths) return 1;
  for (const size_t length : *lengths) std::printf("%zu ", length);
  std::puts("");
}
