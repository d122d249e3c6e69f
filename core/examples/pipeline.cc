// Stages with bounded queues between them. Each wait ends with the group, so that no stage is left behind.
#include <cstdio>
#include <optional>

#include "covey/run.h"

int main() {
  covey::Queue<int> numbers(2);
  covey::Queue<int> squares(2);
  int sum = 0;
  covey::Group group;
  group.Go([&](const covey::Context& context) {
    for (int i = 1; i <= 10; ++i) numbers.Push(context, i);
    numbers.Close();
  });
  group.Go([&](const covey::Context& context) {
    while (const std::optional<int> number = numbers.Pop(context)) squares.Push(context, *number * *number);
    squares.Close();
  });
  group.Go([&](const covey::Context& context) {
    while (const std::optional<int> square = squares.Pop(context)) sum += *square;
  });
  if (!group.Wait().ok()) return 1;
  std::printf("sum of squares: %d\n", sum);
}
