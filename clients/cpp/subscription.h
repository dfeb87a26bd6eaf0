// Following a hub: one Subscribe stream after the other, resumed where the last one stopped.
//
// Guarantees:
// - Order: entries arrive in the hub's order, and none is skipped, across any number of reconnects.
// - At least once: after a reconnect the entries of one message may come again, those that were
//   handled when the stream broke in mid-message. `(incident id, event sequence)` tells a repeat;
//   IncidentSet ignores them.
// - Resume: a stream resumes by the newest token whose message was handled to its end. A program
//   that keeps Position::resume_token with its own results goes on after a restart with
//   SubscriptionStart::AfterToken. One that keeps nothing gives itself a name
//   (SubscriptionOptions::consumer), commits tokens (IncidentClient::Commit), and goes on after
//   what it committed.
// - Liveness: a stream that is silent for three heartbeat intervals is given up and opened again.
// - Patience: waits between attempts have full jitter, and are what the hub asks for where it asks
//   (`draining`, RetryInfo). Errors that no retry can mend end the subscription (see IsRetryable).
//
// Threads:  Run() works on the thread that calls it, and calls the handler on it, one callback at
//           a time. Stop() and resume_token() may be called from any thread and from callbacks.
// Lifetime: may outlive the IncidentClient that made it; must outlive Run() and every call of
//           Stop().

#ifndef INCIDENTHUB_CLIENTS_CPP_SUBSCRIPTION_H_
#define INCIDENTHUB_CLIENTS_CPP_SUBSCRIPTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clients/cpp/backoff.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::client {

class HubStub;
class SubscribeStream;

// Longest time that a hub can make a client wait, and the longest heartbeat interval that a client
// believes in.
inline constexpr absl::Duration kServerDelayMax = absl::Minutes(5);
inline constexpr absl::Duration kHeartbeatIntervalMax = absl::Seconds(60);
// A stream that is silent for so many heartbeat intervals is dead.
inline constexpr int kSilentIntervalsMax = 3;

// Where a stream is.
struct Position {
  // Resume here once the callback has returned. While the entries of one message are handed out it
  // is the token of the message before, until the last of them: so a resume may repeat entries, and
  // never skips one.
  std::string resume_token;
  // The highest sequence that the hub had when it made the message.
  uint64_t head_sequence = 0;
};

// What a subscriber does about each kind of message. Every callback may be empty. A slow one slows
// only this subscription; it must not throw.
struct SubscriptionHandler {
  // A stream was opened: the first, or one after a reconnect.
  std::function<void(const v1::SubscribeResponse::Opened& opened, const Position& position)>
      on_opened = nullptr;
  // Drop all incidents held; a snapshot follows.
  std::function<void(const std::string& reason, const Position& position)> on_reset = nullptr;
  std::function<void(const v1::Entry& entry, const Position& position)> on_entry = nullptr;
  // From here on you hold every incident as it was at `sequence`.
  std::function<void(uint64_t sequence, const Position& position)> on_snapshot_end = nullptr;
  // The hub has dropped events that come next: of incidents that changed in
  // [from_sequence, to_sequence] only the newest event follows. Keep what you hold.
  std::function<void(const v1::SubscribeResponse::Compacted& compacted, const Position& position)>
      on_compacted = nullptr;
  // Nothing new up to `position`, or nothing that matches.
  std::function<void(const Position& position)> on_heartbeat = nullptr;
  // The stream ended with `status` (OK: the hub ended it in good order), and the next attempt is
  // made after `delay`.
  std::function<void(const absl::Status& status, absl::Duration delay)> on_disconnect = nullptr;
};

// Where a subscription begins. If nothing is said: where the consumer has committed, or without
// that with a snapshot.
class SubscriptionStart {
 public:
  // With the newest event of every incident; the consumer's position is forgotten.
  static SubscriptionStart Snapshot();
  // With the next event. What happens before the first `on_opened` is not seen.
  static SubscriptionStart FromNow();
  // After the message that this token came with.
  static SubscriptionStart AfterToken(std::string resume_token);

  // Sets `request`'s start, as its consumer, which is set, allows.
  void Fill(v1::SubscribeRequest* request) const;

  // Empty if it begins without one.
  const std::string& resume_token() const { return resume_token_; }

 private:
  bool snapshot_ = false;
  bool from_now_ = false;
  std::string resume_token_;
};

struct SubscriptionOptions {
  SubscriptionStart start{};
  // The name of the position that the hub keeps for this program: SubscribeRequest.consumer says
  // how. Empty: none. Another subscription of the same name ends this one, with ABORTED /
  // SUBSCRIPTION_TAKEN_OVER.
  std::string consumer{};
  // How long the hub may be silent: 1 to 60 seconds.
  absl::Duration heartbeat_interval = absl::Seconds(10);
  // From the beginning of an attempt to the hub's first message, connecting included.
  absl::Duration open_timeout = absl::Seconds(10);
  // A label for the hub's logs: the program's name, at most 128 bytes.
  std::string client{};
  // Which incidents to follow, those that all of these match (SubscribeRequest.matchers says how);
  // empty: all. A token in `start` is of a subscription with the same ones.
  std::vector<std::string> matchers{};
  // MODE_LATEST_ONLY: only the newest event of an incident that changed several times while this
  // program was busy, and LEFT without its event (clients/cpp/entry.h reads both kinds).
  v1::SubscribeRequest::Mode mode = v1::SubscribeRequest::MODE_EVERY_EVENT;
  // End with OUT_OF_RANGE rather than leave out events that the hub has dropped (`on_compacted`).
  // Only with MODE_EVERY_EVENT.
  bool require_history = false;
  BackoffOptions backoff{};
  // Numbers of [0, 1) for the jitter; called by Run()'s thread.
  std::function<double()> random = SystemRandom();
};

// Whether another attempt can succeed where one ended with `code`. No: what the request, its
// credentials or this client are to blame for, and ABORTED, by which a hub says that somebody else
// took over.
bool IsRetryable(absl::StatusCode code);

class Subscription {
 public:
  // Use IncidentClient::Subscribe.
  Subscription(std::shared_ptr<HubStub> stub, SubscriptionOptions options,
               SubscriptionHandler handler);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  // Follows the hub until Stop(), then returns OK; or until an error that no retry can mend, then
  // returns it.
  // REQUIRES: called once.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends Run() promptly, in whatever it is (a callback excepted, which is let finish); the rest of
  // a message in hand is not handed out and its token not taken. No callback begins after Stop()
  // was called by one. Before Run(): Run() returns at once.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The newest token whose message was handled to its end; until there is one, the start's. Empty:
  // it has none either.
  std::string resume_token() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What is known of one stream.
  struct StreamState {
    // How long the hub may be silent from here.
    absl::Duration silence_max;
    bool draining = false;
    absl::Duration drain_delay;
  };

  v1::SubscribeRequest MakeRequest() const;
  absl::Status RunStream(StreamState* state);
  // False: stopped before the message was handled to its end.
  bool Handle(const v1::SubscribeResponse& response, StreamState* state);
  bool HandleBatch(const v1::SubscribeResponse& response);
  absl::Duration ReconnectDelay(const absl::Status& status, const StreamState& state);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<HubStub> stub_;
  const SubscriptionOptions options_;
  const SubscriptionHandler handler_;
  Backoff backoff_;

  // Guards what Stop() and resume_token() share with Run(). Never held while a callback runs.
  mutable absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  // The stream that Run() is in, to be cancelled by Stop().
  SubscribeStream* stream_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::string resume_token_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_SUBSCRIPTION_H_
