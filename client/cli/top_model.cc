#include "client/cli/top_model.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/live_screen.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr int kPageRows = 10;

constexpr std::string_view kTopKeys =
    "up, down, j, k     select a row\n"
    "page up, page down ten rows; home, end: all the way\n"
    "enter, right       open the group; of a task, what it wrote\n"
    "left, backspace    back\n"
    "s, r               sort by the next column; the other way round\n"
    "/                  show what contains a text; enter: done, escape: all again\n"
    "c                  cancel the selected group or task: asks\n"
    "e                  standard error instead of standard output, and back\n"
    "?                  this help; any key: back\n"
    "q, Ctrl-C          leave, at once (while a filter is typed, q is text)\n"
    "Ctrl-Z             stop; fg goes on\n";

bool HasPart(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

double DoneShare(const v1::Group& group) {
  const v1::TaskCounts& tasks = group.tasks();
  const double ended = tasks.succeeded() + tasks.failed() + tasks.stopped();
  return tasks.submitted() == 0 ? 0 : ended / tasks.submitted();
}

int64_t CreatedAt(const v1::Group& group) {
  constexpr int64_t kNanos = 1'000'000'000;
  return group.create_time().seconds() * kNanos + group.create_time().nanos();
}

std::string TargetText(const TopModel::Cancelled& target) {
  return target.task.empty() ? "group " + Printable(target.group) : "task " + Printable(target.task);
}

}  // namespace

std::string_view TopModel::SortText(Sort sort) {
  switch (sort) {
    case Sort::kName:
      return "name";
    case Sort::kState:
      return "state";
    case Sort::kDone:
      return "done";
    case Sort::kRunning:
      return "running";
    case Sort::kFailed:
      return "failed";
    case Sort::kRate:
      return "rate";
    case Sort::kTime:
      return "time";
    case Sort::kCreated:
      break;
  }
  return "created";
}

std::vector<const v1::Group*> TopModel::Listed() const {
  std::vector<const v1::Group*> groups;
  for (const v1::Group& group : overview_->groups) {
    const bool fits = HasPart(group.id(), filter_) || HasPart(group.spec().name(), filter_) ||
                      HasPart(StateText(group.state()), filter_) || HasPart(group.command(), filter_);
    if (fits) groups.push_back(&group);
  }
  const auto rate = [this](const v1::Group& group) {
    const auto found = rates_.find(group.id());
    return found == rates_.end() ? 0 : found->second;
  };
  // True when `a` is listed before `b`: the most, and the newest, first; names from a to z.
  const auto before = [&](const v1::Group* a, const v1::Group* b) {
    switch (sort_) {
      case Sort::kName:
        return a->spec().name() < b->spec().name();
      case Sort::kState:
        return a->state() < b->state();
      case Sort::kDone:
        return DoneShare(*a) > DoneShare(*b);
      case Sort::kRunning:
        return a->tasks().running() > b->tasks().running();
      case Sort::kFailed:
        return a->tasks().failed() > b->tasks().failed();
      case Sort::kRate:
        return rate(*a) > rate(*b);
      case Sort::kTime:
        return CreatedAt(*a) < CreatedAt(*b);
      case Sort::kCreated:
        break;
    }
    return CreatedAt(*a) > CreatedAt(*b);
  };
  std::stable_sort(groups.begin(), groups.end(), before);
  if (reverse_) std::reverse(groups.begin(), groups.end());
  return groups;
}

std::vector<const v1::Task*> TopModel::ListedTasks() const {
  std::vector<const v1::Task*> tasks;
  for (const v1::Task& task : group_.tasks) {
    const bool fits = HasPart(task.name(), filter_) || HasPart(StateText(task.state()), filter_) ||
                      HasPart(WorkText(task.spec()), filter_);
    if (fits) tasks.push_back(&task);
  }
  const auto before = [this](const v1::Task* a, const v1::Task* b) {
    switch (sort_) {
      case Sort::kName:
        return a->name() < b->name();
      case Sort::kState:
      case Sort::kFailed:
      case Sort::kRunning:
        return a->state() < b->state();
      default:
        return a->index() < b->index();
    }
  };
  std::stable_sort(tasks.begin(), tasks.end(), before);
  if (reverse_) std::reverse(tasks.begin(), tasks.end());
  return tasks;
}

