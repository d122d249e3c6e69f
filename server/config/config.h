#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/pool_table.h"
#include "core/engine/retention.h"

namespace covey {

// What SIGTERM does to groups that belong to no call.
enum class OnStop : uint8_t { kSuspend, kCancel };

// What is told, and how.
struct LogConfig {
  std::string level = "info";
  std::vector<std::string> levels;  // "PART=LEVEL", for parts with a level of their own
  bool json = false;

  bool operator==(const LogConfig&) const = default;
};

// How the daemon runs. settings.h has the key, the flag and the range of each member.
struct Config {
  std::vector<std::string> listen;  // "unix:/path" or "HOST:PORT"
  bool insecure_listen = false;     // allow TCP, where everybody who reaches it runs commands
  std::string http_listen;          // the same, for HTTP; empty: not served
  uint32_t socket_mode = 0600;
  std::string socket_group;  // empty: that of the process
  std::string data_dir;
  std::string journal = "sqlite";
  bool durable = true;
  OnStop on_stop = OnStop::kSuspend;
  std::chrono::milliseconds stop_timeout{9'000};   // of the whole stop: `docker stop` waits for 10 s
  std::chrono::milliseconds drain_timeout{4'500};  // of that; half of it counts when this is more
  std::vector<PoolConfig> pools;                   // each name once
  size_t max_queued = 1'000'000;
  size_t max_queued_bytes = size_t{256} << 20;
  size_t max_group_memory = size_t{48} << 20;        // of what groups hold that the journal holds as well
  size_t max_request_memory = size_t{24} << 20;      // of requests that are being handled
  size_t max_connection_memory = size_t{256} << 20;  // of gRPC's buffers
  size_t max_stream_memory = size_t{48} << 20;       // of messages of streams that are on their way
  size_t output_limit = size_t{1} << 20;        // bytes kept of the head, and of the tail, of each stream
  std::chrono::milliseconds reader_timeout{0};  // 0: none
  Retention::Bounds retain;                     // of groups that are over
  int queues = 1;
  bool use_cgroups = true;
  LogConfig log;

  bool operator==(const Config&) const = default;
};

}  // namespace covey
