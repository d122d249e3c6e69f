#include "client/cli/output_printer.h"

#include <array>
#include <functional>

#include "client/cli/text.h"
#include "core/base/plural.h"

namespace covey::cli {
namespace {

constexpr std::array<std::string_view, 6> kColors = {"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                                     "\x1b[35m", "\x1b[34m", "\x1b[96m"};

}  // namespace

void OutputPrinter::Print(const v1::OutputChunk& chunk) {
  const v1::OutputStream stream =
      chunk.stream() == v1::OUTPUT_STREAM_STDERR ? chunk.stream() : v1::OUTPUT_STREAM_STDOUT;
  const auto place = partial_.try_emplace(Key(chunk.task(), stream)).first;
  LineSplitter& splitter = place->second;
  if (mode_ != Mode::kNamed) {
    if (!chunk.data().empty()) Write(stream, chunk.data());
  } else {
    const std::string prefix = Prefix(chunk.task(), stream);
    std::string lines;
    const auto add = [&](std::string_view line) { lines.append(prefix).append(line).append("\n"); };
    // A line that lost its middle must not look whole.
    if (chunk.dropped() > 0) splitter.Flush(add);
    splitter.Feed(chunk.data(), add);
    if (chunk.end()) splitter.Flush(add);
    if (!lines.empty()) Write(stream, lines);
  }
  if (chunk.dropped() > 0) {
    console_.Note("task " + Printable(chunk.task()) + ": " + Plural(chunk.dropped(), "byte") + " of " +
                  (stream == v1::OUTPUT_STREAM_STDERR ? "stderr" : "stdout") + " before offset " +
                  std::to_string(chunk.offset()) + (chunk.dropped() == 1 ? " was" : " were") + " not kept");
  }
  if (splitter.empty()) partial_.erase(place);
}

void OutputPrinter::Flush(const std::string& task) {
  for (const v1::OutputStream stream : {v1::OUTPUT_STREAM_STDOUT, v1::OUTPUT_STREAM_STDERR}) {
    const auto found = partial_.find(Key(task, stream));
    if (found == partial_.end()) continue;
    FlushLine(found->first, &found->second);
    partial_.erase(found);
  }
}

void OutputPrinter::Flush() {
  for (auto& [key, splitter] : partial_) FlushLine(key, &splitter);
  partial_.clear();
}

void OutputPrinter::FlushLine(const Key& key, LineSplitter* splitter) {
  const auto& [task, stream] = key;
  std::string lines;
  splitter->Flush([&, prefix = Prefix(task, stream)](std::string_view line) {
    lines.append(prefix).append(line).append("\n");
  });
  if (!lines.empty()) Write(stream, lines);
}

void OutputPrinter::Write(v1::OutputStream stream, std::string_view bytes) {
  if (stream == v1::OUTPUT_STREAM_STDERR && mode_ != Mode::kAllToOut) {
    console_.Err(bytes);
  } else {
    console_.Out(bytes);
  }
}

std::string OutputPrinter::Prefix(const std::string& task, v1::OutputStream stream) const {
  const bool colors =
      stream == v1::OUTPUT_STREAM_STDERR ? console_.err_has_colors() : console_.out_has_colors();
  if (!colors) return Printable(task) + " | ";
  const std::string_view color = kColors[std::hash<std::string>()(task) % kColors.size()];
  return std::string(color) + Printable(task) + " |\x1b[0m ";
}

}  // namespace covey::cli
