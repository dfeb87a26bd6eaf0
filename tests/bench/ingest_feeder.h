// Feeds a hub over one Ingest stream, as fast as it takes it or as its subscribers do: without HTTP
// and JSON, so that neither is what a fan-out is measured by.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_TESTS_BENCH_INGEST_FEEDER_H_
#define INCIDENTHUB_TESTS_BENCH_INGEST_FEEDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "tests/bench/delivery_template.h"

namespace incidenthub::bench {

// Deliveries of a request.
inline constexpr size_t kFeedBatch = 64;
// Deliveries on their way: without a receipt, or not with every subscriber. With many subscribers
// fewer, so that all of them together never have more than this many times 64 to take: what waits
// longer than a few seconds in front of a client keeps the hub's pings from being answered.
inline constexpr size_t kFeedWindow = 4096;
size_t FeedWindow(size_t subscribers);

class IngestFeeder {
 public:
  // `deliveries` must outlive it; `first`: which of them is the first.
  IngestFeeder(int port, const DeliveryTemplate* deliveries, uint64_t first);
  // Cancels what Stop() did not end.
  ~IngestFeeder();
  IngestFeeder(const IngestFeeder&) = delete;
  IngestFeeder& operator=(const IngestFeeder&) = delete;

  // Call once. `delivered`: how many of what was fed each of so many `subscribers` has had; null:
  // nobody is waited for. It is not called after Stop().
  void Begin(size_t subscribers, std::function<uint64_t()> delivered);

  // To be called when a subscriber that had `before` events has `after`.
  void OnDelivered(uint64_t before, uint64_t after);

  // Of deliveries that were committed, so far.
  uint64_t receipts() const;

  // Sends no more and waits for the receipts of what was sent; then `*sent` is how much that was.
  // Errors: of the stream, or INTERNAL if not all of it was accepted.
  absl::Status Stop(uint64_t* sent);

 private:
  class Stream;
  const std::unique_ptr<Stream> stream_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_INGEST_FEEDER_H_
