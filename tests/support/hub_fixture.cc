#include "tests/support/hub_fixture.h"

#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/ports.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {

HubTest::HubTest()
    : hub_port_(PickPort()),
      gateway_port_(PickPort()),
      client_({.address = absl::StrCat("127.0.0.1:", hub_port_),
               .timeout = absl::Seconds(10),
               .name = "e2e"}),
      http_(gateway_port_) {
  std::ofstream(secret_file()) << kWebhookSecret << "\n";
}

HubTest::~HubTest() {
  if (!HasFailure()) return;
  if (hub_ != nullptr) std::cerr << "The hub's log ends:\n" << hub_->process().ErrTail() << "\n";
  if (gateway_ != nullptr) {
    std::cerr << "The gateway's log ends:\n" << gateway_->process().ErrTail() << "\n";
  }
}

void HubTest::StartHub(std::vector<std::string> flags) {
  hub_.reset();
  auto started = ServerProcess::StartHub(
      {.data_dir = data_dir(), .port = hub_port_, .flags = std::move(flags)});
  ASSERT_OK(started);
  hub_ = *std::move(started);
}

void HubTest::StartGateway(std::vector<std::string> flags) {
  gateway_.reset();
  auto started = ServerProcess::StartGateway({.hub_port = hub_port_,
                                              .port = gateway_port_,
                                              .secret_file = secret_file(),
                                              .flags = std::move(flags)});
  ASSERT_OK(started);
  gateway_ = *std::move(started);
  const bool hub_runs = hub_ != nullptr && hub_->process().running();
  ASSERT_TRUE(!hub_runs || gateway_->WaitUntilReady());
}

HttpResponse HubTest::Post(absl::string_view body) {
  absl::StatusOr<HttpResponse> response = http_.Post(kWebhookPath, WebhookHeaders(), body);
  EXPECT_OK(response);
  return response.ok() ? *std::move(response) : HttpResponse();
}

uint64_t HubTest::PostAccepted(absl::string_view body) {
  const HttpResponse response = Post(body);
  EXPECT_EQ(response.status, 200) << response.body;
  const absl::StatusOr<Accepted> accepted = ParseAccepted(response.body);
  EXPECT_OK(accepted);
  return accepted.ok() ? accepted->sequence : 0;
}

std::unique_ptr<RecordingSubscriber> HubTest::Subscribe(RecordingSubscriber::Options options) {
  options.port = hub_port_;
  return std::make_unique<RecordingSubscriber>(std::move(options));
}

std::map<std::string, uint64_t> HubTest::ListSequences() {
  std::map<std::string, uint64_t> sequences;
  EXPECT_OK(client_.List([&sequences](const v1::Incident& incident) {
    sequences[incident.id()] = incident.sequence();
    return true;
  }));
  return sequences;
}

bool HubTest::WaitForMetric(const ServerProcess& server, absl::string_view name, double value,
                            absl::Duration timeout) {
  return WaitUntil(
      [&] {
        const absl::StatusOr<double> metric = server.Metric(name);
        return metric.ok() && *metric == value;
      },
      timeout);
}

}  // namespace incidenthub::testing
