// The first promise: a webhook arrives, whole and at once, wherever somebody follows; a resolve
// comes back the same way; and a webhook that is sent twice is one.

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/follower.h"
#include "tests/e2e/grpcurl.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kSampleIncident[] = "6a1f0c3e9b2d47g58e6071ac";
// Within which a webhook is at a subscriber when nothing else goes on.
constexpr absl::Duration kAtOnce = absl::Milliseconds(50);
constexpr int kLatencyPosts = 10;

class MainPathTest : public HubTest {
 protected:
  void SetUp() override {
    StartBoth();
    follower_ = std::make_unique<Follower>(hub_port());
    ASSERT_TRUE(follower_->WaitFor(
        [](const Follower::Record& record) { return record.snapshot_ends > 0; }, kPatience));
  }

  // The event that a webhook became, as the follower got it.
  v1::Event PostAndReceive(absl::string_view body) {
    const uint64_t sequence = PostAccepted(body);
    const std::unique_ptr<Follower::Seen> seen = follower_->WaitForSequence(sequence, kPatience);
    EXPECT_NE(seen, nullptr) << "the event " << sequence << " did not come";
    return seen == nullptr ? v1::Event() : seen->entry.event();
  }

  std::unique_ptr<Follower> follower_;
};

TEST_F(MainPathTest, TheDocumentedSampleArrivesWhole) {
  const v1::Event event = PostAndReceive(DocumentedSample());

  EXPECT_EQ(event.type(), v1::EVENT_TYPE_OPENED);
  EXPECT_EQ(event.previous_sequence(), 0u);
  const v1::Incident& incident = event.incident();
  EXPECT_EQ(incident.id(), kSampleIncident);
  EXPECT_EQ(incident.state(), v1::STATE_OPEN);
  EXPECT_EQ(incident.status(), v1::STATUS_CRITICAL);
  EXPECT_EQ(incident.status_text(), "Critical");
  EXPECT_EQ(incident.source(), "bigpanda");
  EXPECT_EQ(incident.sequence(), event.sequence());
  EXPECT_EQ(incident.links().landing_page(), "http://bigp.example.com/5f0e9d8c7b6a4132");
  EXPECT_EQ(incident.environment().name(), "Production EU");
  EXPECT_EQ(incident.sender().name(), "Robin Example");

  ASSERT_THAT(incident.alerts(), SizeIs(2));
  EXPECT_THAT(incident.alerts(0).tags(), SizeIs(4));
  EXPECT_THAT(incident.alerts(1).tags(), SizeIs(4));
  EXPECT_EQ(incident.alerts(1).tags(3).name(), "runbook");
  EXPECT_EQ(incident.alerts(1).tags(3).text(), "https://runbooks.example.com/checkout/latency");

  ASSERT_THAT(incident.tags(), SizeIs(3));
  EXPECT_EQ(incident.tags(0).name(), "itd_priority_1");
  EXPECT_EQ(incident.tags(0).text(), "1000");
  EXPECT_EQ(incident.tags(0).json(), "1000");

  ASSERT_THAT(incident.related_changes(), SizeIs(1));
  const v1::RelatedChange& change = incident.related_changes(0);
  EXPECT_EQ(change.score(), 0.87);
  EXPECT_EQ(change.match_certainty(), "SUSPECT");
  ASSERT_THAT(change.history(), SizeIs(1));
  const absl::Time judged = absl::FromUnixSeconds(change.history(0).update_time().seconds()) +
                            absl::Nanoseconds(change.history(0).update_time().nanos());
  EXPECT_EQ(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", judged, absl::UTCTimeZone()),
            "2026-11-21T22:00:30.125Z");

  std::vector<std::string> types;
  for (const v1::SourceEvent& type : event.delivery().event_types()) types.push_back(type.name());
  EXPECT_THAT(types, ElementsAre("incident#new", "incident-tag#upserted", "incident-tag#upserted"));
}

TEST_F(MainPathTest, AWebhookIsAtASubscriberAtOnce) {
  absl::Duration best = absl::InfiniteDuration();
  for (int i = 0; i < kLatencyPosts; ++i) {
    const std::string body = SampleWith(absl::StrCat("latency-", i), 1'795'298'964);
    const absl::Time start = absl::Now();
    const uint64_t sequence = PostAccepted(body);
    const std::unique_ptr<Follower::Seen> seen = follower_->WaitForSequence(sequence, kPatience);
    ASSERT_NE(seen, nullptr);
    best = std::min(best, seen->time - start);
  }
  std::cout << "POST to subscriber, best of " << kLatencyPosts << ": " << best << "\n";
  EXPECT_LE(best, kAtOnce);
}

TEST_F(MainPathTest, AResolveByGrpcurlIsStreamed) {
  const std::string grpcurl = FindGrpcurl();
  if (grpcurl.empty()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  const v1::Event opened = PostAndReceive(DocumentedSample());

  // By reflection: it is given no proto file.
  const absl::StatusOr<Finished> resolve =
      RunProcess({grpcurl, "-plaintext", "-d",
                  absl::StrCat(R"({"incident_id":")", kSampleIncident,
                               R"(","actor":"robin","note":"rolled back"})"),
                  hub().address(), "incidenthub.v1.IncidentService/Resolve"},
                 kPatience);
  ASSERT_OK(resolve);
  ASSERT_EQ(resolve->exit_code, 0) << resolve->err;
  EXPECT_THAT(resolve->out, HasSubstr("\"changed\": true"));
  EXPECT_THAT(resolve->out, HasSubstr("STATE_RESOLVED"));

  const absl::StatusOr<v1::Incident> incident = client().Get(kSampleIncident);
  ASSERT_OK(incident);
  const auto seen = follower_->WaitForSequence(incident->sequence(), kPatience);
  ASSERT_NE(seen, nullptr);
  const v1::Event& event = seen->entry.event();
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_RESOLVED);
  EXPECT_EQ(event.previous_sequence(), opened.sequence());
  EXPECT_EQ(event.action().actor(), "robin");
  EXPECT_EQ(event.incident().state(), v1::STATE_RESOLVED);
  EXPECT_EQ(event.incident().resolution().origin(), v1::Resolution::ORIGIN_RESPONDER);
  EXPECT_EQ(event.incident().resolution().note(), "rolled back");
}

