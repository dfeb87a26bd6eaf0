// What was promised survives every crash: real processes, killed by SIGKILL at random moments under
// load, and checked against what senders were told and subscribers saw.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/follower.h"
#include "tests/e2e/senders.h"
#include "tests/support/http_client.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

constexpr size_t kSenders = 16;
constexpr int kHubKills = 24;
constexpr int kGatewayKills = 6;
// Deliveries between one kill and the next, at most.
constexpr size_t kAcceptedBetweenKillsMax = 150;

// INCIDENTHUB_TEST_SEED repeats a run, as far as the kills depend on it.
uint64_t Seed() {
  const char* text = std::getenv("INCIDENTHUB_TEST_SEED");
  uint64_t seed = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &seed)) seed = std::random_device()();
  std::cout << "INCIDENTHUB_TEST_SEED=" << seed << "\n";
  return seed;
}

class CrashTest : public HubTest {
 protected:
  // Waits for a random number of deliveries, so that each kill meets work under way.
  void WaitForSomeWork(const Senders& senders) {
    std::uniform_int_distribution<size_t> some(1, kAcceptedBetweenKillsMax);
    ASSERT_TRUE(senders.WaitForAccepted(senders.accepted() + some(random_), kPatience))
        << "nothing is accepted any more: " << senders.report().first_connection_error;
  }

  // Everything that was promised is in the hub and was streamed, each delivery as one event.
  void ExpectNothingLost(const Senders::Report& report, const RecordingSubscriber& subscriber) {
    EXPECT_THAT(report.wrong_answers, IsEmpty());
    const std::map<std::string, uint64_t> listed = ListSequences();
    uint64_t head = 0;
    for (const auto& [id, sequence] : listed) head = std::max(head, sequence);
    ASSERT_TRUE(subscriber.WaitForSequence(head, kPatience));
    const StreamHistory history = subscriber.history();
    EXPECT_THAT(CheckGuarantees(history, report.events()), IsEmpty());
    EXPECT_EQ(history.reset_count, 0u);

    for (const Senders::Answered& answer : report.answered) {
      const auto it = listed.find(answer.incident_id);
      ASSERT_NE(it, listed.end()) << answer.incident_id << " is not listed";
      EXPECT_GE(it->second, answer.sequence) << answer.incident_id;
    }
    ExpectOneEventADelivery(report, history);
    std::cout << report.answered.size() << " deliveries answered 200, " << listed.size()
              << " incidents, " << history.entry_count << " events over " << history.streams.size()
              << " streams; answers:";
    for (const auto& [status, count] : report.statuses) std::cout << " " << count << "x" << status;
    std::cout << ", connection errors: " << report.connection_errors << "\n";
  }

  std::mt19937_64 random_{Seed()};

 private:
  static void ExpectOneEventADelivery(const Senders::Report& report, const StreamHistory& history) {
    std::map<std::pair<std::string, int64_t>, std::vector<uint64_t>> events;
    for (const RecordedEntry& entry : Entries(history)) {
      events[{entry.incident_id, entry.update_seconds}].push_back(entry.sequence);
    }
    for (const auto& [delivery, sequences] : events) {
      EXPECT_THAT(sequences, SizeIs(1)) << delivery.first << " updated on " << delivery.second;
    }
    for (const Senders::Answered& answer : report.answered) {
      EXPECT_THAT((events[{answer.incident_id, answer.updated_on}]), Each(answer.sequence));
    }
  }
};

TEST_F(CrashTest, KillingTheHubLosesNothingAndRepeatsNothing) {
  StartBoth();
  const auto subscriber = Subscribe();
  Follower follower(hub_port());
  Senders senders(gateway_port(), kSenders);
  for (int i = 0; i < kHubKills; ++i) {
    ASSERT_NO_FATAL_FAILURE(WaitForSomeWork(senders));
    hub().Kill();
    ASSERT_NO_FATAL_FAILURE(StartHub());
  }
  ASSERT_TRUE(senders.Finish(kPatience));

  const Senders::Report report = senders.report();
  for (const auto& [status, count] : report.statuses) {
    EXPECT_TRUE(status == 200 || status == 503 || status == 504) << count << " times " << status;
  }
  EXPECT_EQ(report.connection_errors, 0u) << report.first_connection_error;
  ExpectNothingLost(report, *subscriber);

  // A program on the C++ client saw the same.
  const std::vector<RecordedEntry> recorded = Entries(subscriber->history());
  ASSERT_NE(follower.WaitForSequence(recorded.back().sequence, kPatience), nullptr);
  std::set<uint64_t> followed;
  for (const Follower::Seen& seen : follower.entries()) {
    followed.insert(seen.entry.event().sequence());
  }
  for (const RecordedEntry& entry : recorded) EXPECT_THAT(followed, Contains(entry.sequence));
}

