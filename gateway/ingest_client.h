// The gateway's one stream to the hub, and the senders that wait for its receipts.
//
// A delivery's life: Deliver() encodes it and puts it into the window; whoever finds no write in
// flight joins all that waits into one message and sends it, unless the hub has its hands full and
// more is worth waiting for, a millisecond at most; the receipt's arrival calls back. No thread
// waits for it. When the stream ends, what has no receipt is sent again on the next one. Sending
// twice is safe: the hub recognises the digest.
//
// Invariants: (1) at most one stream, and one write on it; (2) a delivery that Deliver() took is
//             sent until it has a receipt, whatever Deliver() returned and whether or not its
//             caller still cares, unless the window's limits push it out (IngestWindow).
// Threads:    any. One of its own opens streams and looks after deadlines.

#ifndef INCIDENTHUB_GATEWAY_INGEST_CLIENT_H_
#define INCIDENTHUB_GATEWAY_INGEST_CLIENT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/hub_credentials.h"
#include "gateway/ingest_window.h"
#include "gateway/metrics.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// Between two streams that ended at once; the first try is immediate, the rest random parts of a
// delay that doubles up to this.
inline constexpr absl::Duration kReconnectDelayMax = absl::Milliseconds(800);

struct IngestClientOptions {
  // HOST:PORT.
  std::string hub;
  // What to prove to the hub, and what it has to prove. Null: plain text, and nothing.
  std::shared_ptr<HubCredentials> credentials;
  IngestWindow::Limits window;
  // From a request's start: how long it is held while there is no stream, or the hub rejects for
  // now.
  absl::Duration hold;
  // From a request's start: how long it waits for a receipt. Longer than `hold`.
  absl::Duration answer_timeout;
};

class IngestClient {
 public:
  // Returns at once, connected or not. `metrics` must outlive it.
  static std::unique_ptr<IngestClient> Start(IngestClientOptions options, Metrics* metrics);

  // As Stop().
  virtual ~IngestClient() = default;

  // Hands over a delivery. Sets its id. `start`: when its request began. `done` is called once,
  // with the receipt, which is no rejection, or an error: on any thread, holding no lock, maybe
  // before this returns. It must not block.
  //
  // RESOURCE_EXHAUSTED: OVERLOADED, the window is full; INVALID_ARGUMENT: EVENT_TOO_LARGE, above
  // kRequestBytesMax. In both cases it was not taken. All others are about a delivery that was
  // taken. UNAVAILABLE: HUB_UNAVAILABLE, there was no stream during `hold`, or the hub's own reason
  // and RetryInfo if it rejected for as long; DRAINING, Stop() was called. DEADLINE_EXCEEDED:
  // OUTCOME_UNKNOWN. Anything else: the hub's final rejection.
  virtual void Deliver(v1::Delivery delivery, absl::Time start, ReceiptCallback done) = 0;

  // OK while a stream is up; otherwise UNAVAILABLE, since when and why.
  virtual absl::Status Ready() const = 0;

  virtual Metrics::Gauges gauges() const = 0;

  // Waits until every delivery has its receipt. False: `deadline` passed first.
  virtual bool Drain(absl::Time deadline) = 0;

  // Ends the waits and the stream: when it returns, every `done` was called. What is still in the
  // window is lost, and logged. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_INGEST_CLIENT_H_
