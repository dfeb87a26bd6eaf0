// Many subscribers that count, cheap enough to have hundreds of in one test.
//
// Threads: any, all methods; `on_response` is called on gRPC's threads, several at a time for
// different subscribers.

#ifndef INCIDENTHUB_TESTS_SUPPORT_SUBSCRIBER_POOL_H_
#define INCIDENTHUB_TESTS_SUPPORT_SUBSCRIBER_POOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::testing {

class SubscriberPool {
 public:
  struct Options {
    int port = 0;
    size_t subscribers = 1;
    // Subscribers that share one.
    size_t per_connection = 1;
    bool from_now = false;
    // To go on after; empty: none.
    std::string resume_token = {};
    // False: they never read, so that the hub's messages pile up on the way.
    bool reads = true;
    absl::Duration heartbeat_interval = absl::Seconds(10);
    // For every message; `subscriber` counts from 0.
    std::function<void(size_t subscriber, const v1::SubscribeResponse& response)> on_response =
        nullptr;
  };

  // What all subscribers together have seen.
  struct Totals {
    size_t opened = 0;
    size_t entries = 0;
    size_t snapshot_ends = 0;
    size_t draining = 0;
    // Streams that are over, and the codes that they ended with.
    size_t ended = 0;
    std::vector<absl::StatusCode> end_codes;
  };

  explicit SubscriberPool(Options options);
  // Cancels what is open.
  ~SubscriberPool();
  SubscriberPool(const SubscriberPool&) = delete;
  SubscriberPool& operator=(const SubscriberPool&) = delete;

  // False: it was not so within `timeout`.
  bool WaitFor(const std::function<bool(const Totals&)>& done, absl::Duration timeout) const;
  Totals totals() const;

  // Cancels every stream and waits until all are over.
  void CancelAll();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_SUBSCRIBER_POOL_H_
