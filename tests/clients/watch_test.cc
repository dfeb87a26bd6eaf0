#include "clients/cli/watch.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/cli_fixture.h"
#include "tests/clients/messages.h"
#include "tests/clients/sample_incident.h"
#include "tests/clients/tcp_black_hole.h"

namespace incidenthub::client {
namespace {

using testing::BatchMessage;
using testing::CompactedMessage;
using testing::FromText;
using ::testing::HasSubstr;
using testing::HeartbeatMessage;
using ::testing::IsEmpty;
using testing::MakeBriefLeft;
using testing::MakeEntry;
using ::testing::Not;
using testing::OpenedMessage;
using testing::ResetMessage;
using ::testing::SizeIs;
using testing::SnapshotEndMessage;
using v1::MEMBERSHIP_ENTERED;
using v1::MEMBERSHIP_UPDATED;

class WatchTest : public CliTest {
 protected:
  static v1::Entry Opened(const std::string& id, uint64_t sequence) {
    v1::Entry entry = MakeEntry(MEMBERSHIP_ENTERED, id, sequence, v1::EVENT_TYPE_OPENED);
    entry.mutable_event()->mutable_commit_time()->set_seconds(testing::kSampleSeconds);
    entry.mutable_event()->mutable_delivery()->set_source("bigpanda");
    return entry;
  }

