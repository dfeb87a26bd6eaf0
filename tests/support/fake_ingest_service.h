// An incident-hub for tests of gateways: a real gRPC server with an IngestService that answers as
// the test says.
//
// Threads: any, all methods. What waits gives up after kIngestWaitMax and returns false.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_INGEST_SERVICE_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_INGEST_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::testing {

// Long enough for any machine; only a failing test waits for it.
inline constexpr absl::Duration kIngestWaitMax = absl::Seconds(30);

// A delivery as it arrived.
struct ReceivedDelivery {
  // Number of the stream, from 1.
  size_t stream = 0;
  v1::Delivery delivery;
};

class FakeIngestService {
 public:
  // What becomes of a delivery; none: no receipt for now. Called on the stream's thread.
  using Script = std::function<std::optional<v1::Receipt>(const v1::Delivery&)>;

  // Listens on 127.0.0.1; `port` 0: any. Accepts every delivery, with sequences from 1, until told
  // otherwise.
  explicit FakeIngestService(int port = 0);
  // Cuts what streams are open.
  ~FakeIngestService();
  FakeIngestService(const FakeIngestService&) = delete;
  FakeIngestService& operator=(const FakeIngestService&) = delete;

  int port() const;
  std::string address() const;

  void SetScript(Script script);
  // From now on streams are ended with `status` as they come; OK: they are taken again.
  void RefuseStreams(absl::Status status);
  // Cuts the streams that are open.
  void BreakStreams();
  // On the newest stream. False: there is none.
  bool Send(const v1::Receipt& receipt);

  // Until so many deliveries have come, all streams together.
  bool WaitForDeliveries(size_t count);
  // Until a stream with this number, or a later one, has come, refused ones included.
  bool WaitForStream(size_t number);
  std::vector<ReceivedDelivery> received() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

v1::Receipt AcceptedReceipt(const v1::Delivery& delivery, uint64_t sequence,
                            bool duplicate = false);
v1::Receipt QuarantinedReceipt(const v1::Delivery& delivery, uint64_t quarantine_id);
v1::Receipt RejectedReceipt(const v1::Delivery& delivery, const absl::Status& status);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_INGEST_SERVICE_H_
