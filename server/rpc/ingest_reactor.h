// One gateway's Ingest stream: deliveries to the sequencer, receipts back.
//
// Backpressure: the next read is started only while fewer than kOutstandingDeliveriesMax deliveries
//               are without a receipt written, and those at the sequencer are of fewer than
//               kOutstandingBytesMax bytes: a gateway that does not read is soon not read from.
// Lifetime:     holds itself until OnDone; groups at the sequencer hold it too, so a late answer
//               finds it.
// Threads:      reactions and the sequencer's answers may run concurrently; `mu_` guards
//               everything.

#ifndef INCIDENTHUB_SERVER_RPC_INGEST_REACTOR_H_
#define INCIDENTHUB_SERVER_RPC_INGEST_REACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "server/access/access.h"
#include "server/core/sequencer.h"
#include "server/rpc/gate.h"

namespace incidenthub {

class IngestReactor;

// The open Ingest streams, so that all can be ended when the hub stops. Threads: all.
class IngestStreams {
 public:
  explicit IngestStreams(size_t max) : max_(max) {}

  // RESOURCE_EXHAUSTED / TOO_MANY_INGEST_STREAMS, UNAVAILABLE / SHUTTING_DOWN.
  absl::Status Add(const std::shared_ptr<IngestReactor>& reactor) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const IngestReactor* reactor) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes no stream any more, and ends those open once their receipts are sent.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

  size_t count() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t max_;
  mutable absl::Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<const IngestReactor*, std::weak_ptr<IngestReactor>> reactors_
      ABSL_GUARDED_BY(mu_);
};

// Raw, so that a message that does not parse is answered, where the library would end the stream as
// if the gateway had said that no more comes.
class IngestReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public std::enable_shared_from_this<IngestReactor> {
 public:
  static constexpr int kDeliveriesPerRequestMax = 1024;
  static constexpr size_t kOutstandingDeliveriesMax = 8192;
  static constexpr size_t kOutstandingBytesMax = size_t{32} << 20U;

  // Begins the stream of `context`, if the gate lets it in. The others outlive it.
  static IngestReactor* Start(const Gate* gate, const grpc::CallbackServerContext& context,
                              Sequencer* sequencer, IngestStreams* streams);

  // Reads no more, and finishes with SHUTTING_DOWN once every receipt due is sent.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  IngestReactor(const Gate* gate, Sequencer* sequencer, IngestStreams* streams)
      : gate_(gate), sequencer_(sequencer), streams_(streams) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Take(v1::IngestRequest request, size_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void Answer(const std::vector<uint64_t>& ids, size_t bytes, std::vector<Outcome> outcomes)
      ABSL_LOCKS_EXCLUDED(mu_);
  void ReadIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What to finish with, once nothing is owed; null: go on.
  const absl::Status* EndIfDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishOnce(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void EndWhenDone(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const Gate* const gate_;
  // Set before the stream begins.
  Caller caller_;
  Sequencer* const sequencer_;
  IngestStreams* const streams_;

  absl::Mutex mu_;
  bool read_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  bool write_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // Reads no more; `end_status_` is what the stream ends with.
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);
  size_t outstanding_deliveries_ ABSL_GUARDED_BY(mu_) = 0;
  size_t outstanding_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // Belongs to the read in flight, else to OnReadDone.
  grpc::ByteBuffer request_;
  // Receipts to be written next.
  v1::IngestResponse pending_ ABSL_GUARDED_BY(mu_);
  // The message that is being written, which is left alone until OnWriteDone, and its receipts.
  grpc::ByteBuffer writing_ ABSL_GUARDED_BY(mu_);
  size_t writing_receipts_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<IngestReactor> self_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INGEST_REACTOR_H_
