// Real binaries under a retention of seconds: whoever was away comes back to what there is, through
// kill -9 too, and resolved incidents go.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Kind = v1::SubscribeResponse;

class RetentionTest : public HubTest {
 protected:
  void Start() {
    StartHub({"--retain_events=1s", "--retain_resolved=1s", "--retain_tombstones=24h"});
  }
  uint64_t Ingest(const std::string& id, int64_t update) {
    IngestSession session(hub_port());
    const auto receipts = session.Send({MakeDelivery(id, update)});
    EXPECT_OK(receipts);
    return receipts.ok() ? receipts->at(0).accepted().sequence() : 0;
  }
  std::string TokenHere() {
    const auto subscriber = Subscribe({});
    EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
    return subscriber->history().last_token;
  }
  bool WaitForFloor(uint64_t floor) {
    return WaitForMetric(hub(), "incidenthub_floor_sequence", static_cast<double>(floor));
  }
  // What a stream that resumes here is sent until it holds everything again.
  StreamHistory CatchUp(const std::string& token) {
    const auto subscriber = Subscribe({.start = StreamStart::kToken, .resume_token = token});
    EXPECT_TRUE(subscriber->WaitFor(
        [](const StreamHistory& history) { return history.snapshot_end_count > 0; }, kPatience));
    return subscriber->history();
  }
  static std::vector<uint64_t> Sequences(const StreamHistory& history) {
    std::vector<uint64_t> sequences;
    for (const RecordedEntry& entry : Entries(history)) sequences.push_back(entry.sequence);
    return sequences;
  }
};

TEST_F(RetentionTest, WhoWasAwayGetsTheNewestOfWhatChangedThroughAKillToo) {
  Start();
  Ingest("same", 1);
  Ingest("a", 1);
  const std::string token = TokenHere();
  for (int64_t update = 2; update <= 5; ++update) Ingest("a", update);
  const uint64_t b = Ingest("b", 1);
  Ingest("a", 6);
  const uint64_t a = Ingest("a", 7);
  ASSERT_TRUE(WaitForFloor(a));
  for (int round = 0; round < 2; ++round) {
    // What is on the ring is sent from there, dropped or not; a new process has none.
    hub().Kill();
    Start();
    ASSERT_TRUE(WaitForFloor(a)) << "it came back with what it had dropped";
    const StreamHistory history = CatchUp(token);
    ASSERT_GE(history.streams[0].messages.size(), 2U);
    EXPECT_EQ(history.streams[0].messages[1].kind, Kind::kCompacted);
    EXPECT_THAT(Sequences(history), ElementsAre(b, a)) << "round " << round;
  }
}

TEST_F(RetentionTest, AResolvedIncidentGoesAndEverybodyHears) {
  Start();
  Ingest("open", 1);
  Ingest("shut", 1);
  const std::string before = TokenHere();
  const auto subscriber = Subscribe({});
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  v1::ResolveRequest resolve;
  resolve.set_incident_id("shut");
  resolve.set_actor("ada");
  const auto resolved = client().Resolve(resolve);
  ASSERT_OK(resolved);
  const uint64_t purge = resolved->incident().sequence() + 1;
  ASSERT_TRUE(subscriber->WaitForSequence(purge, kPatience));
  const RecordedEntry last = Entries(subscriber->history()).back();
  EXPECT_EQ(last.type, v1::EVENT_TYPE_PURGED);
  EXPECT_EQ(last.membership, v1::MEMBERSHIP_LEFT);
  EXPECT_EQ(last.incident_id, "shut");
  EXPECT_THAT(client().Get("shut"), HasReason("INCIDENT_NOT_FOUND"));

  ASSERT_TRUE(WaitForFloor(purge));
  hub().Kill();
  Start();
  const std::vector<RecordedEntry> told = Entries(CatchUp(before));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].membership, v1::MEMBERSHIP_LEFT);
  EXPECT_EQ(told[0].sequence, purge);
  EXPECT_EQ(ListSequences().count("shut"), 0U);
  EXPECT_EQ(ListSequences().count("open"), 1U);
  // Its source knows it still, so it comes anew.
  Ingest("shut", 9);
  EXPECT_OK(client().Get("shut"));
}

}  // namespace
}  // namespace incidenthub::testing
