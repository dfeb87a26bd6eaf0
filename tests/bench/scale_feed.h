// Deliveries for a hub, without a gateway and cheap enough not to be what is measured: copies of
// one that was decoded and encoded once, with the few bytes patched that differ.

#ifndef INCIDENTHUB_TESTS_BENCH_SCALE_FEED_H_
#define INCIDENTHUB_TESTS_BENCH_SCALE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::bench {

// The documented sample as a gateway would hand it over.
//
// Ids, and whatever else in it is hexadecimal digits, are other ones for each incident, so that
// incidents don't compress as copies of one.
//
// Threads: any, all methods.
class DeliveryTemplate {
 public:
  // The sample itself; or with `bytes` an incident of about so many bytes encoded: the sample with
  // fewer alerts, or with more.
  explicit DeliveryTemplate(size_t bytes = 0);

  // Encoded.
  size_t bytes() const { return wire_.size(); }

  // Appends it to an encoded IngestRequest, as revision `revision` of incident `incident`: the
  // higher one is newer. The receipt will have `id`. REQUIRES: id and revision below 2^31.
  void Append(uint64_t id, uint64_t incident, uint64_t revision, std::string* request) const;

  static std::string IncidentId(uint64_t incident);
  // Of an incident that came of it.
  static uint64_t RevisionOf(const v1::Incident& incident);

 private:
  struct Place {
    size_t offset = 0;
    size_t length = 0;
  };

  Place Find(absl::string_view text) const;

  std::string wire_;
  Place id_;
  Place incident_id_;
  Place update_time_;
  Place digest_;
  std::vector<Place> hexadecimal_;
};

// One Ingest stream.
//
// Threads: `Send` and `WaitForReceipts` one at a time; `on_receipt` is called on gRPC's threads,
// one at a time.
class Feeder {
 public:
  struct Options {
    int port = 0;
    // Deliveries without a receipt at once.
    size_t window = 1024;
    // For every receipt, with the delivery's id; null: nobody.
    std::function<void(uint64_t id)> on_receipt = nullptr;
  };

  explicit Feeder(Options options);
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  // Sends an encoded IngestRequest of `deliveries`, each of which has to make an event; waits while
  // the window is full. Errors are final: what the stream ended with, FAILED_PRECONDITION for a
  // delivery that made no event, DEADLINE_EXCEEDED for a hub that is silent for a minute.
  absl::Status Send(const std::string& request, size_t deliveries);

  // Until there is a receipt for everything sent. Errors as of Send.
  absl::Status WaitForReceipts();

 private:
  class Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_SCALE_FEED_H_
