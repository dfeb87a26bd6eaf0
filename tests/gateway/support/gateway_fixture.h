// A gateway in the test's own process, on free ports, with a hub that does what the test says.

#ifndef INCIDENTHUB_TESTS_GATEWAY_SUPPORT_GATEWAY_FIXTURE_H_
#define INCIDENTHUB_TESTS_GATEWAY_SUPPORT_GATEWAY_FIXTURE_H_

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "gateway/gateway.h"
#include "gateway/options.h"
#include "gtest/gtest.h"
#include "tests/support/fake_ingest_service.h"
#include "tests/support/http_client.h"
#include "tests/support/ports.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::gateway {

// One answer, or that there was none.
struct Answer {
  int status = 0;
  std::string reason;
  testing::HttpResponse response;
};

inline Answer ToAnswer(const absl::StatusOr<testing::HttpResponse>& response) {
  if (!response.ok()) {
    ADD_FAILURE() << response.status();
    return {};
  }
  return {response->status, testing::ParseErrorReason(response->body), *response};
}

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() : hub_port_(testing::PickPort()) {
    options_.listen = "127.0.0.1:0";
    options_.admin_listen = "127.0.0.1:0";
    options_.hub = absl::StrCat("127.0.0.1:", hub_port_);
  }

  // The hub is there, and the gateway has its stream.
  void StartBoth() {
    StartHub();
    StartGateway();
    ASSERT_TRUE(WaitUntilReady());
  }
  void StartHub() { hub_ = std::make_unique<testing::FakeIngestService>(hub_port_); }
  void StopHub() { hub_.reset(); }
  void StartGateway() {
    ASSERT_OK(options_.Validate());
    absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Start(options_);
    ASSERT_OK(gateway);
    gateway_ = *std::move(gateway);
  }

  bool WaitUntilReady() {
    return testing::WaitUntil([this] { return AdminGet("/readyz").status == 200; },
                              absl::Seconds(30), absl::Milliseconds(2));
  }

  Answer AdminGet(absl::string_view path) {
    testing::HttpClient client(gateway_->admin_port());
    return ToAnswer(client.Get(path));
  }
  // A line of /metrics without its value is its name and labels.
  double Metric(absl::string_view name) {
    const Answer answer = AdminGet("/metrics");
    for (const absl::string_view line : absl::StrSplit(answer.response.body, '\n')) {
      double value = 0;
      if (absl::StartsWith(line, absl::StrCat(name, " ")) &&
          absl::SimpleAtod(line.substr(name.size() + 1), &value)) {
        return value;
      }
    }
    ADD_FAILURE() << "no metric " << name;
    return -1;
  }
  bool WaitForMetric(absl::string_view name, double value) {
    return testing::WaitUntil([&] { return Metric(name) == value; }, absl::Seconds(30),
                              absl::Milliseconds(2));
  }

  Answer Post(absl::string_view body) {
    testing::HttpClient client(gateway_->port());
    return ToAnswer(client.Post(testing::kWebhookPath, testing::WebhookHeaders(), body));
  }
  Answer PostIncident(absl::string_view incident_id) {
    return Post(testing::SmallIncident(incident_id, 1'800'000'000));
  }
  // Bytes as they are, on a connection of their own.
  Answer Exchange(absl::string_view bytes) {
    testing::HttpClient client(gateway_->port());
    return ToAnswer(client.Exchange(bytes));
  }

  const int hub_port_;
  Options options_;
  std::unique_ptr<testing::FakeIngestService> hub_;
  std::unique_ptr<Gateway> gateway_;
};

// A sender on a thread of its own.
class Sender {
 public:
  Sender(int port, std::string incident_id)
      : thread_([this, port, id = std::move(incident_id)] {
          testing::HttpClient client(port);
          answer_ = ToAnswer(client.Post(testing::kWebhookPath, testing::WebhookHeaders(),
                                         testing::SmallIncident(id, 1'800'000'000)));
        }) {}
  ~Sender() {
    if (thread_.joinable()) thread_.join();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  Answer Join() {
    thread_.join();
    return answer_;
  }

 private:
  Answer answer_;
  std::thread thread_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_TESTS_GATEWAY_SUPPORT_GATEWAY_FIXTURE_H_
