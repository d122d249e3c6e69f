#include "server/services/call_stats.h"

#include <utility>

#include "core/base/check.h"

namespace covey {
namespace {

constexpr size_t kUnknown = 2;  // grpc::StatusCode::UNKNOWN

}  // namespace

CallStats::Row& CallStats::RowOf(const methods::Method& method) {
  const auto index = static_cast<size_t>(&method - methods::kMethods);
  COVEY_CHECK(index < kRows);
  return rows_[index];
}

void CallStats::OnBegin(const methods::Method& method) {
  RowOf(method).open.fetch_add(1, std::memory_order_relaxed);
}

void CallStats::OnEnd(const methods::Method& method, int code, std::chrono::nanoseconds took) {
  Row& row = RowOf(method);
  const bool known = code >= 0 && static_cast<size_t>(code) < kCodes;
  Cell& cell = row.codes[known ? static_cast<size_t>(code) : kUnknown];
  cell.calls.fetch_add(1, std::memory_order_relaxed);
  cell.nanoseconds.fetch_add(static_cast<uint64_t>(took.count()), std::memory_order_relaxed);
  row.times.Count(took);
  row.open.fetch_sub(1, std::memory_order_relaxed);
}

void CallStats::OnRefused(uint32_t reason) {
  refused_[reason < kReasons ? reason : 0].fetch_add(1, std::memory_order_relaxed);
}

std::vector<CallStats::Ended> CallStats::ended() const {
  std::vector<Ended> all;
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t code = 0; code < kCodes; ++code) {
      const Cell& cell = rows_[i].codes[code];
      const uint64_t calls = cell.calls.load(std::memory_order_relaxed);
      if (calls == 0) continue;
      const std::chrono::nanoseconds time(cell.nanoseconds.load(std::memory_order_relaxed));
      all.push_back({methods::kMethods[i].name, static_cast<int>(code), calls, time});
    }
  }
  return all;
}

std::vector<CallStats::Times> CallStats::times() const {
  std::vector<Times> all;
  for (size_t i = 0; i < kRows; ++i) {
    HistogramView view = rows_[i].times.view();
    if (view.count() > 0) all.push_back({methods::kMethods[i].name, std::move(view)});
  }
  return all;
}

std::vector<CallStats::Open> CallStats::open() const {
  std::vector<Open> all;
  for (size_t i = 0; i < kRows; ++i) {
    const uint64_t calls = rows_[i].open.load(std::memory_order_relaxed);
    if (calls > 0) all.push_back({methods::kMethods[i].name, calls});
  }
  return all;
}

}  // namespace covey
