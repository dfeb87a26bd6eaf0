// Sends alerts as Cribl Stream's webhook destination does: so many requests at once, each a batch
// of objects joined by newlines, compressed, under whatever content type; a 2xx is delivered, a 5xx
// and a broken connection are tried again with the same bytes, and anything else drops the batch
// for good.
//
// Each request in flight has hosts of its own, each of which goes critical and ok in turn, at
// rising times.
//
// Threads: any, all methods. One of its own a request in flight.

#ifndef INCIDENTHUB_TESTS_E2E_CRIBL_SENDER_H_
#define INCIDENTHUB_TESTS_E2E_CRIBL_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

inline constexpr absl::string_view kAlertsPath = "/data/v2/alerts";

// The bytes, compressed.
std::string Gzip(absl::string_view bytes);

class CriblSender {
 public:
  struct Options {
    int port = 0;
    // Cribl's default.
    size_t concurrency = 5;
    size_t hosts = 8;
    // Alerts of one host in a batch.
    size_t alerts_per_host = 4;
    // Bytes that pad each alert.
    size_t padding = 0;
  };
  struct Report {
    // By host: how many of its alerts were in batches counted as delivered; the first of them is
    // critical, the next ok, and so on.
    std::map<std::string, size_t> delivered;
    std::map<int, size_t> statuses;
    size_t batches = 0;
    size_t connection_errors = 0;
    // Answers to what was dropped.
    std::vector<std::string> dropped;
  };

  explicit CriblSender(Options options);
  // Gives up what is under way.
  ~CriblSender();
  CriblSender(const CriblSender&) = delete;
  CriblSender& operator=(const CriblSender&) = delete;

  // Until so many batches more than now are delivered. False: it took longer.
  bool WaitForBatches(size_t count, absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mu_);
  // Delivers what was begun, and stops. False: it took longer.
  bool Finish(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  Report report() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run(size_t worker) ABSL_LOCKS_EXCLUDED(mu_);
  std::string Batch(size_t worker, size_t first_alert) const;
  static std::string HostName(size_t worker, size_t host);
  // Until it is delivered or dropped. False: gave up, or it was dropped.
  bool Deliver(class HttpClient* http, const std::string& body) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool giving_up_ ABSL_GUARDED_BY(mu_) = false;
  size_t running_ ABSL_GUARDED_BY(mu_);
  Report report_ ABSL_GUARDED_BY(mu_);
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_CRIBL_SENDER_H_
