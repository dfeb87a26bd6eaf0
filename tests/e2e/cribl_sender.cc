#include "tests/e2e/cribl_sender.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "tests/support/http_client.h"

namespace incidenthub::testing {
namespace {

constexpr int64_t kFirstTime = 1'790'000'000;
// Cribl's is ten times as long, and doubles as this does.
constexpr absl::Duration kBackoffFirst = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(1);
// gzip's framing around deflate.
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

}  // namespace

std::string Gzip(absl::string_view bytes) {
  z_stream stream = {};
  INCIDENTHUB_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits,
                                 kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  INCIDENTHUB_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

CriblSender::CriblSender(Options options) : options_(options), running_(options.concurrency) {
  for (size_t worker = 0; worker < options_.concurrency; ++worker) {
    threads_.emplace_back([this, worker] { Run(worker); });
  }
}

CriblSender::~CriblSender() {
  {
    absl::MutexLock lock(&mu_);
    finishing_ = giving_up_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool CriblSender::WaitForBatches(size_t count, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  const size_t wanted = report_.batches + count;
  while (report_.batches < wanted) {
    if (changed_.WaitWithDeadline(&mu_, deadline)) return report_.batches >= wanted;
  }
  return true;
}

bool CriblSender::Finish(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  finishing_ = true;
  while (running_ > 0) {
    if (changed_.WaitWithDeadline(&mu_, deadline)) return running_ == 0;
  }
  return true;
}

CriblSender::Report CriblSender::report() const {
  absl::MutexLock lock(&mu_);
  return report_;
}

std::string CriblSender::HostName(size_t worker, size_t host) {
  return absl::StrCat("host-", worker, "-", host);
}

std::string CriblSender::Batch(size_t worker, size_t first_alert) const {
  const std::string padding(options_.padding, 'x');
  std::string batch;
  for (size_t alert = first_alert; alert < first_alert + options_.alerts_per_host; ++alert) {
    for (size_t host = 0; host < options_.hosts; ++host) {
      absl::StrAppend(&batch, R"({"app_key":"app-1","status":")",
                      alert % 2 == 0 ? "critical" : "ok", R"(","host":")", HostName(worker, host),
                      R"(","check":"cpu","timestamp":)", kFirstTime + static_cast<int64_t>(alert),
                      R"(,"cribl_pipe":"main","padding":")", padding, "\"}\n");
    }
  }
  return batch;
}

void CriblSender::Run(size_t worker) {
  HttpClient http(options_.port);
  for (size_t alert = 0;; alert += options_.alerts_per_host) {
    {
      absl::MutexLock lock(&mu_);
      if (finishing_) break;
    }
    if (!Deliver(&http, Gzip(Batch(worker, alert)))) break;
    absl::MutexLock lock(&mu_);
    for (size_t host = 0; host < options_.hosts; ++host) {
      report_.delivered[HostName(worker, host)] += options_.alerts_per_host;
    }
    ++report_.batches;
    changed_.SignalAll();
  }
  absl::MutexLock lock(&mu_);
  --running_;
  changed_.SignalAll();
}

bool CriblSender::Deliver(HttpClient* http, const std::string& body) {
  const HttpHeaders headers = {{"Content-Type", "application/json"},
                               {"Content-Encoding", "gzip"},
                               {"Authorization", "Bearer org-token-1"}};
  absl::Duration backoff = kBackoffFirst;
  while (true) {
    const absl::StatusOr<HttpResponse> response = http->Post(kAlertsPath, headers, body);
    absl::MutexLock lock(&mu_);
    if (response.ok()) {
      ++report_.statuses[response->status];
      if (response->status / 100 == 2) return true;
      if (response->status / 100 != 5) {
        report_.dropped.push_back(absl::StrCat(response->status, " ", response->body));
        return false;
      }
    } else {
      ++report_.connection_errors;
    }
    const absl::Time next = absl::Now() + backoff;
    while (!giving_up_ && absl::Now() < next) changed_.WaitWithDeadline(&mu_, next);
    if (giving_up_) return false;
    backoff = std::min(2 * backoff, kBackoffMax);
  }
}

}  // namespace incidenthub::testing