std::vector<std::string> TopModel::Rows() const {
  std::vector<std::string> rows;
  if (!ready_ || place_.kind == TopPlace::Kind::kLogs) return rows;
  if (place_.kind == TopPlace::Kind::kOverview) {
    for (const v1::Group* group : Listed()) rows.push_back(group->id());
  } else {
    for (const v1::Task* task : ListedTasks()) rows.push_back(task->name());
  }
  return rows;
}

size_t TopModel::SelectedRow() const {
  const std::vector<std::string> rows = Rows();
  const auto found = std::find(rows.begin(), rows.end(), selected_);
  return found == rows.end() ? 0 : static_cast<size_t>(found - rows.begin());
}

void TopModel::Choose() {
  const std::vector<std::string> rows = Rows();
  if (rows.empty()) return;
  if (std::find(rows.begin(), rows.end(), selected_) == rows.end()) selected_ = rows[0];
}

void TopModel::Move(int by) {
  const std::vector<std::string> rows = Rows();
  if (rows.empty()) return;
  const auto last = static_cast<int64_t>(rows.size()) - 1;
  const int64_t row = std::clamp<int64_t>(static_cast<int64_t>(SelectedRow()) + by, 0, last);
  selected_ = rows[static_cast<size_t>(row)];
}

TopModel::Wish TopModel::Go(TopPlace place) {
  place_ = std::move(place);
  ready_ = false;
  filter_.clear();
  return Wish::kLook;
}

TopModel::Wish TopModel::Open() {
  if (selected_.empty() || Rows().empty()) return Wish::kNothing;
  if (place_.kind == TopPlace::Kind::kOverview) {
    selected_group_ = std::exchange(selected_, "");
    return Go({.kind = TopPlace::Kind::kGroup, .group = selected_group_, .task = {}});
  }
  if (place_.kind == TopPlace::Kind::kGroup)
    return Go({.kind = TopPlace::Kind::kLogs, .group = place_.group, .task = selected_});
  return Wish::kNothing;
}

TopModel::Wish TopModel::Back() {
  if (!filter_.empty()) {
    filter_.clear();
    return Wish::kNothing;
  }
  if (place_.kind == TopPlace::Kind::kLogs)
    return Go({.kind = TopPlace::Kind::kGroup, .group = place_.group, .task = {}});
  if (place_.kind == TopPlace::Kind::kOverview) return Wish::kNothing;
  selected_ = selected_group_;
  return Go({});
}

TopModel::Wish TopModel::AskToCancel() {
  cancelled_ = {};
  if (place_.kind == TopPlace::Kind::kOverview) {
    if (Rows().empty()) return Wish::kNothing;
    cancelled_.group = selected_;
  } else if (place_.kind == TopPlace::Kind::kGroup) {
    if (Rows().empty()) return Wish::kNothing;
    cancelled_ = {.group = place_.group, .task = selected_};
  } else {
    cancelled_ = {.group = place_.group, .task = place_.task};
  }
  prompt_ = Prompt::kCancel;
  return Wish::kNothing;
}

TopModel::Wish TopModel::PressInPrompt(int key) {
  if (prompt_ == Prompt::kCancel || prompt_ == Prompt::kHelp) {
    const bool yes = prompt_ == Prompt::kCancel && (key == 'y' || key == 'Y');
    prompt_ = Prompt::kNone;
    if (key == 'q' || key == 'Q') return Wish::kLeave;
    return yes ? Wish::kCancel : Wish::kNothing;
  }
  constexpr size_t kLongestFilter = 64;
  if (key == LiveScreen::kEnter) {
    prompt_ = Prompt::kNone;
  } else if (key == LiveScreen::kEscape) {
    prompt_ = Prompt::kNone;
    filter_.clear();
  } else if (key == LiveScreen::kBackspace) {
    // A whole character of UTF-8.
    while (!filter_.empty() && (static_cast<unsigned char>(filter_.back()) & 0xC0) == 0x80)
      filter_.pop_back();
    if (!filter_.empty()) filter_.pop_back();
  } else if (key >= ' ' && key < LiveScreen::kUp && filter_.size() < kLongestFilter) {
    filter_ += static_cast<char>(key);
  }
  Choose();
  return Wish::kNothing;
}

