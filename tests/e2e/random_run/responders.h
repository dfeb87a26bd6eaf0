// Responders: acknowledge, take back and resolve incidents over gRPC, and send again what they got
// no answer to.
//
// Threads: any, all methods. One of its own a responder.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RESPONDERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RESPONDERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/e2e/random_run/deliveries.h"
#include "tests/e2e/random_run/plan.h"

namespace incidenthub::testing {

enum class CommandKind { kAck, kUnack, kResolve };

struct CommandAnswer {
  absl::Time begin;
  absl::Time end;
  absl::Status status;
  // Of an OK.
  bool changed = false;
  // Of the incident in it.
  std::string incident_id;
  uint64_t sequence = 0;
  std::string etag;
};

// One command, and what each time that it was sent was answered.
struct Command {
  CommandKind kind = CommandKind::kAck;
  std::string incident_id;
  // In the cause of the event that it makes; no other command has the same.
  std::string note;
  // Empty: none.
  std::string request_id;
  std::string etag;
  // InfiniteFuture: none.
  absl::Time expire_time = absl::InfiniteFuture();
  std::vector<CommandAnswer> answers;
};

class Responders {
 public:
  Responders(const Plan& plan, int port, const Deliveries* deliveries);
  // As Finish().
  ~Responders();
  Responders(const Responders&) = delete;
  Responders& operator=(const Responders&) = delete;

  // Acknowledges these for a short while, one after the other.
  void AckForAWhile(const std::vector<std::string>& incident_ids) ABSL_LOCKS_EXCLUDED(mu_);

  // Each ends with the command that it is at.
  void Finish() ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Command> commands() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Responder;

  // False: it is time to end.
  bool Pause(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_);

  // Of AckForAWhile.
  std::unique_ptr<Responder> last_;

  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Command> commands_ ABSL_GUARDED_BY(mu_);
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RESPONDERS_H_
