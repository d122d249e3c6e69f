#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/cli/top_view.h"

namespace covey::cli {

// What `covey top` looks at.
struct TopPlace {
  enum class Kind { kOverview, kGroup, kLogs };
  Kind kind = Kind::kOverview;
  std::string group;            // kGroup, kLogs
  std::string task;             // kLogs
  bool standard_error = false;  // kLogs

  bool operator==(const TopPlace& other) const {
    return kind == other.kind && group == other.group && task == other.task &&
           standard_error == other.standard_error;
  }
};

// What was seen there.
struct TopLook {
  TopPlace place;
  std::variant<TopSnapshot, TopGroup, TopLogs> seen;
};

// The state of `covey top`: where it is, how it lists, what is asked, and what keys do to it. Knows neither terminal
// nor daemon.
class TopModel {
 public:
  // What is to be done after a key.
  enum class Wish {
    kNothing,  // but to draw
    kLeave,
    kLook,    // at place()
    kCancel,  // cancelled()
  };
  struct Cancelled {
    std::string group;
    std::string task;  // empty: the whole group
  };

  // `key`: as LiveScreen tells it.
  Wish Press(int key);
  void Take(TopLook look);
  // One line below the screen, until the next key: what came of something.
  void Say(std::string note) { note_ = std::move(note); }
  // One line above: why what is shown is old; empty: it is not.
  void SayOld(std::string why) { old_ = std::move(why); }

  const TopPlace& place() const { return place_; }
  // Of kCancel.
  const Cancelled& cancelled() const { return cancelled_; }
  // Something of place() was seen.
  bool ready() const { return ready_; }
  // The screen: at most `space.rows` lines.
  std::string Text(const TopSpace& space) const;

 private:
  enum class Sort { kCreated, kName, kState, kDone, kRunning, kFailed, kRate, kTime };
  enum class Prompt { kNone, kFilter, kCancel, kHelp };

  Wish PressInPrompt(int key);
  Wish Open();
  Wish Back();
  Wish Go(TopPlace place);
  void Move(int by);
  Wish AskToCancel();
  void Choose();

  std::vector<const v1::Group*> Listed() const;
  std::vector<const v1::Task*> ListedTasks() const;
  // Ids of the rows as they are listed, by which one is selected.
  std::vector<std::string> Rows() const;
  size_t SelectedRow() const;
  std::string Footer() const;
  static std::string_view SortText(Sort sort);

  TopPlace place_;
  bool ready_ = false;
  std::optional<TopSnapshot> overview_;
  TopRates rates_;
  TopGroup group_;
  TopLogs logs_;

  Sort sort_ = Sort::kCreated;
  bool reverse_ = false;
  std::string filter_;
  std::string selected_;        // of the rows
  std::string selected_group_;  // of the overview, while another place is shown
  Prompt prompt_ = Prompt::kNone;
  Cancelled cancelled_;
  std::string note_;
  std::string old_;
};

}  // namespace covey::cli
