// What maps to no incident, from the POST to whoever looks at it, and what becomes of it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class QuarantineTest : public HubTest {
 protected:
  Finished Incidentctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinaryPath("incidentctl"));
    arguments.push_back(absl::StrCat("--hub=", hub().address()));
    const auto finished = RunProcess(arguments, kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *finished : Finished();
  }

  // As a gateway sends it whose decoder does not understand it; returns its number.
  uint64_t Quarantine(const std::string& raw) {
    v1::Delivery delivery;
    delivery.set_source("bigpanda");
    delivery.mutable_unmapped()->set_raw(raw);
    delivery.mutable_unmapped()->set_reason("an older decoder did not understand it");
    delivery.mutable_unmapped()->set_kind("bigpanda");
    IngestSession session(hub_port());
    const auto receipts = session.Send({delivery});
    EXPECT_OK(receipts);
    return receipts.ok() ? receipts->at(0).quarantined().id() : 0;
  }
};

TEST_F(QuarantineTest, ABodyThatMapsToNothingIsAnsweredWithItsNumberAndThereAfterACrash) {
  StartBoth();
  const std::string body = "{\"incident\" : {},\r\n \"note\": \"\xC3\xA4\\u0000\" }\n";
  const HttpResponse response = Post(body);
  EXPECT_EQ(response.status, 422);
  EXPECT_THAT(response.body, HasSubstr("kept in quarantine as 1"));
  EXPECT_EQ(Post("[]").status, 422);

  hub().Kill();
  StartHub();
  const Finished listed = Incidentctl({"quarantine", "list"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out, AllOf(HasSubstr("\n1 "), HasSubstr("\n2 "), HasSubstr("bigpanda"),
                                HasSubstr("/incident/id")));
  const Finished shown = Incidentctl({"quarantine", "show", "1"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out, body);
  EXPECT_THAT(shown.err, HasSubstr("/incident/id"));

  const Finished replayed = Incidentctl({"quarantine", "replay", "1"});
  EXPECT_EQ(replayed.exit_code, 1);
  EXPECT_THAT(replayed.err, HasSubstr("STILL_UNMAPPED"));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_quarantine_bodies", 2));
}

TEST_F(QuarantineTest, WhatTheHubUnderstandsByNowIsReplayedOnceAndStaysSoAfterACrash) {
  StartBoth();
  const std::string body = SmallIncident("i-1", 1'790'000'100);
  ASSERT_EQ(Quarantine(body), 1U);
  const Finished replayed = Incidentctl({"quarantine", "replay", "1"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_EQ(replayed.out, "1: item 0: i-1 (sequence 1)\n");

  hub().Kill();
  StartHub();
  EXPECT_EQ(ListSequences(), (std::map<std::string, uint64_t>{{"i-1", 1}}));
  const Finished again = Incidentctl({"quarantine", "replay", "1"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("QUARANTINED_NOT_FOUND"));
  // The gateway makes the same digest of it.
  const auto accepted = ParseAccepted(Post(body).body);
  ASSERT_OK(accepted);
  EXPECT_TRUE(accepted->duplicate);
  EXPECT_EQ(accepted->sequence, 1U);
  EXPECT_EQ(Quarantine("{}"), 2U) << "no number comes again";
}

TEST_F(QuarantineTest, ABodyLeavesOnceItIsTooOld) {
  StartHub({"--retain_quarantined=1s"});
  ASSERT_EQ(Quarantine("{}"), 1U);
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_quarantine_dropped_total", 1));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_quarantine_bodies", 0));
}

}  // namespace
}  // namespace incidenthub::testing
