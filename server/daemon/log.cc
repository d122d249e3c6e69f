#include "server/daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "server/convert/utf8.h"

namespace covey {
namespace {

// The message in one line of UTF-8, whatever is in it: names of processes and files are any bytes. As text, or as
// the inside of a JSON string.
class Message final : public spdlog::custom_flag_formatter {
 public:
  explicit Message(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    static constexpr char kHex[] = "0123456789abcdef";
    for (const char c : ToUtf8({message.payload.data(), message.payload.size()})) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) {
        for (const char escape : {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 0x0F]})
          out.push_back(escape);
        continue;
      }
      if (json_ && (c == '"' || c == '\\')) out.push_back('\\');
      out.push_back(c);
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<Message>(json_);
  }

 private:
  const bool json_;
};

}  // namespace

void SetLog(spdlog::logger& log, const std::string& level, bool json) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Message>('*', json);
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":"%*"})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %*");
  log.set_formatter(std::move(formatter));
  log.set_level(spdlog::level::from_str(level));
}

std::shared_ptr<spdlog::logger> MakeLog(const std::string& level, bool json) {
  auto log = std::make_shared<spdlog::logger>("coveyd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  SetLog(*log, level, json);
  log->flush_on(spdlog::level::trace);
  return log;
}

}  // namespace covey
