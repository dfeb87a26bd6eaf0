// Every metric of the gateway: its name, help and labels. Threads: any.

#ifndef INCIDENTHUB_GATEWAY_METRICS_H_
#define INCIDENTHUB_GATEWAY_METRICS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub::gateway {

// Why a delivery left the window without a receipt that says it is committed. It may be, if it was
// sent.
enum class DropCause {
  // The window was full, and its sender had been answered.
  kPushedOut,
  // The hub rejected it after its sender had been answered.
  kRejected,
  // The process ended first.
  kExit,
};

// What came of a delivery, as far as its sender was told.
enum class DeliveryResult {
  kAccepted,
  kDuplicate,
  kIgnored,
  kQuarantined,
  kRejected,
  // The hub did not answer in time, or cannot take it now.
  kUnanswered,
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `status` 0: the sender hung up before it had sent its request.
  void RequestDone(int status, absl::Duration duration);
  // A reason that is not one of the decoders' counts as OTHER.
  void DecodeFailed(absl::string_view reason);

  void ConnectionOpened();
  void ConnectionClosed();
  void ConnectionRefused();
  void TlsHandshakeFailed();

  void StreamOpened();
  void Resent(size_t deliveries);
  void Dropped(DropCause cause, size_t deliveries);
  void DeliveryDone(absl::string_view source, DeliveryResult result);

  // What is read at the moment of a scrape.
  struct Gauges {
    size_t window_deliveries = 0;
    size_t window_bytes = 0;
    bool stream_up = false;
    // Of the certificate; the Unix epoch: there is no TLS.
    absl::Time certificate_expire_time = absl::UnixEpoch();
  };
  // Prometheus text, with the metrics of the process.
  std::string Text(const Gauges& gauges);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_METRICS_H_
