// One open Subscribe: moves what its Subscription hands out to the wire, one message at a time.
//
// Who may call Next on the subscription, and write, is one "pump" at a time: it begins when there
// is something to read and no write in flight, and goes on in OnWriteDone. The pump runs where it
// is called (gRPC's threads or the broadcaster's), and moves to the read pool when the store has to
// be asked. There it gives way to others after each reading that matched nothing.
//
// The stream of a consumer is opened in the read pool, since that writes: the consumer is its own,
// durably, and an older stream of it sends nothing more, before `opened` is sent. So is the
// position forgotten before a `reset` is.
//
// A call that its client gave up must not take the consumer from the call that the client made
// next. gRPC may hand out the two the wrong way round; but then the first one's cancellation was
// read before the second one's headers, and the first cannot send headers any more. So a consumer's
// stream sends them at once, and is opened only if that succeeds.
//
// Lifetime: holds itself until OnDone; the broadcaster and the list of live subscriptions hold it
//           weakly.
// Threads:  reactions may run concurrently; `mu_` guards everything but the subscription and the
//           consumer, which belong to the pump.

#ifndef INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_
#define INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/histogram.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/access/access.h"
#include "server/fanout/broadcaster.h"
#include "server/fanout/live_subscriptions.h"
#include "server/fanout/subscription.h"
#include "server/rpc/consumer_stream.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"

namespace incidenthub {

class SubscribeReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                               public Subscriber,
                               public LiveSubscription,
                               public std::enable_shared_from_this<SubscribeReactor> {
 public:
  // All outlive every reactor.
  struct Environment {
    const Gate* gate = nullptr;
    const EventSource* source = nullptr;
    const Generations* generations = nullptr;
    Broadcaster* broadcaster = nullptr;
    ReadPool* read_pool = nullptr;
    Consumers* consumers = nullptr;
    LiveSubscriptions* live = nullptr;
    // Streams open, this one included; given back at the end.
    std::atomic<size_t>* open_streams = nullptr;
    // A stream whose client takes nothing of a message for this long is cancelled, within twice the
    // time, and counted.
    absl::Duration stuck_write_timeout = absl::InfiniteDuration();
    std::atomic<uint64_t>* stuck_writes = nullptr;
    // How old the newest event of a message is, from its sync to being handed to gRPC; only of
    // events that were in memory, since others are old by the subscriber's own choice. Null: nobody
    // wants to know.
    Histogram* delivered_age = nullptr;
    // A stream that is this old, give or take a tenth, is ended for the client to open it anew,
    // maybe elsewhere.
    absl::Duration max_stream_age = absl::InfiniteDuration();
  };

  // What was asked for, checked.
  struct Parameters {
    // Who was admitted; looked up again at each tick.
    Caller caller;
    SubscriberLabel label;
    Subscription::Start start;
    SubscribeOptions options;
    absl::Duration heartbeat_interval;
    // Empty: none.
    std::string consumer;
    // With a consumer: `start` is not said; it begins at the position if there is one.
    bool at_position = false;
  };

  // A message that the client has left untaken for this long makes the stream a stalled one.
  static constexpr absl::Duration kStalledAfter = absl::Seconds(1);

  // Begins the stream of `context`. The result belongs to gRPC, and to itself.
  static SubscribeReactor* Start(const Environment& environment,
                                 grpc::CallbackServerContext* context, Parameters parameters);

  void OnPublished() override;
  absl::Time OnTick(absl::Time now) override;
  void OnDrain() override;

  Description Describe(absl::Time now) const override ABSL_LOCKS_EXCLUDED(mu_);
  void Supersede(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);
  void EndSuperseded() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  SubscribeReactor(const Environment& environment, grpc::CallbackServerContext* context,
                   Parameters parameters);

  void OnSendInitialMetadataDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Makes the stream its consumer's, and ends it if that fails. In the read pool.
  // REQUIRES: the caller is the pump, and holds on to the call.
  void OpenConsumer() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TryOpenConsumer() ABSL_LOCKS_EXCLUDED(mu_);
  // Sends `reset` once the consumer's position is forgotten. In the read pool.
  // REQUIRES: as OpenConsumer.
  void ResetConsumer(const Subscription::Outgoing& reset) ABSL_LOCKS_EXCLUDED(mu_);
  // Becomes the pump unless there is one, which is then told to look again.
  void PumpIfIdle() ABSL_LOCKS_EXCLUDED(mu_);
  // REQUIRES: the caller is the pump.
  void Pump(bool may_read_store) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends `message` and ends being the pump, unless the stream is finished.
  void Write(grpc::ByteBuffer message) ABSL_LOCKS_EXCLUDED(mu_);
  grpc::ByteBuffer ToMessage(const Subscription::Outgoing& outgoing) const;
  void ObserveAge(const Subscription::Outgoing& outgoing) const;
  // Goes on in the read pool, behind whoever waits there; with a heartbeat first if one is due.
  // REQUIRES: the caller is the pump.
  void YieldPump() ABSL_LOCKS_EXCLUDED(mu_);
  // What to do when nothing is left to read; empty: nothing.
  enum class Idle { kWait, kLookAgain, kHeartbeat, kGiveUp };
  Idle AtEnd() ABSL_LOCKS_EXCLUDED(mu_);
  // Cancels the stream: OnCancel and OnWriteDone follow. REQUIRES: the caller holds on to the call.
  void CancelStuck() ABSL_LOCKS_EXCLUDED(mu_);
  // Has the call last until ReleaseCall. False: it is over.
  [[nodiscard]] bool HoldCall() ABSL_LOCKS_EXCLUDED(mu_);
  void ReleaseCall() ABSL_LOCKS_EXCLUDED(mu_);
  void FinishOnce(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const Environment environment_;
  // gRPC's, until OnDone.
  grpc::CallbackServerContext* const context_;
  const Parameters parameters_;
  // The pump's alone. Empty until a consumer's stream is open; null without a consumer.
  std::optional<Subscription> subscription_;
  std::unique_ptr<ConsumerStream> consumer_;

  mutable absl::Mutex mu_;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  bool write_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time write_started_ ABSL_GUARDED_BY(mu_);
  // The first message was made, or is about to be.
  bool opened_ ABSL_GUARDED_BY(mu_) = false;
  // The stream is to end: since the hub does, or, if rotating, since the stream is old.
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool rotating_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_sent_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time rotation_due_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  // When the subscription, which awaits its token's place, has waited for long enough.
  absl::Time await_due_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // Who uses what goes with the call, or after the last one: Finish, with this status, waits.
  int holds_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status finish_status_ ABSL_GUARDED_BY(mu_);
  // Not OK: nothing more is to be written, and the stream to end with this.
  absl::Status superseded_ ABSL_GUARDED_BY(mu_);
  // Nothing was left to read when last looked, and the store was not needed since.
  bool caught_up_ ABSL_GUARDED_BY(mu_) = false;
  Sequence sent_ ABSL_GUARDED_BY(mu_) = 0;
  // When the hub has been silent for long enough.
  absl::Time heartbeat_due_ ABSL_GUARDED_BY(mu_);
  // What is being written; untouched until OnWriteDone.
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mu_);
  Broadcaster::Registration registration_ ABSL_GUARDED_BY(mu_);
  LiveSubscriptions::Registration live_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<SubscribeReactor> self_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_SUBSCRIBE_REACTOR_H_