TEST_F(MainPathTest, AnErrorOfTheHubIsReadableInGrpcurl) {
  const std::string grpcurl = FindGrpcurl();
  if (grpcurl.empty()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  const absl::StatusOr<Finished> get =
      RunProcess({grpcurl, "-plaintext", "-d", R"({"incident_id":"nobody-knows"})", hub().address(),
                  "incidenthub.v1.IncidentService/GetIncident"},
                 kPatience);
  ASSERT_OK(get);
  EXPECT_NE(get->exit_code, 0);
  EXPECT_THAT(get->err, HasSubstr("NotFound"));
  EXPECT_THAT(get->err, HasSubstr("nobody-knows"));
  EXPECT_THAT(get->err, HasSubstr("INCIDENT_NOT_FOUND"));
}

TEST_F(MainPathTest, AWrongMatcherAndATokenOfOthersAreReadableInGrpcurl) {
  const std::string grpcurl = FindGrpcurl();
  if (grpcurl.empty()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  const auto subscribe = [&](const std::string& request) {
    return RunProcess({grpcurl, "-plaintext", "-d", request, hub().address(),
                       "incidenthub.v1.IncidentService/Subscribe"},
                      kPatience);
  };
  const absl::StatusOr<Finished> wrong = subscribe(R"({"matchers":["id=x","state=opne"]})");
  ASSERT_OK(wrong);
  EXPECT_NE(wrong->exit_code, 0);
  EXPECT_THAT(wrong->err, HasSubstr("InvalidArgument"));
  EXPECT_THAT(wrong->err, HasSubstr("MATCHER_INVALID"));
  EXPECT_THAT(wrong->err, HasSubstr("matchers[1]: at byte 6 of `state=opne`"));
  EXPECT_THAT(wrong->err, HasSubstr("open, acknowledged, resolved"));

  const auto subscriber = Subscribe({.matchers = {"state=open"}});
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  const absl::StatusOr<Finished> other =
      subscribe(absl::StrCat(R"({"matchers":["state=resolved"],"resume_token":")",
                             subscriber->history().last_token, R"("})"));
  ASSERT_OK(other);
  EXPECT_NE(other->exit_code, 0);
  EXPECT_THAT(other->err, HasSubstr("InvalidArgument"));
  EXPECT_THAT(other->err, HasSubstr("RESUME_TOKEN_OTHER_MATCHERS"));
}

TEST_F(MainPathTest, TheSameWebhookAgainIsADuplicateAndStreamsNothing) {
  const v1::Event event = PostAndReceive(DocumentedSample());

  const HttpResponse again = Post(DocumentedSample());
  EXPECT_EQ(again.status, 200);
  const absl::StatusOr<Accepted> accepted = ParseAccepted(again.body);
  ASSERT_OK(accepted);
  EXPECT_TRUE(accepted->duplicate);
  EXPECT_EQ(accepted->sequence, event.sequence());

  // A heartbeat travels on the path of events: what was to come before it has come. The second one
  // certainly began after the answer.
  int beats = 0;
  follower_->WaitFor(
      [&beats](const Follower::Record& record) {
        beats = record.heartbeats_since_entry;
        return true;
      },
      absl::ZeroDuration());
  ASSERT_TRUE(follower_->WaitFor(
      [beats](const Follower::Record& record) {
        return record.heartbeats_since_entry >= beats + 2;
      },
      kPatience));
  ASSERT_TRUE(follower_->WaitFor(
      [&event](const Follower::Record& record) {
        EXPECT_THAT(record.entries, SizeIs(1));
        EXPECT_EQ(record.entries.back().entry.event().sequence(), event.sequence());
        // Nowhere further than after that one event.
        EXPECT_EQ(record.heartbeat_token, record.entry_token);
        return true;
      },
      absl::ZeroDuration()));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_events_total", 1));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_duplicates_total", 1));
}

}  // namespace
}  // namespace incidenthub::testing
