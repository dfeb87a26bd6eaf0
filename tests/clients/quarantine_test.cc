// The quarantine, for programs and for people.

#include "clients/cli/quarantine.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cpp/incident_client.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/cli_fixture.h"
#include "tests/support/fake_quarantine_service.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;

v1::QuarantinedBody MakeBody(uint64_t id, const std::string& reason = "/incident/id: is missing") {
  v1::QuarantinedBody body;
  body.set_id(id);
  body.set_source("bigpanda-eu");
  body.set_kind("bigpanda");
  body.set_reason(reason);
  body.mutable_receive_time()->set_seconds(1'790'000'000);
  body.set_size(4);
  return body;
}

v1::ReplayQuarantinedResponse Replayed() {
  v1::ReplayQuarantinedResponse response;
  v1::Receipt* receipt = response.add_receipts();
  receipt->mutable_accepted()->set_incident_id("i-1\x1b[2J");
  receipt->mutable_accepted()->set_sequence(40);
  receipt = response.add_receipts();
  receipt->set_id(2);
  receipt->mutable_accepted()->set_incident_id("i-2");
  receipt->mutable_accepted()->set_sequence(31);
  receipt->mutable_accepted()->set_duplicate(true);
  receipt = response.add_receipts();
  receipt->set_id(3);
  receipt->mutable_ignored();
  receipt = response.add_receipts();
  receipt->set_id(4);
  receipt->mutable_quarantined()->set_id(19);
  return response;
}

class QuarantineTest : public CliTest {
 protected:
  testing::FakeQuarantineService& quarantine() { return hub_.quarantine(); }

  const IncidentClient client_{{.address = hub_.address(), .timeout = testing::kWaitMax}};
};

TEST_F(QuarantineTest, TheClientListsAllPagesUntilItIsTold) {
  for (uint64_t id = 5; id > 0; --id) quarantine().Put(MakeBody(id));
  quarantine().set_page_size(2);
  std::vector<uint64_t> ids;
  EXPECT_OK(client_.ListQuarantined([&](const v1::QuarantinedBody& body) {
    ids.push_back(body.id());
    return true;
  }));
  EXPECT_THAT(ids, ElementsAre(5, 4, 3, 2, 1));
  EXPECT_EQ(quarantine().lists().size(), 3U);
  EXPECT_OK(client_.ListQuarantined([&](const v1::QuarantinedBody&) { return false; }));
  EXPECT_EQ(quarantine().lists().size(), 4U);
}

TEST_F(QuarantineTest, TheClientHandsOnWhatTheHubSays) {
  quarantine().Put(MakeBody(17), "{}");
  quarantine().AnswerReplays(Replayed());
  EXPECT_EQ(client_.GetQuarantined(17)->raw(), "{}");
  EXPECT_EQ(client_.ReplayQuarantined(17)->receipts_size(), 4);
  EXPECT_THAT(client_.GetQuarantined(17), HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(client_.ReplayQuarantined(17), HasReason("QUARANTINED_NOT_FOUND"));
}

TEST_F(QuarantineTest, BodiesAreListedAsATable) {
  quarantine().Put(MakeBody(18, "no\x1b[2J"));
  v1::QuarantinedBody bare;
  bare.set_id(7);
  quarantine().Put(bare);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"quarantine"}, {"quarantine", "list"}}) {
    const Result result = Run(words);
    EXPECT_EQ(result.code, ExitCode::kOk);
    EXPECT_EQ(result.out,
              "NUMBER  RECEIVED             SOURCE       KIND      BYTES  WHY\n"
              "18      2026-09-21 14:13:20  bigpanda-eu  bigpanda  4      no\\x1b[2J\n"
              "7       -                    -            -         0      -\n");
  }
}

