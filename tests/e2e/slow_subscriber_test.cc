// A subscriber that does not read costs the hub no memory and the others no time.

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/status_matchers.h"
#include "tests/support/subscriber_pool.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {
namespace {

using ::testing::IsEmpty;

constexpr size_t kRounds = 150;
constexpr size_t kDeliveriesARound = 16;
constexpr size_t kIncidentBytes = size_t{64} << 10;
// What is streamed to each subscriber: far beyond any buffer on the way.
constexpr size_t kStreamedBytes = kRounds * kDeliveriesARound * kIncidentBytes;
// What the hub may grow by meanwhile: memtables, caches, one message a stream; no backlog.
constexpr uint64_t kGrowthMax = uint64_t{80} << 20;
static_assert(kStreamedBytes > 150'000'000);

class SlowSubscriberTest : public HubTest {
 protected:
  void SetUp() override { StartHub({"--ring_bytes=1048576"}); }

  // Updates of the same incidents, round after round; returns how long each round took.
  std::vector<absl::Duration> Ingest(size_t rounds) {
    IngestSession session(hub_port());
    std::vector<absl::Duration> times;
    for (size_t round = 0; round < rounds; ++round) {
      std::vector<v1::Delivery> deliveries;
      ++update_;
      for (size_t i = 0; i < kDeliveriesARound; ++i) {
        deliveries.push_back(MakeDelivery(absl::StrCat("large-", i), update_, kIncidentBytes));
      }
      const absl::Time start = absl::Now();
      const auto receipts = session.Send(std::move(deliveries));
      times.push_back(absl::Now() - start);
      EXPECT_OK(receipts);
      if (!receipts.ok()) break;
      last_sequence_ = receipts->back().accepted().sequence();
    }
    return times;
  }

  static absl::Duration Median(std::vector<absl::Duration> times) {
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                     times.end());
    return times[times.size() / 2];
  }

  int64_t update_ = 0;
  uint64_t last_sequence_ = 0;
};

TEST_F(SlowSubscriberTest, CostsNoMemoryAndDelaysNobody) {
  const auto healthy = Subscribe();
  ASSERT_TRUE(healthy->WaitForSnapshot(kPatience));
  const absl::Duration alone = Median(Ingest(kRounds / 2));
  ASSERT_TRUE(healthy->WaitForSequence(last_sequence_, kPatience));
  const absl::StatusOr<uint64_t> before = ResidentBytes(hub().process().pid());
  ASSERT_OK(before);

  // Some whose program does not read, some whose machine does not.
  SubscriberPool lazy({.port = hub_port(), .subscribers = 4, .from_now = true, .reads = false});
  std::vector<OwnedFd> hung;
  for (int i = 0; i < 4; ++i) {
    absl::StatusOr<OwnedFd> fd = OpenStalledSubscriber(hub_port());
    ASSERT_OK(fd);
    hung.push_back(*std::move(fd));
  }
  ASSERT_TRUE(WaitForMetric(hub(), "incidenthub_subscriptions", 9));

  const absl::Duration beside = Median(Ingest(kRounds));
  const absl::Time ingested = absl::Now();
  ASSERT_TRUE(healthy->WaitForSequence(last_sequence_, kPatience));
  const absl::Duration behind = absl::Now() - ingested;
  const absl::StatusOr<uint64_t> after = ResidentBytes(hub().process().pid());
  ASSERT_OK(after);

  std::cout << "Ingest of " << kDeliveriesARound << " x " << kIncidentBytes
            << " bytes, median: " << alone << " alone, " << beside
            << " beside 8 subscribers that do not read\n"
            << "Resident memory: " << (*before >> 20U) << " MiB before, " << (*after >> 20U)
            << " MiB after " << (kStreamedBytes >> 20U) << " MiB of events\n"
            << "The healthy subscriber had everything " << behind << " after the last receipt\n";
  EXPECT_LT(*after, *before + kGrowthMax);
  EXPECT_LT(beside, 4 * alone + absl::Milliseconds(20));
  EXPECT_LT(behind, absl::Seconds(5));
  EXPECT_THAT(CheckGuarantees(healthy->history(), {}), IsEmpty());
  EXPECT_EQ(healthy->history().entry_count, (kRounds / 2 + kRounds) * kDeliveriesARound);
}

TEST_F(SlowSubscriberTest, GetsEverythingOnceItReads) {
  // Behind the ring, and so served from disk.
  const auto first = Subscribe();
  ASSERT_TRUE(first->WaitForSnapshot(kPatience));
  const std::string token = first->history().last_token;
  first->Stop();
  Ingest(20);
  const auto late =
      Subscribe({.start = StreamStart::kToken, .resume_token = token, .reconnect = false});
  Ingest(20);
  ASSERT_TRUE(late->WaitForSequence(last_sequence_, kPatience));
  const StreamHistory history = late->history();
  EXPECT_EQ(history.entry_count, 40 * kDeliveriesARound);
  EXPECT_EQ(history.reset_count, 0u);
  EXPECT_THAT(CheckGuarantees(history, {}), IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
