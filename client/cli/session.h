#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "client/cli/console.h"
#include "covey/client/client.h"
#include "covey/result.h"

namespace covey::cli {

// What every command gets: where to print, how, and which daemon to talk to.
class Session {
 public:
  Session(Console& console, bool json, std::string address)
      : console_(console), json_(json), address_(std::move(address)) {}

  Console& console() { return console_; }
  bool json() const { return json_; }
  // As typed; empty without --address.
  const std::string& address() const { return address_; }

  // The daemon of --address, COVEY_ADDRESS or the default socket. Starts threads.
  Result<client::Client> Connect(const client::ConnectOptions& options = {}) const {
    return client::Client::Connect(address_, options);
  }
  // True when it is on this machine.
  bool IsLocal() const;

  // Prints text, or one message as a line of JSON, to standard output.
  void Print(std::string_view text) { console_.Out(text); }
  void PrintJson(const google::protobuf::Message& message);
  // Prints an error as text or JSON to standard error and returns its exit code.
  int Fail(const Error& error);
  // `code`, unless standard output could not be written: then 141 or 1, with a note about what is no closed
  // pipe.
  int ExitWith(int code);

 private:
  Console& console_;
  const bool json_;
  const std::string address_;
};

}  // namespace covey::cli
