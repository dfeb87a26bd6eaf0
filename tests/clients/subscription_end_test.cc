// How streams and subscriptions come to an end: the watchdog, errors that no retry mends, Stop().

#include <atomic>

#include "absl/synchronization/notification.h"
#include "clients/cpp/subscription.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/following.h"
#include "tests/clients/messages.h"
#include "tests/clients/tcp_black_hole.h"
#include "tests/support/fake_incident_service.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using testing::BatchMessage;
using ::testing::ElementsAre;
using testing::FakeIncidentService;
using testing::HasCode;
using testing::HasReason;
using testing::HeartbeatMessage;
using testing::MakeEntry;
using testing::OpenedMessage;
using v1::MEMBERSHIP_ENTERED;

TEST(WatchdogTest, SilentStreamIsCancelledAndOpenedAgain) {
  FakeIncidentService hub;
  constexpr absl::Duration kInterval = absl::Milliseconds(30);
  hub.Script({OpenedMessage("t1", 0, kInterval), HeartbeatMessage("t2", 0)});
  Following following(hub.address(), Impatient());
  const absl::Time begin = absl::Now();
  following.Start();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_GE(next->start_time() - begin, kSilentIntervalsMax * kInterval);
  EXPECT_EQ(next->request().resume_token(), "t2");
  EXPECT_THAT(following.last_loss(), HasCode(absl::StatusCode::kDeadlineExceeded));
  // The hub is told, so that it holds no dead stream.
  EXPECT_TRUE(hub.WaitForStream(0)->WaitUntilDone());
}

TEST(WatchdogTest, HubThatNeverOpensTheStreamIsGivenUpAfterTheOpenTimeout) {
  FakeIncidentService hub;
  SubscriptionOptions options = Impatient();
  options.open_timeout = absl::Milliseconds(50);
  Following following(hub.address(), options);
  following.Start();
  ASSERT_NE(hub.WaitForStream(1), nullptr);
  EXPECT_THAT(following.last_loss(), HasCode(absl::StatusCode::kDeadlineExceeded));
}

TEST(WatchdogTest, OpenTimeoutHoldsWhileConnecting) {
  const testing::TcpBlackHole black_hole;
  SubscriptionOptions options = Impatient();
  options.open_timeout = absl::Milliseconds(50);
  Following following(black_hole.address(), options);
  following.Start();
  ASSERT_TRUE(following.WaitForLines(1));
  EXPECT_THAT(following.last_loss(), HasCode(absl::StatusCode::kDeadlineExceeded));
}

TEST(WatchdogTest, SlowHandlerIsNotASilentHub) {
  FakeIncidentService hub;
  constexpr absl::Duration kInterval = absl::Milliseconds(20);
  hub.Script({OpenedMessage("t1", 1, kInterval),
              BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 1)}),
              HeartbeatMessage("t3", 1)});
  absl::Notification never;
  Following following(hub.address(), Impatient(), [&](const std::string& line, Subscription& s) {
    // Busy for longer than the hub may be silent, while the heartbeat waits to be read.
    if (line[0] == '+') never.WaitForNotificationWithTimeout(5 * kSilentIntervalsMax * kInterval);
    if (line == "heartbeat 1") s.Stop();
  });
  following.Start();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_THAT(following.diary(), ElementsAre("opened 1", "+a@1 [t2]", "heartbeat 1"));
}

class PermanentErrorTest : public ::testing::TestWithParam<absl::StatusCode> {};

TEST_P(PermanentErrorTest, EndsTheSubscriptionAndIsReturnedWhole) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0)}, ReasonError(GetParam(), "FIELD_INVALID", "no"));
  Following following(hub.address(), Impatient());
  following.Start();
  const absl::Status end = following.WaitForEnd();
  EXPECT_THAT(end, HasCode(GetParam()));
  EXPECT_THAT(end, HasReason("FIELD_INVALID"));
  EXPECT_EQ(end.message(), "no");
  EXPECT_FALSE(IsRetryable(GetParam()));
  EXPECT_THAT(following.diary(), ElementsAre("opened 0"));
  EXPECT_EQ(hub.stream_count(), 1U);
  EXPECT_EQ(following.subscription().resume_token(), "t1");
}

INSTANTIATE_TEST_SUITE_P(
    Codes, PermanentErrorTest,
    ::testing::Values(absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
                      absl::StatusCode::kAlreadyExists, absl::StatusCode::kPermissionDenied,
                      absl::StatusCode::kFailedPrecondition, absl::StatusCode::kAborted,
                      absl::StatusCode::kOutOfRange, absl::StatusCode::kUnimplemented,
                      absl::StatusCode::kDataLoss, absl::StatusCode::kUnauthenticated),
    [](const auto& code) { return absl::StatusCodeToString(code.param); });

class PassingErrorTest : public ::testing::TestWithParam<absl::StatusCode> {};

