#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/histogram.h"

namespace covey::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;
using Families = std::vector<prometheus::MetricFamily>;

// One family being filled. Values of histograms are in the unit of the family: `per_unit` of what was counted make
// one of it.
class Family {
 public:
  static constexpr double kMicroseconds = 1e6;

  // Appends an empty family to `families`, which it must not outlive.
  Family(Families& families, prometheus::MetricType type, std::string_view name, std::string_view help);

  void Add(Labels labels, double value);
  void Add(Labels labels, const HistogramView& view, double per_unit);

 private:
  prometheus::MetricFamily& family_;
};

inline Family Counter(Families& families, std::string_view name, std::string_view help) {
  return {families, prometheus::MetricType::Counter, name, help};
}
inline Family Gauge(Families& families, std::string_view name, std::string_view help) {
  return {families, prometheus::MetricType::Gauge, name, help};
}
inline Family HistogramFamily(Families& families, std::string_view name, std::string_view help) {
  return {families, prometheus::MetricType::Histogram, name, help};
}

}  // namespace covey::metrics
