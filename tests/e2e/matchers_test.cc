// A subscriber that wants some of the incidents, over restarts of the hub.

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class MatchersTest : public HubTest {
 protected:
  void SetUp() override { StartHub(); }

  void Ingest(const std::string& id, int64_t update_seconds) {
    IngestSession session(hub_port());
    const auto receipts = session.Send({MakeDelivery(id, update_seconds)});
    ASSERT_OK(receipts);
    ASSERT_TRUE(receipts->at(0).has_accepted()) << receipts->at(0).ShortDebugString();
  }
  void Resolve(const std::string& id) {
    v1::ResolveRequest request;
    request.set_incident_id(id);
    request.set_actor("robin");
    ASSERT_OK(client().Resolve(request));
  }
};

TEST_F(MatchersTest, AFilteredStreamTellsWhoEntersChangesAndLeavesAcrossARestart) {
  Ingest("a", 1);
  Ingest("b", 1);
  Resolve("b");
  const auto subscriber = Subscribe({.matchers = {"state=open", "id=~[abc]"}});
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  Ingest("elsewhere", 1);
  Ingest("c", 1);
  Ingest("c", 2);
  Resolve("a");
  ASSERT_TRUE(subscriber->WaitFor(
      [](const StreamHistory& history) { return history.entry_count >= 4; }, kPatience));

  ASSERT_OK(hub().Stop());
  StartHub();
  Resolve("c");
  ASSERT_TRUE(subscriber->WaitFor(
      [](const StreamHistory& history) { return history.entry_count >= 5; }, kPatience));

  const StreamHistory history = subscriber->history();
  std::vector<std::pair<std::string, v1::Membership>> told;
  for (const RecordedEntry& entry : Entries(history)) {
    told.emplace_back(entry.incident_id, entry.membership);
  }
  EXPECT_THAT(told,
              ElementsAre(Pair("a", v1::MEMBERSHIP_ENTERED), Pair("c", v1::MEMBERSHIP_ENTERED),
                          Pair("c", v1::MEMBERSHIP_UPDATED), Pair("a", v1::MEMBERSHIP_LEFT),
                          Pair("c", v1::MEMBERSHIP_LEFT)));
  EXPECT_THAT(CheckGuarantees(history, {{"a", 1}}), IsEmpty());
  EXPECT_EQ(history.reset_count, 0U);

  std::vector<std::string> listed;
  EXPECT_OK(client().List({"state=open"}, [&listed](const v1::Incident& incident) {
    listed.push_back(incident.id());
    return true;
  }));
  EXPECT_THAT(listed, ElementsAre("elsewhere"));
}

}  // namespace
}  // namespace incidenthub::testing
