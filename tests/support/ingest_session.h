// A gateway's stream to the hub without a gateway: deliveries in, receipts out, one message after
// the other.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_SUPPORT_INGEST_SESSION_H_
#define INCIDENTHUB_TESTS_SUPPORT_INGEST_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::testing {

// An active incident as its source would send it. `update_seconds` makes one delivery of an
// incident newer than another; `padding_bytes` of text make it large.
v1::Delivery MakeDelivery(absl::string_view incident_id, int64_t update_seconds,
                          size_t padding_bytes = 0);

class IngestSession {
 public:
  explicit IngestSession(int port);
  ~IngestSession();
  IngestSession(const IngestSession&) = delete;
  IngestSession& operator=(const IngestSession&) = delete;

  // Sends them as one message, with ids of its own, and waits for all receipts; returns them in the
  // order of the deliveries. Any error is the stream's end, and final. Waits without bound for a
  // hub that is silent.
  absl::StatusOr<std::vector<v1::Receipt>> Send(std::vector<v1::Delivery> deliveries);

 private:
  class Stream;
  const std::unique_ptr<Stream> stream_;
  uint64_t last_id_ = 0;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_INGEST_SESSION_H_
