// SIGTERM under load: both processes end quickly and with 0, and everybody hears what they must.

#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/senders.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/status_matchers.h"
#include "tests/support/subscriber_pool.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;

constexpr size_t kSubscribers = 200;
constexpr size_t kSenders = 8;
// What a pod gets before it is killed has to be more than this.
constexpr absl::Duration kStopMax = absl::Seconds(5);

class ShutdownTest : public HubTest {
 protected:
  void SetUp() override { StartBoth(); }

  // Stops a server by SIGTERM and expects a good and quick end.
  static void ExpectCleanStop(ServerProcess& server) {
    const absl::Time start = absl::Now();
    const absl::StatusOr<int> code = server.Stop();
    const absl::Duration took = absl::Now() - start;
    ASSERT_OK(code);
    EXPECT_EQ(*code, 0);
    EXPECT_LT(took, kStopMax);
    std::cout << "stopped after " << took << "\n";
  }

  // Each posts one webhook and keeps the answer.
  class PendingPosts {
   public:
    PendingPosts(int port, size_t count) : answers_(count) {
      for (size_t i = 0; i < count; ++i) {
        threads_.emplace_back([this, i, port] {
          HttpClient http(port);
          answers_[i] = http.Post(kWebhookPath, WebhookHeaders(),
                                  SmallIncident(absl::StrCat("pending-", i), 1'790'000'100));
        });
      }
    }
    ~PendingPosts() {
      for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
      }
    }
    // Waits for all.
    const std::vector<absl::StatusOr<HttpResponse>>& answers() {
      for (std::thread& thread : threads_) thread.join();
      threads_.clear();
      return answers_;
    }

   private:
    std::vector<absl::StatusOr<HttpResponse>> answers_;
    std::vector<std::thread> threads_;
  };
};

TEST_F(ShutdownTest, TheHubTellsEverySubscriberAndExitsInTime) {
  SubscriberPool pool({.port = hub_port(), .subscribers = kSubscribers, .per_connection = 10});
  ASSERT_TRUE(pool.WaitFor(
      [](const SubscriberPool::Totals& totals) { return totals.snapshot_ends == kSubscribers; },
      kPatience));
  Senders senders(gateway_port(), kSenders);
  ASSERT_TRUE(senders.WaitForAccepted(500, kPatience));

  ASSERT_NO_FATAL_FAILURE(ExpectCleanStop(hub()));
  EXPECT_TRUE(pool.WaitFor(
      [](const SubscriberPool::Totals& totals) { return totals.ended == kSubscribers; },
      kPatience));
  EXPECT_EQ(pool.totals().draining, kSubscribers);
  EXPECT_THAT(pool.totals().end_codes, Each(absl::StatusCode::kUnavailable));

  // Whoever was answered meanwhile was told the truth.
  ASSERT_NO_FATAL_FAILURE(StartHub());
  ASSERT_TRUE(senders.Finish(kPatience));
  const Senders::Report report = senders.report();
  EXPECT_EQ(report.connection_errors, 0u) << report.first_connection_error;
  for (const auto& [status, count] : report.statuses) {
    EXPECT_TRUE(status == 200 || status == 503) << count << " times " << status;
  }
  const std::map<std::string, uint64_t> listed = ListSequences();
  for (const Senders::Answered& answer : report.answered) {
    const auto it = listed.find(answer.incident_id);
    ASSERT_NE(it, listed.end()) << answer.incident_id;
    EXPECT_GE(it->second, answer.sequence);
  }
}

TEST_F(ShutdownTest, APeerThatDoesNotReadNeverHoldsTheHubsEnd) {
  ASSERT_NO_FATAL_FAILURE(StartHub({"--drain_timeout=3s"}));
  ASSERT_TRUE(gateway().WaitUntilReady());
  std::vector<OwnedFd> hung;
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<OwnedFd> fd = OpenStalledSubscriber(hub_port());
    ASSERT_OK(fd);
    hung.push_back(*std::move(fd));
  }
  SubscriberPool lazy({.port = hub_port(), .subscribers = 3, .reads = false});
  ASSERT_TRUE(WaitForMetric(hub(), "incidenthub_subscriptions", 6));
  // More than fits into the kernel's buffers, so that writes to them are under way.
  for (int i = 0; i < 24; ++i) {
    std::string body = SmallIncident(absl::StrCat("large-", i), 1'790'000'100);
    body.insert(body.size() - 1, absl::StrCat(R"(,"padding":")", std::string(900'000, 'x'), "\""));
    PostAccepted(body);
  }
  ASSERT_NO_FATAL_FAILURE(ExpectCleanStop(hub()));
  StartHub();
  EXPECT_EQ(ListSequences().size(), 24u);
}

TEST_F(ShutdownTest, TheGatewayAnswersEveryRequestItHasBegun) {
  // The hub holds its receipts back while the gateway is told to stop.
  hub().process().Signal(SIGSTOP);
  PendingPosts posts(gateway_port(), 16);
  ASSERT_TRUE(WaitForMetric(gateway(), "incidenthub_gateway_window_deliveries", 16));
  gateway().process().Signal(SIGTERM);
  ASSERT_TRUE(gateway()
                  .process()
                  .WaitForLine(
                      [](absl::string_view line) {
                        return line.find("\"stopping\"") != absl::string_view::npos;
                      },
                      kPatience)
                  .ok());
  EXPECT_TRUE(gateway().process().running());
  hub().process().Signal(SIGCONT);

  for (const absl::StatusOr<HttpResponse>& answer : posts.answers()) {
    ASSERT_OK(answer);
    EXPECT_EQ(answer->status, 200) << answer->body;
  }
  const absl::StatusOr<int> code = gateway().process().WaitForExit(kStopMax);
  ASSERT_OK(code);
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(ListSequences().size(), 16u);
}

TEST_F(ShutdownTest, TheGatewayTellsThemToComeAgainIfTheHubIsAway) {
  hub().Kill();
  StartGateway({"--drain_timeout=1s"});
  PendingPosts posts(gateway_port(), 16);
  ASSERT_TRUE(WaitForMetric(gateway(), "incidenthub_gateway_window_deliveries", 16));
  ASSERT_NO_FATAL_FAILURE(ExpectCleanStop(gateway()));
  for (const absl::StatusOr<HttpResponse>& answer : posts.answers()) {
    ASSERT_OK(answer);
    EXPECT_EQ(answer->status, 503) << answer->body;
    EXPECT_NE(answer->Header("Retry-After"), "");
  }
}

TEST_F(ShutdownTest, TheGatewayStopsUnderLoadAndLosesNothing) {
  const auto subscriber = Subscribe();
  Senders senders(gateway_port(), kSenders);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(senders.WaitForAccepted(senders.accepted() + 200, kPatience));
    ASSERT_NO_FATAL_FAILURE(ExpectCleanStop(gateway()));
    ASSERT_NO_FATAL_FAILURE(StartGateway());
  }
  ASSERT_TRUE(senders.Finish(kPatience));
  const Senders::Report report = senders.report();
  for (const auto& [status, count] : report.statuses) {
    EXPECT_TRUE(status == 200 || status == 503) << count << " times " << status;
  }
  uint64_t head = 0;
  for (const auto& [id, sequence] : ListSequences()) head = std::max(head, sequence);
  ASSERT_TRUE(subscriber->WaitForSequence(head, kPatience));
  EXPECT_THAT(CheckGuarantees(subscriber->history(), report.events()), IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
