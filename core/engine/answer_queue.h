#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace covey {

// Takes the journal's answers off its thread, so that it can commit on while what they release (starts,
// replies, grants) is carried out. Answers are collected as they come and handed over once a batch: waking
// another thread costs more than most of what it is then to do.
//
// Thread safety: all of it. Work runs in the order of its Post, with no lock held.
class AnswerQueue {
 public:
  enum class Runs {
    kOnAThread,  // of the queue's own
    kOnFlush,    // on the thread that calls Flush
  };

  explicit AnswerQueue(Runs runs);
  // Stops. May come from work of its own: what it holds may hold the queue.
  ~AnswerQueue();
  AnswerQueue(const AnswerQueue&) = delete;
  AnswerQueue& operator=(const AnswerQueue&) = delete;

  void Post(std::function<void()> work);
  // What is to follow all that is handed over with it, and what of that is under way. Runs like work.
  void PostLast(std::function<void()> work);
  // Hands over what was posted. After each batch of answers, and by whoever was answered at once.
  void Flush();
  // Carries out what was posted and ends the thread: what comes later runs on the thread that calls Flush.
  // Returns when no work is under way, but for that of the caller. Idempotent.
  void Stop();

 private:
  struct State;

  static void Loop(State& state);

  const std::shared_ptr<State> state_;  // the thread's as well
  std::thread thread_;
};

}  // namespace covey