TEST_P(PassingErrorTest, IsFollowedByAnotherAttempt) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0)}, absl::Status(GetParam(), "for now"));
  Following following(hub.address(), Impatient());
  following.Start();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->request().resume_token(), "t1");
  EXPECT_THAT(following.last_loss(), HasCode(GetParam()));
  EXPECT_TRUE(IsRetryable(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Codes, PassingErrorTest,
                         ::testing::Values(absl::StatusCode::kOk, absl::StatusCode::kCancelled,
                                           absl::StatusCode::kUnknown,
                                           absl::StatusCode::kDeadlineExceeded,
                                           absl::StatusCode::kResourceExhausted,
                                           absl::StatusCode::kInternal,
                                           absl::StatusCode::kUnavailable),
                         [](const auto& code) { return absl::StatusCodeToString(code.param); });

TEST(StopTest, FromACallbackEndsRunAndTheRestOfTheMessageIsNotHandedOut) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 3), BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 1)}),
              BatchMessage("t3", {MakeEntry(MEMBERSHIP_ENTERED, "b", 2),
                                  MakeEntry(MEMBERSHIP_ENTERED, "c", 3)}),
              HeartbeatMessage("t4", 3)});
  Following following(hub.address(), Impatient(), [](const std::string& line, Subscription& s) {
    if (line == "+b@2 [t2]") s.Stop();
  });
  following.Start();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_THAT(following.diary(), ElementsAre("opened 3", "+a@1 [t2]", "+b@2 [t2]"));
  EXPECT_EQ(following.subscription().resume_token(), "t2");
  EXPECT_TRUE(hub.WaitForStream(0)->WaitUntilDone());
}

TEST(StopTest, FromTheCallbackOfTheLastEntryCountsItsMessageAsHandled) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 2),
              BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 1),
                                  MakeEntry(MEMBERSHIP_ENTERED, "b", 2)}),
              HeartbeatMessage("t3", 2)});
  Following following(hub.address(), Impatient(), [](const std::string& line, Subscription& s) {
    if (line == "+b@2 [t2]") s.Stop();
  });
  following.Start();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_EQ(following.subscription().resume_token(), "t2");
  EXPECT_EQ(following.diary().back(), "+b@2 [t2]");
}

TEST(StopTest, FromEveryKindOfCallbackEndsRun) {
  for (const std::string stop_at :
       {"opened 0", "reset why", "end 0", "heartbeat 0", "lost UNAVAILABLE"}) {
    FakeIncidentService hub;
    hub.Script({OpenedMessage("t1", 0), testing::ResetMessage("t2", "why"),
                testing::SnapshotEndMessage("t3", 0), HeartbeatMessage("t4", 0)},
               absl::UnavailableError("gone"));
    Following following(hub.address(), Impatient(),
                        [&stop_at](const std::string& line, Subscription& s) {
                          if (line == stop_at) s.Stop();
                        });
    following.Start();
    EXPECT_OK(following.WaitForEnd()) << stop_at;
    EXPECT_EQ(following.diary().back(), stop_at);
    EXPECT_EQ(hub.stream_count(), 1U) << stop_at;
  }
}

TEST(StopTest, FromAnotherThreadEndsAQuietStream) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0)});
  Following following(hub.address(), Impatient());
  following.Start();
  ASSERT_TRUE(following.WaitForLines(1));
  following.subscription().Stop();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_TRUE(hub.WaitForStream(0)->WaitUntilDone());
}

TEST(StopTest, EndsAWaitForTheNextAttempt) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0), testing::DrainingMessage(absl::Minutes(4))},
             absl::OkStatus());
  Following following(hub.address(), Impatient());
  const absl::Time begin = absl::Now();
  following.Start();
  ASSERT_TRUE(following.WaitForLines(2));
  following.subscription().Stop();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_LT(absl::Now() - begin, absl::Minutes(1));
}

TEST(StopTest, EndsAnAttemptToConnect) {
  const testing::TcpBlackHole black_hole;
  SubscriptionOptions options = Impatient();
  options.open_timeout = absl::Minutes(5);
  Following following(black_hole.address(), options);
  following.Start();
  following.subscription().Stop();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_THAT(following.diary(), ElementsAre());
}

TEST(StopTest, BeforeRunMakesRunReturnAtOnce) {
  FakeIncidentService hub;
  Following following(hub.address(), Impatient());
  following.subscription().Stop();
  following.subscription().Stop();
  following.Start();
  EXPECT_OK(following.WaitForEnd());
  EXPECT_EQ(hub.stream_count(), 0U);
}

// Whatever the moment, Run() returns, and with nothing but OK.
TEST(StopTest, AtAnyMomentOfABusyStreamEndsRun) {
  for (int round = 0; round < 50; ++round) {
    FakeIncidentService hub;
    std::vector<v1::SubscribeResponse> messages = {OpenedMessage("t0", 0)};
    for (uint64_t i = 1; i <= 50; ++i) {
      messages.push_back(
          BatchMessage(absl::StrCat("t", i), {MakeEntry(MEMBERSHIP_ENTERED, "a", i)}));
    }
    hub.Script(messages, absl::UnavailableError("gone"));
    Following following(hub.address(), Impatient());
    following.Start();
    ASSERT_TRUE(following.WaitForLines(static_cast<size_t>(round)));
    following.subscription().Stop();
    ASSERT_OK(following.WaitForEnd());
  }
}

TEST(StopTest, SubscriptionOutlivesItsClient) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0)});
  std::unique_ptr<Subscription> subscription;
  {
    IncidentClient client({.address = hub.address(), .name = "short-lived"});
    subscription = client.Subscribe(
        Impatient(), {.on_opened = [&](const v1::SubscribeResponse::Opened&, const Position&) {
          subscription->Stop();
        }});
  }
  EXPECT_OK(subscription->Run());
  EXPECT_EQ(hub.WaitForStream(0)->request().client(), "short-lived");
}

}  // namespace
}  // namespace incidenthub::client
