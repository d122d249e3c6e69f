#include "client/cli/ordered_output.h"

#include <charconv>
#include <optional>
#include <utility>

namespace covey::cli {
namespace {

// Tasks without a name are called by their place, and no name is digits alone.
std::optional<uint64_t> PlaceOf(const std::string& task) {
  uint64_t place = 0;
  const char* const end = task.data() + task.size();
  const auto [rest, error] = std::from_chars(task.data(), end, place);
  if (task.empty() || error != std::errc() || rest != end) return std::nullopt;
  return place;
}

size_t SizeOf(const v1::OutputChunk& chunk) { return sizeof(chunk) + chunk.ByteSizeLong(); }

}  // namespace

Result<Void> OrderedOutput::Count(const v1::Event& event) {
  if (event.kind() == v1::EVENT_KIND_TASK_SUBMITTED) {
    const uint64_t place = submitted_++;
    if (PlaceOf(event.task())) return Void{};
    named_.emplace(event.task(), place);
    const auto early = early_.find(event.task());
    if (early == early_.end()) return Void{};
    std::vector<Piece> pieces = std::move(early->second);
    early_.erase(early);
    if (place == next_) return Pass(pieces, false);
    held_.emplace(place, std::move(pieces));
  } else if (event.kind() == v1::EVENT_KIND_TASK_EXITED && event.task_state() != v1::TASK_STATE_QUEUED) {
    return End(event.task());
  }
  return Void{};
}

Result<Void> OrderedOutput::Write(const v1::OutputChunk& chunk) {
  std::optional<uint64_t> place = PlaceOf(chunk.task());
  if (!place) {
    const auto named = named_.find(chunk.task());
    if (named == named_.end()) return Keep(chunk, &early_[chunk.task()]);
    place = named->second;
  }
  if (*place > next_) return Keep(chunk, &held_[*place]);
  target_.print(chunk);
  return Void{};
}

Result<Void> OrderedOutput::Finish() {
  for (auto& [place, pieces] : std::exchange(held_, {})) {
    if (const Result<Void> passed = Pass(pieces, true); !passed.ok()) return passed;
  }
  for (auto& [task, pieces] : std::exchange(early_, {})) {
    if (const Result<Void> passed = Pass(pieces, true); !passed.ok()) return passed;
  }
  return Void{};
}

Result<Void> OrderedOutput::Keep(const v1::OutputChunk& chunk, std::vector<Piece>* pieces) {
  if (in_memory_ + SizeOf(chunk) <= most_in_memory_) {
    in_memory_ += SizeOf(chunk);
    pieces->emplace_back(chunk);
    return Void{};
  }
  const Result<SpillFile::Place> place = file_.Put(chunk.SerializeAsString());
  if (!place.ok()) return place.error();
  ++in_file_;
  pieces->emplace_back(place.value());
  return Void{};
}

Result<Void> OrderedOutput::Pass(const std::vector<Piece>& pieces, bool ended) {
  std::string task;
  for (const Piece& piece : pieces) {
    if (const auto* chunk = std::get_if<v1::OutputChunk>(&piece)) {
      in_memory_ -= SizeOf(*chunk);
      target_.print(*chunk);
      task = chunk->task();
      continue;
    }
    const Result<std::string> bytes = file_.Get(std::get<SpillFile::Place>(piece));
    if (!bytes.ok()) return bytes.error();
    v1::OutputChunk chunk;
    chunk.ParseFromString(bytes.value());
    target_.print(chunk);
    task = chunk.task();
    if (--in_file_ == 0) file_.Clear();
  }
  if (ended && !task.empty()) target_.end(task);
  return Void{};
}

Result<Void> OrderedOutput::End(const std::string& task) {
  std::optional<uint64_t> place = PlaceOf(task);
  if (const auto named = named_.find(task); named != named_.end()) {
    place = named->second;
    named_.erase(named);
  }
  if (!place) return Void{};
  if (*place > next_) {
    AddEnded(*place);
    return Void{};
  }
  target_.end(task);
  ++next_;
  return Advance();
}

Result<Void> OrderedOutput::Advance() {
  while (true) {
    const bool ended = TakeEnded(next_);
    if (const auto held = held_.find(next_); held != held_.end()) {
      const std::vector<Piece> pieces = std::move(held->second);
      held_.erase(held);
      if (const Result<Void> passed = Pass(pieces, ended); !passed.ok()) return passed;
    }
    if (!ended) return Void{};
    ++next_;
  }
}

bool OrderedOutput::TakeEnded(uint64_t place) {
  const auto run = ended_.find(place);
  if (run == ended_.end()) return false;
  const uint64_t end = run->second;
  ended_.erase(run);
  if (place + 1 < end) ended_.emplace(place + 1, end);
  return true;
}

void OrderedOutput::AddEnded(uint64_t place) {
  uint64_t first = place;
  uint64_t end = place + 1;
  auto behind = ended_.upper_bound(place);
  if (behind != ended_.begin()) {
    const auto before = std::prev(behind);
    if (before->second == place) {
      first = before->first;
      ended_.erase(before);
    }
  }
  if (behind != ended_.end() && behind->first == end) {
    end = behind->second;
    ended_.erase(behind);
  }
  ended_.emplace(first, end);
}

}  // namespace covey::cli
