#include "server/metrics/family.h"

#include <limits>
#include <utility>

namespace covey::metrics {

Family::Family(Families& families, prometheus::MetricType type, std::string_view name, std::string_view help)
    : family_(families.emplace_back()) {
  family_.name = name;
  family_.help = help;
  family_.type = type;
}

void Family::Add(Labels labels, double value) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Family::Add(Labels labels, const HistogramView& view, double per_unit) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  uint64_t below = 0;
  for (size_t i = 0; i < view.buckets.size(); ++i) {
    below += view.buckets[i];
    const double bound = i < view.bounds.size() ? static_cast<double>(view.bounds[i]) / per_unit
                                                : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({below, bound});
  }
  metric.histogram.sample_count = below;
  metric.histogram.sample_sum = static_cast<double>(view.sum) / per_unit;
}

}  // namespace covey::metrics
