// covey_search QUERY: asks a web, an image and a video search at once, each of them a few replicas of which
// the first answer counts, on one pool of 8 and within a second. The library alone: no daemon.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include "covey/run.h"

namespace {

using std::chrono::milliseconds;

// A replica that takes its time, and gives up when nobody wants its answer any more.
covey::Status Ask(const covey::Context& context, const std::string& kind, int replica,
                  const std::string& query, std::string* answer) {
  // Replica 2 is quick, replica 3 is down.
  if (replica == 3) return covey::Status::Error("connection refused");
  if (context.WaitFor(milliseconds(replica == 2 ? 20 : 400))) return context.cause();
  *answer = kind + " results for '" + query + "' from replica " + std::to_string(replica);
  return covey::Status::Ok();
}

// The first of three replicas to answer; the others are cancelled and have stopped when this returns.
covey::Status FirstOf(const covey::Context& context, const std::shared_ptr<covey::Pool>& pool,
                      const std::string& kind, const std::string& query, std::string* answer) {
  std::array<std::string, 3> answers;  // of each replica; alive until all have stopped
  covey::Group replicas({.pool = pool, .policy = covey::Policy::kAny, .context = context});
  for (int replica = 1; replica <= 3; ++replica) {
    std::string* const mine = &answers[static_cast<size_t>(replica - 1)];
    const covey::Status started =
        replicas.Go([=](const covey::Context& own) { return Ask(own, kind, replica, query, mine); },
                    kind + "/" + std::to_string(replica));
    if (!started.ok()) break;  // decided already: Wait says how
  }
  if (covey::Status status = replicas.Wait(); !status.ok()) return status;
  for (const std::string& candidate : answers) {
    if (!candidate.empty()) *answer = candidate;
  }
  return covey::Status::Ok();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string query = argc > 1 ? argv[1] : "covey";
  const auto pool = covey::Pool::New(8);
  const std::array<std::string, 3> kinds = {"web", "image", "video"};
  std::array<std::string, 3> answers;

  // The three searches wait for their replicas, so they run on the unbounded default pool: a task that waits
  // for others must not hold the slots that those need.
  covey::Group searches({.timeout = std::chrono::seconds(1)});
  for (size_t i = 0; i < kinds.size(); ++i) {
    const covey::Status started = searches.Go(
        [&, i](const covey::Context& context) {
          return FirstOf(context, pool, kinds[i], query, &answers[i]);
        },
        kinds[i]);
    if (!started.ok()) break;
  }
  if (const covey::Status status = searches.Wait(); !status.ok()) {
    std::fprintf(stderr, "search: %s\n", status.ToString().c_str());
    return 1;
  }
  for (size_t i = 0; i < kinds.size(); ++i) std::printf("%s: %s\n", kinds[i].c_str(), answers[i].c_str());
  std::printf("all three answered\n");
  return 0;
}
