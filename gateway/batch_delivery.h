// The items of one body that may hold many, on their way to the hub, and the one answer about all
// of them.
//
// Items are handed over as they are decoded, in their order. While kBatchDeliveriesMax of them, or
// kBatchBytesMax, have no receipt, Add() waits: a body of a million items takes no more than its
// own bytes and that. Those that map to no incident are gathered, joined by newlines, and handed
// over together, so that a body full of them does not push everything else out of quarantine.
//
// If the hub cannot take one now, no more are handed over and the answer is 503 or 504 for all:
// the sender sends the whole body again, and what was taken is recognised.
//
// Threads: Add() and Finish() by the connection's, receipts arrive on any.

#ifndef INCIDENTHUB_GATEWAY_BATCH_DELIVERY_H_
#define INCIDENTHUB_GATEWAY_BATCH_DELIVERY_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/decode/decoder.h"
#include "gateway/http_server.h"
#include "gateway/http_status.h"
#include "gateway/ingest_client.h"
#include "gateway/metrics.h"
#include "gateway/request_ids.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// Deliveries of one body without a receipt, and their bytes.
inline constexpr size_t kBatchDeliveriesMax = 512;
inline constexpr size_t kBatchBytesMax = size_t{4} << 20;
// Bytes of items that map to no incident, gathered before they are handed over.
inline constexpr size_t kUnmappedBytesMax = size_t{1} << 20;
// Bytes of what is said about them together.
inline constexpr size_t kUnmappedReasonBytesMax = 1024;

// Sets what the hub wants to know of every delivery: the digest of its bytes, the time, and what
// trace it is of.
void StampDelivery(absl::string_view raw, const RequestIds& ids, v1::Delivery* delivery);

// Counts what came of a delivery of this source.
void CountDelivery(absl::string_view source, const absl::StatusOr<v1::Receipt>& receipt,
                   Metrics* metrics);

class BatchDelivery : public std::enable_shared_from_this<BatchDelivery> {
 public:
  // `start`: of the request. The client and the metrics must outlive it.
  static std::shared_ptr<BatchDelivery> Start(absl::Time start, const RequestIds& ids,
                                              HttpHandler::Respond respond, IngestClient* client,
                                              Metrics* metrics) {
    return std::shared_ptr<BatchDelivery>(
        new BatchDelivery(start, ids, std::move(respond), client, metrics));
  }

  // False: the hub cannot take more now, and the rest need not be decoded.
  bool Add(decode::Item item);

  // No more items come. `decoded`: what the decoder says of the body as a whole; an error is the
  // answer. Answers when the last receipt is there.
  void Finish(absl::Status decoded);

 private:
  BatchDelivery(absl::Time start, RequestIds ids, HttpHandler::Respond respond,
                IngestClient* client, Metrics* metrics)
      : start_(start),
        ids_(std::move(ids)),
        client_(*client),
        metrics_(*metrics),
        respond_(std::move(respond)) {}

  bool AddUnmapped(decode::Item item);
  bool DeliverUnmapped();
  // Hands it over when there is room. As Add().
  bool Deliver(v1::Delivery delivery, size_t index);
  void OnReceipt(const absl::StatusOr<v1::Receipt>& receipt, size_t index, size_t bytes);
  void AddBad(size_t index, absl::string_view problem) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !failure_.ok() || (waiting_ < kBatchDeliveriesMax && waiting_bytes_ < kBatchBytesMax);
  }
  HttpAnswer Answer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const absl::Time start_;
  const RequestIds ids_;
  IngestClient& client_;
  Metrics& metrics_;
  HttpHandler::Respond respond_;

  // What is gathered; of one source. The connection's thread's alone.
  v1::Delivery unmapped_;
  size_t unmapped_first_ = 0;
  size_t unmapped_unsaid_ = 0;

  absl::Mutex mu_;
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status decoded_ ABSL_GUARDED_BY(mu_);
  // Why the sender has to send it again.
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  BatchOutcome outcome_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_BATCH_DELIVERY_H_