TopModel::Wish TopModel::Press(int key) {
  note_.clear();
  if (prompt_ != Prompt::kNone) return PressInPrompt(key);
  switch (key) {
    case 'q':
    case 'Q':
      return Wish::kLeave;
    case '?':
    case 'h':
      prompt_ = Prompt::kHelp;
      break;
    case '/':
      prompt_ = Prompt::kFilter;
      break;
    case 's':
      sort_ = sort_ == Sort::kTime ? Sort::kCreated : static_cast<Sort>(static_cast<int>(sort_) + 1);
      break;
    case 'r':
      reverse_ = !reverse_;
      break;
    case 'c':
      return AskToCancel();
    case 'e':
      if (place_.kind != TopPlace::Kind::kLogs) break;
      place_.standard_error = !place_.standard_error;
      return Wish::kLook;
    case LiveScreen::kUp:
    case 'k':
      Move(-1);
      break;
    case LiveScreen::kDown:
    case 'j':
      Move(1);
      break;
    case LiveScreen::kPageUp:
      Move(-kPageRows);
      break;
    case LiveScreen::kPageDown:
      Move(kPageRows);
      break;
    case LiveScreen::kHome:
      Move(-1'000'000);
      break;
    case LiveScreen::kEnd:
      Move(1'000'000);
      break;
    case LiveScreen::kEnter:
    case LiveScreen::kRight:
      return Open();
    case LiveScreen::kLeft:
    case LiveScreen::kBackspace:
    case LiveScreen::kEscape:
      return Back();
    default:
      break;
  }
  return Wish::kNothing;
}

void TopModel::Take(TopLook look) {
  old_.clear();
  if (auto* snapshot = std::get_if<TopSnapshot>(&look.seen)) {
    if (overview_) rates_ = RatesBetween(*overview_, *snapshot);
    overview_ = std::move(*snapshot);
  } else if (!(look.place == place_)) {
    return;  // of where it no longer is
  } else if (auto* group = std::get_if<TopGroup>(&look.seen)) {
    group_ = std::move(*group);
  } else {
    logs_ = std::move(std::get<TopLogs>(look.seen));
  }
  if (look.place == place_) ready_ = true;
  Choose();
}

std::string TopModel::Footer() const {
  if (prompt_ == Prompt::kFilter) return "/" + Printable(filter_) + "_";
  if (prompt_ == Prompt::kCancel) return "cancel " + TargetText(cancelled_) + "? y/n";
  if (!note_.empty()) return note_;
  std::string text = "q leaves  ? help";
  if (place_.kind == TopPlace::Kind::kLogs) return text + "  left: back  e: other stream";
  if (!filter_.empty()) text += "  /" + Printable(filter_);
  text += "  by " + std::string(SortText(sort_)) + (reverse_ ? ", reversed" : "");
  return text + (place_.kind == TopPlace::Kind::kGroup ? "  left: back" : "");
}

std::string TopModel::Text(const TopSpace& space) const {
  TopSpace above = space;
  const auto cut = [&space](std::string_view line) { return Cut(line, space.columns); };
  std::string text;
  if (!old_.empty() && above.rows > 1) {
    text += cut(old_) + "\n";
    --above.rows;
  }
  if (above.rows > 1) --above.rows;  // of the footer
  if (prompt_ == Prompt::kHelp) {
    std::string_view keys = kTopKeys;
    for (size_t row = 0; row < above.rows && !keys.empty(); ++row) {
      const size_t end = std::min(keys.find('\n'), keys.size());
      text += cut(keys.substr(0, end)) + "\n";
      keys.remove_prefix(std::min(end + 1, keys.size()));
    }
  } else if (!ready_) {
    text += "…\n";
  } else if (place_.kind == TopPlace::Kind::kOverview) {
    text += TopOverviewText(*overview_, Listed(), rates_, SelectedRow(), above);
  } else if (place_.kind == TopPlace::Kind::kGroup) {
    text += TopGroupText(group_, ListedTasks(), SelectedRow(), above);
  } else {
    text += TopLogsText(logs_, above);
  }
  // At the bottom.
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  if (space.rows > lines + 1) text.append(space.rows - lines - 1, '\n');
  return text + cut(Footer()) + "\n";
}

}  // namespace covey::cli
