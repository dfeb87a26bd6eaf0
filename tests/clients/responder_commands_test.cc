// What responders do beyond ack and resolve: take back, set an end, repeat safely, look back.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/cli_fixture.h"

namespace incidenthub::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ResponderCommandsTest : public CliTest {
 protected:
  void PutOpen(const std::string& id) {
    v1::Incident incident;
    incident.set_id(id);
    incident.set_state(v1::STATE_OPEN);
    hub_.Put(incident);
  }
  // The next event of "a".
  void PutEvent(uint64_t sequence, v1::EventType type, const std::string& actor) {
    v1::Event event;
    event.set_sequence(sequence);
    event.set_type(type);
    event.mutable_commit_time()->set_seconds(1'767'323'045);
    event.mutable_incident()->set_id("a");
    event.mutable_incident()->set_state(v1::STATE_OPEN);
    if (actor.empty()) {
      event.mutable_system()->set_reason(v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED);
    } else {
      event.mutable_action()->set_actor(actor);
    }
    hub_.PutEvent(event);
  }
};

TEST_F(ResponderCommandsTest, UnackSaysWhatChanged) {
  PutOpen("a");
  ASSERT_EQ(Run({"ack", "a"}).code, ExitCode::kOk);
  Result result = Run({"unack", "a", "--note=off call", "--actor=bob"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "a: open (sequence 1001)\n");
  result = Run({"unack", "a"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "a: already open; nothing changed\n");
  ASSERT_THAT(hub_.unacks(), SizeIs(2));
  EXPECT_EQ(hub_.unacks()[0].note(), "off call");
  EXPECT_EQ(hub_.unacks()[0].actor(), "bob");
  EXPECT_EQ(Run({"unack", "nope"}).code, ExitCode::kRefused);
}

TEST_F(ResponderCommandsTest, AnAckEndsWhenItIsToldTo) {
  PutOpen("a");
  PutOpen("b");
  const absl::Time before = absl::Now();
  ASSERT_EQ(Run({"ack", "a", "--expire=2h"}).code, ExitCode::kOk);
  const absl::Time after = absl::Now();
  const Result result = Run({"ack", "b", "--expire=2026-01-02T15:04:05Z"});
  EXPECT_EQ(result.out, "b: acknowledged by alice until 2026-01-02 15:04:05 (sequence 1001)\n");
  ASSERT_EQ(Run({"ack", "b"}).code, ExitCode::kOk);
  ASSERT_THAT(hub_.acks(), SizeIs(3));
  const google::protobuf::Timestamp expiry = hub_.acks()[0].expire_time();
  const absl::Time time =
      absl::FromUnixSeconds(expiry.seconds()) + absl::Nanoseconds(expiry.nanos());
  EXPECT_GE(time, before + absl::Hours(2) - absl::Nanoseconds(1)) << "cut to nanoseconds";
  EXPECT_LE(time, after + absl::Hours(2));
  EXPECT_EQ(hub_.acks()[1].expire_time().seconds(), 1'767'366'245);
  EXPECT_FALSE(hub_.acks()[2].has_expire_time());
  EXPECT_THAT(Run({"get", "b"}).out, HasSubstr(", until 2026-01-02 15:04:05"));
}

TEST_F(ResponderCommandsTest, ARequestIdIsSentAlong) {
  PutOpen("a");
  Run({"ack", "a", "--request_id=r-1"});
  Run({"unack", "a", "--request_id=r-2"});
  Run({"resolve", "a", "--request_id=r-3"});
  EXPECT_EQ(hub_.acks().at(0).request_id(), "r-1");
  EXPECT_EQ(hub_.unacks().at(0).request_id(), "r-2");
  EXPECT_EQ(hub_.resolves().at(0).request_id(), "r-3");
  hub_.FailNext(FieldError("REQUEST_ID_REUSED", "request_id", "was the id of another command"));
  const Result result = Run({"ack", "a", "--request_id=r-3"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("INVALID_ARGUMENT (REQUEST_ID_REUSED)"));
  EXPECT_THAT(result.err, HasSubstr("Hint: with --expire give a time"));
}

TEST_F(ResponderCommandsTest, HistoryIsALineAnEventTheNewestFirst) {
  PutOpen("a");
  PutEvent(1, v1::EVENT_TYPE_ACKNOWLEDGED, "ada\x1b");
  PutEvent(2, v1::EVENT_TYPE_UNACKNOWLEDGED, "");
  const Result result = Run({"history", "a"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[0], HasSubstr("2026-01-02 03:04:05 unacknowledged open"));
  EXPECT_THAT(lines[0], HasSubstr("by the hub: the acknowledgement expired"));
  EXPECT_THAT(lines[1], HasSubstr("acknowledged   open"));
  EXPECT_THAT(lines[1], HasSubstr("by ada\\x1b"));
}

TEST_F(ResponderCommandsTest, HistorySaysWhatTheHubHasDropped) {
  PutOpen("a");
  PutEvent(5, v1::EVENT_TYPE_UPDATED, "ada");
  EXPECT_EQ(Run({"history", "a"}).err, "");
  PutOpen("b");
  v1::Event event;
  event.set_sequence(7);
  event.set_previous_sequence(6);
  event.mutable_incident()->set_id("b");
  hub_.PutEvent(event);
  const Result result = Run({"history", "b"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.err, "incidentctl: what happened before, the hub has dropped\n");
}

TEST_F(ResponderCommandsTest, HistoryCanBeCutAndPrintedAsJson) {
  PutOpen("a");
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    PutEvent(sequence, v1::EVENT_TYPE_UPDATED, "ada");
  }
  hub_.set_page_size(2);
  const Result result = Run({"history", "a", "--count=3", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  const std::vector<std::string> lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[0], HasSubstr("\"sequence\":\"5\""));
  EXPECT_THAT(lines[2], HasSubstr("\"sequence\":\"3\""));
  EXPECT_THAT(JsonLines(Run({"history", "a", "--json"}).out), SizeIs(5));
}

TEST_F(ResponderCommandsTest, HistoryOfAnUnknownIdIsRefused) {
  const Result result = Run({"history", "nope"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("history nope: the hub refused: NOT_FOUND"));
}

}  // namespace
}  // namespace incidenthub::client
