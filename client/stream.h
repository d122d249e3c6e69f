#pragma once

#include "core/base/error.h"

namespace covey::client {

// The messages of one call, pulled one by one.
//
// Next is called by one thread at a time; Cancel by any thread, also while another one is in Next or Finish.
// Destroying a stream whose call is not over cancels the call and waits until it has ended locally.
template <typename In>
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // Waits for the next message. False when none will come: Finish says why.
  virtual bool Next(In* message) = 0;
  // Drops the messages that were not read, waits for the end of the call and returns how it ended; again the
  // same when called again.
  virtual Result<Void> Finish() = 0;
  // Ends the call at once, with kCancelled unless it had ended before.
  virtual void Cancel() = 0;
};

// A call with messages both ways. Write and HalfClose are called by one thread at a time, which need not be
// the one that reads.
template <typename Out, typename In>
class Duplex : public Stream<In> {
 public:
  // Waits for room. False when the call is over: Finish says why.
  virtual bool Write(const Out& message) = 0;
  // No Write follows. False when the call is over.
  virtual bool HalfClose() = 0;
};

// A call with many messages there and one answer back.
template <typename Out, typename In>
class Upload {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  virtual ~Upload() = default;

  // Waits for room. False when the call is over: Finish says why.
  virtual bool Write(const Out& message) = 0;
  // Ends the messages and waits for the answer. Called once.
  virtual Result<In> Finish() = 0;
  // Ends the call at once; from any thread.
  virtual void Cancel() = 0;
};

}  // namespace covey::client
