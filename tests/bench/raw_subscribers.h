// Subscribers that count what they get without decoding it: bytes from gRPC, and CountEntries().
// The same whether the hub sends or a bare server does, so that a ratio is one of senders.
//
// Threads: any, all methods; `on_message` is called on gRPC's threads, several at a time for
// different subscribers.

#ifndef INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBERS_H_
#define INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"

namespace incidenthub::bench {

class RawSubscribers {
 public:
  struct Options {
    int port = 0;
    size_t subscribers = 1;
    // Subscribers that share one.
    size_t per_connection = 1;
    // To go on after; empty: from now on.
    std::string resume_token = {};
    // For every message, before it is counted; `subscriber` counts from 0. Null: none.
    std::function<void(size_t subscriber, const grpc::ByteBuffer& message)> on_message = nullptr;
    // After every message with entries, of a subscriber that had `before` and now has `after`.
    // Null: none.
    std::function<void(uint64_t before, uint64_t after)> on_entries = nullptr;
  };

  explicit RawSubscribers(Options options);
  // As CancelAll().
  ~RawSubscribers();
  RawSubscribers(const RawSubscribers&) = delete;
  RawSubscribers& operator=(const RawSubscribers&) = delete;

  // Until each has had a message, which a hub sends at once. DEADLINE_EXCEEDED, or how a stream
  // ended.
  absl::Status WaitUntilOpen(absl::Duration timeout) const;
  // Until each has had so many entries, likewise.
  absl::Status WaitForEntries(uint64_t each, absl::Duration timeout) const;

  // Of all together; of the one that has the fewest.
  uint64_t entries() const;
  uint64_t least_entries() const;
  // With entries, of all together.
  uint64_t messages() const;

  // Ends every stream and waits until all are over; nothing is called after it.
  void CancelAll();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBERS_H_
