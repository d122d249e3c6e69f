#include "client/cli/record_reader.h"

#include <algorithm>
#include <utility>

#include "client/cli/command_line.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr size_t kMaxRecord = 16 << 20;  // several times what one task may hold
constexpr size_t kReadSize = 64 << 10;

}  // namespace

Result<RecordReader::State> RecordReader::Next(bool wait, std::string_view* record) {
  while (true) {
    if (const std::optional<std::string_view> taken = Take()) {
      *record = *taken;
      if (const Result<Void> checked = Check(record); !checked.ok()) return checked.error();
      return State::kRecord;
    }
    if (at_end_) return State::kEnd;
    switch (input_->Await(wait)) {
      case StoppableInput::State::kStopped:
        return State::kStopped;
      case StoppableInput::State::kNone:
        return State::kNone;
      case StoppableInput::State::kReady:
        if (const Result<Void> filled = Fill(); !filled.ok()) return filled.error();
    }
  }
}

Error RecordReader::At(uint64_t number, std::string_view what) const {
  return UsageError(name() + ":" + std::to_string(number) + ": " + std::string(what));
}

// A whole record off the buffer; at the end of the input also one without its end.
std::optional<std::string_view> RecordReader::Take() {
  const size_t found = buffer_.find(end(), std::max(begin_, scanned_));
  scanned_ = buffer_.size();
  if (found == std::string::npos && !(at_end_ && begin_ < buffer_.size())) return std::nullopt;
  const std::string_view record =
      std::string_view(buffer_).substr(begin_, found == std::string::npos ? found : found - begin_);
  begin_ += record.size() + (found == std::string::npos ? 0 : 1);
  scanned_ = begin_;
  ++number_;
  return record;
}

Result<Void> RecordReader::Fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > kMaxRecord) return At(number_ + 1, "the " + noun() + " is longer than 16 MiB");
  const size_t used = buffer_.size();
  buffer_.resize(used + kReadSize);
  const Result<ssize_t> got = input_->Read(buffer_.data() + used, kReadSize);
  buffer_.resize(used + static_cast<size_t>(got.ok() ? std::max<ssize_t>(got.value(), 0) : 0));
  if (!got.ok()) return got.error();
  at_end_ = got.value() == 0;
  return Void{};
}

Result<Void> RecordReader::Check(std::string_view* record) const {
  constexpr size_t kMostShown = 60;
  if (ends_ == Ends::kLine) {
    if (number_ == 1) {
      if (record->starts_with("\xFE\xFF") || record->starts_with("\xFF\xFE"))
        return At(1, "the text is UTF-16, it must be UTF-8");
      if (record->starts_with("\xEF\xBB\xBF")) record->remove_prefix(3);
    }
    if (record->ends_with('\r')) record->remove_suffix(1);
    if (record->find('\0') != std::string_view::npos) {
      return At(number_, "the line has a NUL byte; with -0 NUL bytes end the entries");
    }
  }
  if (IsUtf8(*record)) return Void{};
  return At(number_, "the " + noun() + " must be UTF-8, got " + Cut(Printable(*record), kMostShown));
}

}  // namespace covey::cli
