// One open Subscribe: moves what its Subscription hands out to the wire, one message at a time.
//
// Who may call Next on the subscription, and write, is one "pump" at a time: it begins when there
// is something to read and no write in flight, and goes on in OnWriteDone. The pump runs where it
// is called (gRPC's threads or the broadcaster's), and moves to the read pool when the store has to
// be asked. There it gives way to others after each reading that matched nothing.
//
// Lifetime: holds itself until OnDone; the broadcaster holds it weakly.
// Threads:  reactions may run concurrently; `mu_` guards everything but the subscription, which
// belongs to the pump.

#ifndef INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_
#define INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/fanout/broadcaster.h"
#include "server/fanout/subscription.h"
#include "server/rpc/read_pool.h"

namespace incidenthub {

class SubscribeReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                               public Subscriber,
                               public std::enable_shared_from_this<SubscribeReactor> {
 public:
  // All outlive every reactor.
  struct Environment {
    const EventSource* source = nullptr;
    const Generations* generations = nullptr;
    Broadcaster* broadcaster = nullptr;
    ReadPool* read_pool = nullptr;
    // Streams open, this one included; given back at the end.
    std::atomic<size_t>* open_streams = nullptr;
    // A stream whose client takes nothing of a message for this long is cancelled, within twice the
    // time, and counted.
    absl::Duration stuck_write_timeout = absl::InfiniteDuration();
    std::atomic<uint64_t>* stuck_writes = nullptr;
    // A stream that is this old, give or take a tenth, is ended for the client to open it anew,
    // maybe elsewhere.
    absl::Duration max_stream_age = absl::InfiniteDuration();
  };

  // Who subscribes, for log lines.
  struct Label {
    std::string client;
    std::string peer;
  };

  // Begins the stream of `context`. The result belongs to gRPC, and to itself.
  static SubscribeReactor* Start(const Environment& environment,
                                 grpc::CallbackServerContext* context, Label label,
                                 const Subscription::Start& start, SubscribeOptions options,
                                 absl::Duration heartbeat_interval);

  void OnPublished() override;
  absl::Time OnTick(absl::Time now) override;
  void OnDrain() override;

 private:
  SubscribeReactor(const Environment& environment, grpc::CallbackServerContext* context,
                   Label label, const Subscription::Start& start, SubscribeOptions options,
                   absl::Duration heartbeat_interval);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Becomes the pump unless there is one, which is then told to look again.
  void PumpIfIdle() ABSL_LOCKS_EXCLUDED(mu_);
  // REQUIRES: the caller is the pump.
  void Pump(bool may_read_store) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends `message` and ends being the pump, unless the stream is finished.
  void Write(grpc::ByteBuffer message) ABSL_LOCKS_EXCLUDED(mu_);
  grpc::ByteBuffer ToMessage(const Subscription::Outgoing& outgoing) const;
  grpc::ByteBuffer Heartbeat() const;
  static grpc::ByteBuffer Draining();
  // Goes on in the read pool, behind whoever waits there; with a heartbeat first if one is due.
  // REQUIRES: the caller is the pump.
  void YieldPump() ABSL_LOCKS_EXCLUDED(mu_);
  // What to do when nothing is left to read; empty: nothing.
  enum class Idle { kWait, kLookAgain, kHeartbeat, kGiveUp };
  Idle AtEnd() ABSL_LOCKS_EXCLUDED(mu_);
  // Cancels the stream: OnCancel and OnWriteDone follow. REQUIRES: `cancelling_`.
  void CancelStuck() ABSL_LOCKS_EXCLUDED(mu_);
  void FinishOnce(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const Environment environment_;
  // gRPC's, until OnDone.
  grpc::CallbackServerContext* const context_;
  const Label label_;
  const absl::Duration heartbeat_interval_;
  // The pump's alone.
  Subscription subscription_;

  absl::Mutex mu_;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  bool write_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time write_started_ ABSL_GUARDED_BY(mu_);
  // The stream is to end: since the hub does, or, if rotating, since the stream is old.
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool rotating_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_sent_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time rotation_due_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  // When the subscription, which awaits its token's place, has waited for long enough.
  absl::Time await_due_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // The context is in use, and has to outlive that: Finish, with this status, waits for it.
  bool cancelling_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status finish_status_ ABSL_GUARDED_BY(mu_);
  // When the hub has been silent for long enough.
  absl::Time heartbeat_due_ ABSL_GUARDED_BY(mu_);
  // What is being written; untouched until OnWriteDone.
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mu_);
  Broadcaster::Registration registration_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<SubscribeReactor> self_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_