  // A line of Opened(id, ...).
  static std::string LineOf(const std::string& id) {
    return absl::StrCat("2026-01-02 03:04:05 + opened         open         -/-               ",
                        Pad(id, 24), "  from bigpanda\n");
  }
};

TEST_F(WatchTest, AsksForWhatMatchesAndPrintsWhoLeftWithoutTheEvent) {
  hub_.Script({OpenedMessage("t1", 42), BatchMessage("t2", {Opened("a", 42)}),
               SnapshotEndMessage("t3", 42), BatchMessage("t4", {MakeBriefLeft("a", 43)})});
  const Result result = Run({"watch", "--match=state=open", "--match=severity!=ok", "--latest_only",
                             "--until_sequence=43"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, LineOf("a") +
                            "-                   - -              resolved     "
                            "-                 a\n");
  EXPECT_THAT(result.err, HasSubstr("these were all incidents that match; now the newest change"));
  EXPECT_THAT(result.err, HasSubstr("--resume_token=t4"));
  const v1::SubscribeRequest& request = hub_.WaitForStream(0)->request();
  EXPECT_THAT(request.matchers(), ::testing::ElementsAre("state=open", "severity!=ok"));
  EXPECT_EQ(request.mode(), v1::SubscribeRequest::MODE_LATEST_ONLY);
}

TEST_F(WatchTest, WhoLeftWithoutTheEventIsAnObjectOfItsOwn) {
  hub_.Script({OpenedMessage("t1", 42), BatchMessage("t4", {MakeBriefLeft("a", 43)})});
  const Result result = Run({"watch", "--latest_only", "--json", "--count=1"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out,
            "{\"membership\":\"MEMBERSHIP_LEFT\",\"incident_id\":\"a\",\"sequence\":\"43\","
            "\"state\":\"STATE_RESOLVED\",\"resume_token\":\"t4\"}\n");
}

TEST_F(WatchTest, AMatcherThatTheHubRefusesEndsItWithAHint) {
  hub_.Script({}, FieldError("MATCHER_INVALID", "matchers[0]", "at byte 6 of `state=opne`: ..."));
  const Result result = Run({"watch", "--match=state=opne"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("(MATCHER_INVALID): matchers[0]: at byte 6 of `state=opne`"));
  EXPECT_THAT(result.err, HasSubstr("Hint: in a shell a matcher stands in single quotes"));
}

TEST_F(WatchTest, PrintsOneLineAChangeUntilItIsInterrupted) {
  v1::Entry acked;
  acked.set_membership(MEMBERSHIP_UPDATED);
  *acked.mutable_event() = FromText<v1::Event>(R"pb(
    sequence: 43
    type: EVENT_TYPE_ACKNOWLEDGED
    commit_time { seconds: 1767323225 }
    action { actor: "alice" note: "looking" }
  )pb");
  *acked.mutable_event()->mutable_incident() = testing::SampleIncident();
  hub_.Script({OpenedMessage("t1", 42), BatchMessage("t2", {Opened("a", 42)}),
               SnapshotEndMessage("t3", 42), BatchMessage("t4", {acked})});
  hub_.Script({OpenedMessage("t5", 43)});
  std::thread interrupter([this] {
    // Once the second stream is open, the first has been printed.
    hub_.WaitForStream(0)->End(absl::UnavailableError("restarting"));
    ASSERT_NE(hub_.WaitForStream(1), nullptr);
    EXPECT_TRUE(Interrupt());
  });
  const Result result = Run({"watch"});
  interrupter.join();
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, LineOf("a") +
                            "2026-01-02 03:07:05 ~ acknowledged   acknowledged critical/warning  "
                            "5f1e7a0c                  host=web-2 check=CPU: CPU over 90% "
                            "(+1 alert)  by alice: looking\n");
  EXPECT_THAT(result.err, HasSubstr("these were all incidents; now every change\n"));
  EXPECT_THAT(result.err, HasSubstr("lost the hub: UNAVAILABLE: restarting; trying again in "));
  EXPECT_THAT(result.err, HasSubstr("to go on from here: incidentctl watch --resume_token=t"));
  EXPECT_FALSE(interrupt_is_set());
  EXPECT_TRUE(hub_.WaitForStream(0)->request().has_snapshot());
  EXPECT_EQ(hub_.WaitForStream(0)->request().client(), "incidentctl");
  EXPECT_EQ(hub_.WaitForStream(1)->request().resume_token(), "t4");
}

TEST_F(WatchTest, ReconnectIsReportedAndNothingIsPrintedTwice) {
  hub_.Script({OpenedMessage("t1", 1), BatchMessage("t2", {Opened("a", 1)})}, absl::OkStatus());
  hub_.Script({OpenedMessage("t3", 2), BatchMessage("t4", {Opened("b", 2)})});
  const Result result = Run({"watch", "--count=2"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, LineOf("a") + LineOf("b"));
  EXPECT_THAT(result.err,
              ::testing::ContainsRegex("the hub ended the stream; trying again in [0-9.a-z]+\n"
                                       "incidentctl: connected again\n"
                                       "incidentctl: to go on from here: incidentctl watch "
                                       "--resume_token=t4\n"));
}

TEST_F(WatchTest, StartsWhereItIsTold) {
  hub_.Script({OpenedMessage("t1", 1), BatchMessage("t2", {Opened("a", 1)})});
  Run({"watch", "--count=1", "--resume_token=kept"});
  EXPECT_EQ(hub_.WaitForStream(0)->request().resume_token(), "kept");
  hub_.Script({OpenedMessage("t1", 1), BatchMessage("t2", {Opened("a", 2)})});
  Run({"watch", "--count=1", "--from_now"});
  EXPECT_TRUE(hub_.WaitForStream(1)->request().has_from_now());
}

TEST_F(WatchTest, CountStopsInMidMessageAndTheTokenIsTheOneThatSkipsNothing) {
  hub_.Script({OpenedMessage("t1", 3),
               BatchMessage("t2", {Opened("a", 1), Opened("b", 2), Opened("c", 3)})});
  const Result result = Run({"watch", "--count=2"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, LineOf("a") + LineOf("b"));
  EXPECT_THAT(result.err, HasSubstr("--resume_token=t1\n"));
}

TEST_F(WatchTest, UntilSequenceStopsAtTheFirstEntryThatReachesIt) {
  hub_.Script({OpenedMessage("t1", 9), BatchMessage("t2", {Opened("a", 4), Opened("b", 7)}),
               BatchMessage("t3", {Opened("c", 9)})});
  const Result result = Run({"watch", "--until_sequence=6"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, LineOf("a") + LineOf("b"));
}

TEST_F(WatchTest, UntilSequenceStopsAtTheEndOfASnapshotThatReachesIt) {
  hub_.Script(
      {OpenedMessage("t1", 9), BatchMessage("t2", {Opened("a", 4)}), SnapshotEndMessage("t3", 9)});
  EXPECT_EQ(Run({"watch", "--until_sequence=8"}).out, LineOf("a"));
}

TEST_F(WatchTest, UntilSequenceStopsAtAHeartbeatThatReachesIt) {
  hub_.Script({OpenedMessage("t1", 3), HeartbeatMessage("t2", 3), HeartbeatMessage("t3", 5)});
  const Result result = Run({"watch", "--until_sequence=5", "--resume_token=t0"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.err, HasSubstr("--resume_token=t3\n"));
}

TEST_F(WatchTest, UntilSequenceThatIsPastAlreadyEndsAWatchFromNowAtOnce) {
  hub_.Script({OpenedMessage("t1", 5)});
  EXPECT_EQ(Run({"watch", "--until_sequence=5", "--from_now"}).code, ExitCode::kOk);
  // With a token, what is between it and the head is still to come.
  hub_.Script({OpenedMessage("t1", 5), BatchMessage("t2", {Opened("a", 5)})});
  EXPECT_EQ(Run({"watch", "--until_sequence=5", "--resume_token=t0"}).out, LineOf("a"));
}

TEST_F(WatchTest, JsonHasTheEntryItsTokenAndTheMarksThatKeepACopyExact) {
  const v1::Entry hostile = Opened("b\"\x1b", 2);
  hub_.Script({OpenedMessage("t1", 2), ResetMessage("t2", "restored \x1b"),
               BatchMessage("t3", {Opened("a", 1), hostile}), SnapshotEndMessage("t4", 2),
               HeartbeatMessage("t5", 3)});
  const Result result = Run({"watch", "--json", "--until_sequence=3"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
  const std::vector<std::string> lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0], R"({"reset":{"reason":"restored \u001b"},"resume_token":"t2"})");
  EXPECT_EQ(lines[1], R"({"membership":"MEMBERSHIP_ENTERED","event":{"sequence":"1",)"
                      R"("type":"EVENT_TYPE_OPENED","incident":{"id":"a","state":"STATE_OPEN",)"
                      R"("sequence":"1"},"commit_time":"2026-01-02T03:04:05Z",)"
                      R"("delivery":{"source":"bigpanda"}},"resume_token":"t2"})");
  EXPECT_THAT(lines[2], HasSubstr(R"("id":"b\"\u001b")"));
  EXPECT_THAT(lines[2], HasSubstr(R"("resume_token":"t3")"));
  EXPECT_EQ(lines[3], R"({"snapshot_end":{"sequence":"2"},"resume_token":"t4"})");
}

TEST_F(WatchTest, WhatTheHubHasDroppedIsSaid) {
  const auto script = [this] {
    hub_.Script({OpenedMessage("t1", 9), CompactedMessage("t2", 3, 9),
                 BatchMessage("t3", {Opened("a", 9)})});
  };
  script();
  const Result text = Run({"watch", "--resume_token=t0", "--until_sequence=9"});
  EXPECT_EQ(text.out, LineOf("a"));
  EXPECT_THAT(text.err, HasSubstr("the hub has dropped old changes; from 3 to 9 only the newest of "
                                  "each incident comes\n"));
  script();
  const Result json = Run({"watch", "--resume_token=t0", "--until_sequence=9", "--json"});
  EXPECT_EQ(JsonLines(json.out).at(0),
            R"({"compacted":{"from_sequence":"3","to_sequence":"9"},"resume_token":"t2"})");
}

TEST_F(WatchTest, HistoryIsRequiredOnlyIfAskedFor) {
  hub_.Script({OpenedMessage("t1", 5)});
  Run({"watch", "--until_sequence=5", "--from_now", "--require_history"});
  EXPECT_TRUE(hub_.WaitForStream(0)->request().require_history());
  hub_.Script({OpenedMessage("t1", 5)});
  Run({"watch", "--until_sequence=5", "--from_now"});
  EXPECT_FALSE(hub_.WaitForStream(1)->request().require_history());
}

TEST_F(WatchTest, HubThatRefusesExitsWithOneAndSaysWhy) {
  hub_.Script({}, FieldError("RESUME_TOKEN_INVALID", "resume_token", "is none of this hub's"));
  const Result result = Run({"watch", "--resume_token=x"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("watch: the hub refused: INVALID_ARGUMENT "
                                    "(RESUME_TOKEN_INVALID)"));
  EXPECT_THAT(result.err, HasSubstr("resume_token: is none of this hub's\n"));
  EXPECT_FALSE(interrupt_is_set());
}

TEST_F(WatchTest, HubThatIsNotThereIsTriedForTheTimeoutAndThenExitsWithThree) {
  int port = 0;
  { port = testing::FakeIncidentService().port(); }
  const absl::Time begin = absl::Now();
  const Result result = Run({"watch", absl::StrCat("--hub=127.0.0.1:", port), "--timeout=300ms"});
  EXPECT_EQ(result.code, ExitCode::kUnreachable);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("watch: no answer from a hub at"));
}

TEST_F(WatchTest, HubThatSaysNothingExitsWithThree) {
  EXPECT_EQ(Run({"watch", "--timeout=50ms"}).code, ExitCode::kUnreachable);
  const testing::TcpBlackHole black_hole;
  EXPECT_EQ(Run({"watch", "--timeout=50ms", "--hub", black_hole.address()}).code,
            ExitCode::kUnreachable);
}

TEST_F(WatchTest, HubThatRefusesForNowFromTheBeginningExitsWithOne) {
  const absl::Status full =
      ReasonError(absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS", "too many");
  hub_.Script({}, WithRetryDelay(full, absl::Seconds(30)));
  const Result result = Run({"watch"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("RESOURCE_EXHAUSTED (TOO_MANY_STREAMS): too many\n"
                                    "  Try again in 30s.\n"));
}

TEST_F(WatchTest, OutputThatTakesNoMoreEndsIt) {
  hub_.Script({OpenedMessage("t1", 2), BatchMessage("t2", {Opened("a", 1)}),
               BatchMessage("t3", {Opened("b", 2)})});
  std::ostringstream broken;
  broken.setstate(std::ios::badbit);
  const Result result = RunTo({"watch"}, broken, [] { return ""; });
  EXPECT_EQ(result.code, ExitCode::kOutput);
  EXPECT_THAT(result.err, HasSubstr("the output could not be written"));
  EXPECT_THAT(result.err, Not(HasSubstr("to go on from here")));
}

TEST_F(WatchTest, InterruptWhileThereIsNoHubIsOk) {
  int port = 0;
  { port = testing::FakeIncidentService().port(); }
  std::thread interrupter([this] { EXPECT_TRUE(Interrupt()); });
  const Result result = Run({"watch", absl::StrCat("--hub=127.0.0.1:", port), "--timeout=1h"});
  interrupter.join();
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace incidenthub::client
