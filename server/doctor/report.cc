#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "server/convert/utf8.h"
#include "server/doctor/judge.h"

namespace covey::doctor {
namespace {

// By Finding::Level.
constexpr std::array<std::string_view, 5> kLevelNames{"", "ok", "note", "warning", "error"};
constexpr size_t kLevelColumn = 9;
constexpr size_t kCheckColumn = 15;

std::string Padded(std::string_view text, size_t width) {
  std::string padded(text);
  padded.resize(std::max(width, padded.size() + 1), ' ');
  return padded;
}

// For a terminal: paths and files may hold what it would obey.
std::string Shown(const std::string& bytes) {
  std::string shown;
  for (const char c : ToUtf8(bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return shown;
}

}  // namespace

v1::DiagnoseResponse ToProto(const std::vector<Finding>& findings) {
  v1::DiagnoseResponse response;
  for (const Finding& finding : findings) {
    v1::Finding& out = *response.add_findings();
    out.set_level(static_cast<v1::FindingLevel>(finding.level));
    out.set_check(finding.check);
    out.set_message(ToUtf8(finding.message));
    out.set_advice(ToUtf8(finding.advice));
  }
  return response;
}

std::string Text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += Padded(kLevelNames[static_cast<size_t>(finding.level)], kLevelColumn) +
            Padded(finding.check, kCheckColumn) + Shown(finding.message) + "\n";
    if (!finding.advice.empty())
      text += std::string(kLevelColumn + kCheckColumn, ' ') + Shown(finding.advice) + "\n";
  }
  return text;
}

}  // namespace covey::doctor