TEST_F(QuarantineTest, BodiesAreListedAsJson) {
  quarantine().Put(MakeBody(18));
  const Result result = Run({"quarantine", "list", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(JsonLines(result.out), ElementsAre(HasSubstr(R"("id":"18")")));
}

TEST_F(QuarantineTest, NothingInQuarantineIsSaidAndNoError) {
  const Result result = Run({"quarantine"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "incidentctl: nothing is in quarantine\n");
}

TEST_F(QuarantineTest, ABodyGoesToAPipeByteForByte) {
  const std::string raw("{\"x\":\x1b\xFF\0}\r\n", 11);
  quarantine().Put(MakeBody(17), raw);
  const Result result = Run({"quarantine", "show", "17"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, raw);
  EXPECT_EQ(result.err,
            "incidentctl: 17: 4 bytes, from bigpanda-eu (bigpanda), received 2026-09-21 14:13:20\n"
            "  /incident/id: is missing\n");
}

TEST_F(QuarantineTest, ABodyCannotDriveATerminal) {
  terminal_ = true;
  quarantine().Put(MakeBody(17), "{\n\x1b[2J}");
  EXPECT_EQ(Run({"quarantine", "show", "17"}).out, "{\n\\x1b[2J}\n");
}

TEST_F(QuarantineTest, ABodyIsShownAsJson) {
  quarantine().Put(MakeBody(17), "{\xFF}");
  const Result result = Run({"quarantine", "show", "17", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(JsonLines(result.out), ElementsAre(HasSubstr(R"("raw":"e/99")")));
}

TEST_F(QuarantineTest, AReplaySaysWhatBecameOfEachItem) {
  quarantine().Put(MakeBody(17));
  quarantine().AnswerReplays(Replayed());
  const Result result = Run({"quarantine", "replay", "17"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out,
            "17: item 0: i-1\\x1b[2J (sequence 40)\n"
            "17: item 2: i-2, known already (sequence 31)\n"
            "17: item 3: ignored; it is about an incident that the hub does not hold\n"
            "17: the rest maps to no incident, and is kept as 19\n");
}

TEST_F(QuarantineTest, AReplayIsSaidAsJson) {
  quarantine().Put(MakeBody(17));
  const Result result = Run({"quarantine", "replay", "17", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "{\"id\":\"17\"}\n");
}

TEST_F(QuarantineTest, WhereOneIsNotReplayedTheOthersAreAllTheSame) {
  quarantine().Put(MakeBody(17));
  quarantine().Put(MakeBody(18));
  quarantine().FailNext(ReasonError("STILL_UNMAPPED", "nothing in it maps to an incident"));
  const Result result = Run({"quarantine", "replay", "17", "99", "18"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(quarantine().replayed(), ElementsAre(18));
  EXPECT_THAT(result.err, HasSubstr("quarantine replay 17: the hub refused: FAILED_PRECONDITION "
                                    "(STILL_UNMAPPED)"));
  EXPECT_THAT(result.err, HasSubstr("quarantine replay 99: the hub refused: NOT_FOUND"));
  EXPECT_THAT(result.err, HasSubstr("`incidentctl quarantine list` shows"));
}

TEST_F(QuarantineTest, WithoutAHubTheOthersAreNotTried) {
  int port = 0;
  { port = testing::FakeIncidentService().port(); }
  const std::string hub = absl::StrCat("--hub=127.0.0.1:", port);
  const Result result = Run({"quarantine", "replay", "17", "18", hub});
  EXPECT_EQ(result.code, ExitCode::kUnreachable);
  EXPECT_THAT(result.err, HasSubstr("Not tried: 18\n"));
  EXPECT_EQ(Run({"quarantine", "show", "17", hub}).code, ExitCode::kUnreachable);
  EXPECT_EQ(Run({"quarantine", "list", hub}).code, ExitCode::kUnreachable);
  EXPECT_EQ(Run({"quarantine", "show", "99"}).code, ExitCode::kRefused);
}

TEST_F(QuarantineTest, ItsPageIsShown) {
  const Result result = Run({"help", "quarantine"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, HasSubstr("incidentctl quarantine replay ID..."));
  EXPECT_THAT(Run({"help"}).out, HasSubstr("\n  quarantine "));
}

}  // namespace
}  // namespace incidenthub::client
