// The steps of one webhook's way, each as a function that does it again and again: for the
// micro-benchmarks (time) and for the instruction budgets (work).
//
// They are calls into the code that the binaries run, on the documented sample; what is around them
// (HTTP, gRPC, wake-ups) is measured by incidenthub-load.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_HOT_PATH_H_
#define INCIDENTHUB_TESTS_BENCH_HOT_PATH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"

namespace incidenthub::bench {

struct Step {
  // As in the budgets' file.
  absl::string_view name;
  // How many webhooks, or events, one call is about.
  size_t batch = 1;
  absl::AnyInvocable<void()> run = nullptr;
  // Null, or to be called before so many calls of `run`, and not measured.
  absl::AnyInvocable<void(size_t calls)> prepare = nullptr;
};

// Commands and events that go together in one call of the steps that have batches.
inline constexpr size_t kHotPathBatch = 64;

class HotPath {
 public:
  // Ends the process if the hub's part cannot be set up, in a temporary directory.
  HotPath();
  ~HotPath();

  // Call once; they refer to this object. In the order in which a webhook meets them:
  //   decode         the body becomes a delivery; without its digest, which is OpenSSL's work
  //   encode         the delivery becomes bytes for the stream
  //   parse          the hub reads a message of the stream
  //   commit_first   parsed, decided, appended, synced, applied: a batch of new incidents
  //   commit_update  the same, of incidents that are known
  //   labels         what matchers look at, decoded from an event
  //   match          one event against one subscription's matchers
  //   fan_out        a batch of events becomes a message to a subscriber
  //   key            a sequence becomes a key, and back
  std::vector<Step> Steps();

 private:
  class Hub;

  Step CommitStep(absl::string_view name, bool known);

  std::string body_;
  std::unique_ptr<Hub> hub_;
  // Of the commits that are prepared.
  std::deque<std::string> messages_;
  size_t next_incident_ = 0;
  int64_t revision_ = 0;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_HOT_PATH_H_
