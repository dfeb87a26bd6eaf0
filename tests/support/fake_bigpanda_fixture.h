// What the tests of the FakeBigPanda share: its clients, and a receiver of its webhooks.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FIXTURE_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FIXTURE_H_

#include <sys/socket.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "tests/support/fake_bigpanda.h"
#include "tests/support/http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {

inline constexpr char kEnvironmentsPath[] = "/resources/v2.0/environments";
inline constexpr char kCallbackPath[] = "/resources/v2.1/outbound/callback";

// `incident_id` percent-encoded by the caller.
inline std::string ActionPath(const std::string& incident_id, const std::string& action,
                              const std::string& environment_id = kBigPandaEnvironmentId) {
  return absl::StrCat("/resources/v2.0/environments/", environment_id, "/incidents/", incident_id,
                      "/", action);
}

inline HttpHeaders KeyHeaders(const std::string& key = kBigPandaApiKey) {
  return {{"Content-Type", "application/json; charset=utf8"},
          {"Authorization", absl::StrCat("Bearer ", key)}};
}

inline std::string CallbackBody(const std::string& incident_id,
                                const std::string& app_key = kBigPandaAppKey) {
  return absl::StrCat("{\"event_type\":\"incident#new\",\"incident_id\":\"", incident_id,
                      "\",\"app_key\":\"", app_key, "\"}");
}

class FakeBigPandaTest : public ::testing::Test {
 protected:
  void Start(const FakeBigPandaOptions& options = {}) {
    auto fake = FakeBigPanda::Start(options);
    ASSERT_OK(fake);
    fake_ = *std::move(fake);
  }
  // With an incident i-1 that nobody has to call back for.
  void StartWithIncident(FakeBigPandaOptions options = {}) {
    options.lock = false;
    Start(options);
    ASSERT_OK(fake_->OpenIncident("i-1"));
  }

  // Status 0: there was no whole answer, and the body says why.
  HttpResponse Post(const std::string& path, const std::string& body,
                    const HttpHeaders& headers = KeyHeaders()) {
    HttpClient client(fake_->port(), kBigPandaWaitMax);
    return OrNothing(client.Post(path, headers, body));
  }
  HttpResponse Get(const std::string& path, const std::string& key = kBigPandaApiKey) {
    HttpClient client(fake_->port(), kBigPandaWaitMax);
    return OrNothing(client.Exchange(absl::StrCat(
        "GET ", path, " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ", key, "\r\n\r\n")));
  }
  HttpResponse Resolve(const std::string& comments = "rolled back") {
    return Post(ActionPath("i-1", "resolve"), absl::StrCat("{\"comments\":\"", comments, "\"}"));
  }
  HttpResponse Comment(const std::string& comment = "looking") {
    return Post(ActionPath("i-1", "comments"), absl::StrCat("{\"comment\":\"", comment, "\"}"));
  }
  // Everything that comes until the fake ends the connection, up to `bytes_max`.
  std::string SendAndReadAll(const std::string& bytes, size_t bytes_max = size_t{16} << 20) {
    auto fd = ConnectTcp(fake_->port(), kBigPandaWaitMax);
    if (!fd.ok() || !SendAll(*fd, bytes).ok()) return "";
    const OwnedFd owner(*fd);
    std::string received;
    std::vector<char> buffer(65536);
    while (received.size() < bytes_max) {
      const ssize_t count = recv(*fd, buffer.data(), buffer.size(), 0);
      if (count <= 0) break;
      received.append(buffer.data(), static_cast<size_t>(count));
    }
    return received;
  }
  static HttpResponse OrNothing(absl::StatusOr<HttpResponse> response) {
    if (response.ok()) return *std::move(response);
    return {0, {}, response.status().ToString()};
  }

  std::unique_ptr<FakeBigPanda> fake_;
};

// Takes webhooks, as a gateway does.
class WebhookReceiver {
 public:
  struct Received {
    httplib::Headers headers;
    std::string body;
  };

  // Each is answered with the next of `statuses`, and with 200 once there are none.
  explicit WebhookReceiver(std::deque<int> statuses = {}) : statuses_(std::move(statuses)) {
    server_.new_task_queue = [this] {
      running_.Notify();
      return new httplib::ThreadPool(4);
    };
    server_.Post("/hook", [this](const httplib::Request& request, httplib::Response& response) {
      absl::MutexLock lock(&mu_);
      received_.push_back({request.headers, request.body});
      changed_.SignalAll();
      if (statuses_.empty()) return;
      response.status = statuses_.front();
      statuses_.pop_front();
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    running_.WaitForNotification();
  }
  ~WebhookReceiver() {
    server_.stop();
    thread_.join();
  }
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_, "/hook"); }
  std::vector<Received> received() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return received_;
  }
  // All that came, once so many did, or after kBigPandaWaitMax.
  std::vector<Received> WaitFor(size_t count) const ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::Time deadline = absl::Now() + kBigPandaWaitMax;
    absl::MutexLock lock(&mu_);
    while (received_.size() < count && !changed_.WaitWithDeadline(&mu_, deadline)) {
    }
    return received_;
  }

 private:
  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  std::deque<int> statuses_ ABSL_GUARDED_BY(mu_);
  std::vector<Received> received_ ABSL_GUARDED_BY(mu_);
  absl::Notification running_;
  httplib::Server server_;
  int port_ = 0;
  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FIXTURE_H_
