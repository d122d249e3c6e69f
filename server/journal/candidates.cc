#include "server/journal/candidates.h"

#include <algorithm>

namespace covey {

Candidates::~Candidates() {
  for (Source& source : sources_) source.statement->Reset();
}

bool Candidates::Add(sqlite::Statement& statement) {
  sources_.push_back({&statement, {}});
  return Advance(sources_.size() - 1);
}

std::optional<Candidates::Key> Candidates::Next() {
  const auto newest = std::max_element(sources_.begin(), sources_.end(),
                                       [](const Source& a, const Source& b) { return a.key < b.key; });
  if (failed_ || newest == sources_.end()) return std::nullopt;
  const Key key = newest->key;
  failed_ = !Advance(static_cast<size_t>(newest - sources_.begin()));
  return key;
}

bool Candidates::Advance(size_t i) {
  Source& source = sources_[i];
  const sqlite::Step step = source.statement->Next();
  if (step == sqlite::Step::kRow) {
    source.key = {source.statement->Int(0), source.statement->Int(1)};
    return true;
  }
  source.statement->Reset();
  sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
  return step == sqlite::Step::kDone;
}

}  // namespace covey