TEST_F(CrashTest, KillingTheGatewayLosesNothingThatWasAnswered) {
  StartBoth();
  const auto subscriber = Subscribe();
  Senders senders(gateway_port(), kSenders);
  ASSERT_NO_FATAL_FAILURE(WaitForSomeWork(senders));
  // No one sees a broken connection but for the gateway's end.
  EXPECT_EQ(senders.report().connection_errors, 0u);
  for (int i = 0; i < kGatewayKills; ++i) {
    ASSERT_NO_FATAL_FAILURE(WaitForSomeWork(senders));
    gateway().Kill();
    ASSERT_NO_FATAL_FAILURE(StartGateway());
  }
  ASSERT_TRUE(senders.Finish(kPatience));

  const Senders::Report report = senders.report();
  EXPECT_THAT(report.statuses, Each(Key(200)));
  EXPECT_GT(report.connection_errors, 0u);
  ExpectNothingLost(report, *subscriber);
}

TEST_F(CrashTest, KillingBothLosesNothingThatWasAnswered) {
  StartBoth();
  const auto subscriber = Subscribe();
  Senders senders(gateway_port(), kSenders);
  for (int i = 0; i < kGatewayKills; ++i) {
    ASSERT_NO_FATAL_FAILURE(WaitForSomeWork(senders));
    hub().Kill();
    gateway().Kill();
    ASSERT_NO_FATAL_FAILURE(StartHub());
    ASSERT_NO_FATAL_FAILURE(StartGateway());
  }
  ASSERT_TRUE(senders.Finish(kPatience));
  ExpectNothingLost(senders.report(), *subscriber);
}

TEST_F(CrashTest, WhatWasTold503IsDeliveredWhenTheHubIsBack) {
  StartHub();
  StartGateway({"--hold=500ms", "--answer_timeout=5s"});
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  Follower follower(hub_port());
  ASSERT_TRUE(follower.WaitFor(
      [](const Follower::Record& record) { return record.snapshot_ends > 0; }, kPatience));
  hub().Kill();
  // A request that begins before the gateway has noticed may have been committed: 504 after all.
  ASSERT_TRUE(
      WaitUntil([this] { return HttpClient(gateway().admin_port()).Get("/readyz")->status == 503; },
                kPatience));

  const absl::Time start = absl::Now();
  const HttpResponse refused = Post(SmallIncident("while-down", 1'790'000'100));
  const absl::Duration held = absl::Now() - start;
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(ParseErrorReason(refused.body), "HUB_UNAVAILABLE");
  int retry_after = 0;
  EXPECT_TRUE(absl::SimpleAtoi(refused.Header("Retry-After"), &retry_after)) << refused.status;
  EXPECT_GE(retry_after, 1);
  EXPECT_GE(held, absl::Milliseconds(400));
  EXPECT_LT(held, absl::Seconds(4));

  StartHub();
  const absl::Time back = absl::Now();
  ASSERT_TRUE(subscriber->WaitForSequence(1, kPatience));
  const absl::Duration delivered = absl::Now() - back;
  ASSERT_NE(follower.WaitForSequence(1, kPatience), nullptr);
  std::cout << "delivered " << delivered << " after the hub was back, through the C++ client "
            << absl::Now() - back << "\n";
  EXPECT_LT(delivered, absl::Seconds(3));
  EXPECT_THAT(ListSequences(), SizeIs(1));
  EXPECT_THAT(CheckGuarantees(subscriber->history(), {{"while-down", 1}}), IsEmpty());
  // Its sender comes again, as it was told to.
  const HttpResponse again = Post(SmallIncident("while-down", 1'790'000'100));
  const absl::StatusOr<Accepted> accepted = ParseAccepted(again.body);
  ASSERT_TRUE(accepted.ok()) << again.body;
  EXPECT_TRUE(accepted->duplicate);
  EXPECT_EQ(accepted->sequence, 1u);
}

TEST_F(CrashTest, WhatWasTold504IsDeliveredOnce) {
  StartHub();
  StartGateway({"--hold=300ms", "--answer_timeout=1s"});
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  hub().process().Signal(SIGSTOP);
  const HttpResponse late = Post(SmallIncident("while-stopped", 1'790'000'100));
  EXPECT_EQ(late.status, 504) << late.body;
  EXPECT_EQ(ParseErrorReason(late.body), "OUTCOME_UNKNOWN");
  hub().process().Signal(SIGCONT);

  ASSERT_TRUE(subscriber->WaitForSequence(1, kPatience));
  const HttpResponse again = Post(SmallIncident("while-stopped", 1'790'000'100));
  const absl::StatusOr<Accepted> accepted = ParseAccepted(again.body);
  ASSERT_TRUE(accepted.ok()) << again.body;
  EXPECT_TRUE(accepted->duplicate);
  EXPECT_EQ(accepted->sequence, 1u);
  EXPECT_THAT(CheckGuarantees(subscriber->history(), {{"while-stopped", 1}}), IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
