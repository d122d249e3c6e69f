#include "server/config/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text/nearest.h"
#include "server/config/settings.h"

namespace covey {
namespace {

// How a message tells what was found.
std::string Found(const toml::node& node) {
  if (const auto* text = node.as_string()) return "the string " + TomlString(text->get());
  if (const auto* number = node.as_integer()) return "the number " + std::to_string(number->get());
  if (const auto* on = node.as_boolean()) return on->get() ? "true" : "false";
  if (node.is_floating_point()) return "a number with a fraction";
  if (node.is_array()) return "an array";
  if (node.is_table()) return "a table";
  return "a date or a time";
}

// The parser's words, and what it found, may have any bytes of the file in them, and many.
std::string OneLine(std::string text) {
  constexpr size_t kLongest = 1000;
  text = Shorten(std::move(text), kLongest);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }, '?');
  return text;
}

// What a setting takes; nullopt for a value of another type than its own.
std::optional<std::string> TextOf(Setting::Kind kind, const toml::node& node) {
  if (kind == Setting::Kind::kNumber) {
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
  } else if (kind == Setting::Kind::kSwitch) {
    if (const auto* on = node.as_boolean()) return on->get() ? "true" : "false";
  } else if (const auto* text = node.as_string()) {
    // Paths and names go to the system, which would take a zero byte for their end.
    if (text->get().find('\0') == std::string::npos) return text->get();
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(std::string name, Config* config, std::map<std::string, std::string>* lines)
      : name_(std::move(name)), config_(config), lines_(lines) {}

  std::vector<ConfigProblem> Read(std::string_view text) {
    toml::table table;
    try {
      table = toml::parse(text);
    } catch (const toml::parse_error& error) {
      Refuse(error.source(), "", "is no TOML: " + std::string(error.description()));
      return std::move(problems_);
    }
    // The table is in the order of its keys; people read from top to bottom.
    std::vector<std::pair<const toml::key*, const toml::node*>> entries;
    for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.first->source().begin.line < b.first->source().begin.line;
    });
    for (const auto& [key, node] : entries) ReadEntry(*key, *node);
    return std::move(problems_);
  }

 private:
  std::string Place(const toml::source_region& region) const {
    return name_ + ":" + std::to_string(region.begin.line);
  }

  void Refuse(const toml::source_region& region, std::string key, std::string description) {
    problems_.push_back({Place(region), std::move(key), OneLine(std::move(description))});
  }

  void ReadEntry(const toml::key& key, const toml::node& node) {
    const Setting* setting = FindSetting(key.str());
    if (setting == nullptr) {
      Refuse(key.source(), Shown(key.str()), "is no key of the configuration" + Hint(key.str()));
      return;
    }
    if (setting->kind == Setting::Kind::kPools) {
      ReadPools(node);
      return;
    }
    if (setting->kind == Setting::Kind::kList) {
      ReadList(*setting, node);
    } else {
      ReadValue(*setting, std::string(setting->key), node);
    }
    lines_->insert_or_assign(std::string(setting->key), Place(key.source()));
  }

  static std::string Hint(std::string_view key) {
    std::vector<std::string_view> keys;
    std::string all;
    for (const Setting& setting : Settings()) {
      keys.push_back(setting.key);
      all += (all.empty() ? "" : ", ") + std::string(setting.key);
    }
    const std::string_view near = Nearest(key, keys);
    return near.empty() ? ": there are " + all : "; the nearest is " + std::string(near);
  }

  // `key` as messages have it: that of the setting, or that with an index.
  void ReadValue(const Setting& setting, const std::string& key, const toml::node& node) {
    const std::optional<std::string> text = TextOf(setting.kind, node);
    Problem problem = setting.set(text.value_or(""), config_);  // refuses "", and says what would be right
    if (problem.empty()) return;
    const bool quotes = setting.kind != Setting::Kind::kNumber && setting.kind != Setting::Kind::kSwitch;
    if (quotes && !text) problem += ", as a string";
    Refuse(node.source(), key, problem + ", got " + (quotes && text ? Shown(*text) : Found(node)));
  }

  void ReadList(const Setting& setting, const toml::node& node) {
    const toml::array* values = node.as_array();
    if (values == nullptr || values->empty()) {
      Refuse(node.source(), std::string(setting.key),
             "must be an array of one or more strings, got " +
                 (values == nullptr ? Found(node) : std::string("an empty one")));
      return;
    }
    size_t index = 0;
    for (const toml::node& value : *values) {
      ReadValue(setting, std::string(setting.key) + "[" + std::to_string(index++) + "]", value);
    }
  }

  void ReadPools(const toml::node& node) {
    const toml::table* pools = node.as_table();
    if (pools == nullptr) {
      Refuse(node.source(), "pools",
             "must be a table of integers, as in [pools] and default = 64, got " + Found(node));
      return;
    }
    for (const auto& [name, value] : *pools) {
      const std::string key = "pools." + std::string(name.str());
      const auto* max = value.as_integer();
      if (Problem problem = CheckPoolName(name.str()); !problem.empty()) {
        Refuse(name.source(), "pools." + Shown(name.str()), std::move(problem));
      } else if (problem = CheckPoolMax(max == nullptr ? 0 : max->get()); !problem.empty()) {
        Refuse(value.source(), key, problem + ", got " + Found(value));
      } else {
        SetPool(name.str(), static_cast<uint32_t>(max->get()), config_);
        lines_->insert_or_assign(key, Place(name.source()));
      }
    }
  }

  const std::string name_;
  Config* const config_;
  std::map<std::string, std::string>* const lines_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

std::string ConfigProblem::Text() const {
  std::string text = where;
  if (!key.empty() && key != where) text += (text.empty() ? "" : ": ") + key;
  // "--queues must be …", "coveyd.toml:3: queues must be …", "coveyd.toml:3: is no TOML …"
  const bool place_alone = !where.empty() && key.empty();
  return text + (place_alone ? ": " : text.empty() ? "" : " ") + description;
}

std::vector<ConfigProblem> ApplyConfigText(std::string_view text, const std::string& name, Config* config,
                                           std::map<std::string, std::string>* lines) {
  return Reader(name, config, lines).Read(text);
}

}  // namespace covey
