#include "client/cli/named_work.h"

#include <chrono>
#include <string_view>

#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

bool IsNumber(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string WorkBehindName(const v1::Task& task) {
  constexpr size_t kMostOfWork = 60;
  return IsNumber(task.name()) ? " (" + Cut(WorkText(task.spec()), kMostOfWork) + ")" : "";
}

void NameWork(client::Client& client, const std::string& group, v1::Failure* failure) {
  constexpr client::CallOptions kForOneTask{.timeout = std::chrono::seconds(10)};
  if (!IsNumber(failure->task())) return;
  const Result<v1::Task> task = client.GetTask(group, failure->task(), kForOneTask);
  if (task.ok()) failure->set_task(failure->task() + WorkBehindName(task.value()));
}

}  // namespace covey::cli
