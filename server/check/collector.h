#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "server/check/check.h"

namespace covey {

// The path of a field as a chain on the stack, spelled only when something is wrong:
// `tasks[2].process.env["A"]`.
class FieldPath {
 public:
  FieldPath() = default;  // the request itself
  FieldPath Field(std::string_view name) const& { return FieldPath(this, Kind::kField, name, 0); }
  FieldPath Index(size_t index) const& { return FieldPath(this, Kind::kIndex, {}, index); }
  FieldPath Key(std::string_view key) const& { return FieldPath(this, Kind::kKey, key, 0); }
  FieldPath Field(std::string_view) && = delete;  // a parent must be a variable, not a temporary
  FieldPath Index(size_t) && = delete;
  FieldPath Key(std::string_view) && = delete;

  std::string ToString() const;
  // The last field alone, for descriptions: "env".
  std::string_view name() const;

 private:
  enum class Kind : uint8_t { kRoot, kField, kIndex, kKey };
  FieldPath(const FieldPath* parent, Kind kind, std::string_view name, size_t index)
      : parent_(parent), kind_(kind), name_(name), index_(index) {}

  const FieldPath* parent_ = nullptr;  // outlives this
  Kind kind_ = Kind::kRoot;
  std::string_view name_;
  size_t index_ = 0;
};

// Gathers violations, up to kMaxViolations.
class Collector {
 public:
  // "<name> <rest>", as in "limit must be 0..65536, got 70000".
  void Add(const FieldPath& path, std::string_view rest);
  bool full() const { return violations_.size() >= kMaxViolations; }
  Violations Take() { return std::move(violations_); }

 private:
  Violations violations_;
};

// The refusal of one field of the request itself, for what only the daemon's state tells: "<name> <rest>".
Error BadField(std::string_view name, std::string_view rest);

// A value as it is told: quoted, what is not printable ASCII escaped, the end cut off when it is long.
std::string Quoted(std::string_view value);

}  // namespace covey
