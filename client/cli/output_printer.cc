#include "client/cli/output_printer.h"

#include <array>
#include <functional>

#include "client/cli/chunk_parts.h"
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
  if (cuts_lines()) {
    PrintLines(chunk, stream, &place->second);
  } else if (!chunk.data().empty()) {
    Write(stream, chunk.data());
  }
  if (chunk.dropped() > 0) {
    console_.Note("task " + Printable(chunk.task()) + ": " + Plural(chunk.dropped(), "byte") + " of " +
                  (stream == v1::OUTPUT_STREAM_STDERR ? "stderr" : "stdout") + " before offset " +
                  std::to_string(chunk.offset()) + (chunk.dropped() == 1 ? " was" : " were") + " not kept");
  }
  if (place->second.splitter.empty()) partial_.erase(place);
}

void OutputPrinter::PrintLines(const v1::OutputChunk& chunk, v1::OutputStream stream, Partial* partial) {
  const std::string prefix = Prefix(chunk.task(), stream);
  LineSplitter& splitter = partial->splitter;
  std::string lines;
  std::string now;
  const auto add = [&](std::string_view line) {
    lines.append(partial->time).append(prefix).append(line).append("\n");
    partial->time = now;
  };
  // A line that lost its middle must not look whole.
  if (chunk.dropped() > 0) splitter.Flush(add);
  if (stamp_) {
    ForEachPart(chunk, [&](std::string_view bytes, const google::protobuf::Timestamp* time) {
      now = stamp_(time) + " ";
      if (splitter.empty()) partial->time = now;
      splitter.Feed(bytes, add);
    });
  } else {
    splitter.Feed(chunk.data(), add);
  }
  if (chunk.end()) splitter.Flush(add);
  if (!lines.empty()) Write(stream, lines);
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
  for (auto& [key, partial] : partial_) FlushLine(key, &partial);
  partial_.clear();
}

void OutputPrinter::FlushLine(const Key& key, Partial* partial) {
  const auto& [task, stream] = key;
  std::string lines;
  partial->splitter.Flush([&, prefix = Prefix(task, stream)](std::string_view line) {
    lines.append(partial->time).append(prefix).append(line).append("\n");
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
  if (mode_ != Mode::kNamed) return {};
  const bool colors =
      stream == v1::OUTPUT_STREAM_STDERR ? console_.err_has_colors() : console_.out_has_colors();
  if (!colors) return Printable(task) + " | ";
  const std::string_view color = kColors[std::hash<std::string>()(task) % kColors.size()];
  return std::string(color) + Printable(task) + " |\x1b[0m ";
}

}  // namespace covey::cli
