#include "clients/cpp/subscription.h"

#include <memory>

#include "absl/synchronization/notification.h"
#include "clients/cpp/incident_set.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/following.h"
#include "tests/clients/messages.h"
#include "tests/support/fake_incident_service.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using testing::BatchMessage;
using testing::DrainingMessage;
using ::testing::ElementsAre;
using testing::FakeIncidentService;
using testing::HeartbeatMessage;
using testing::MakeEntry;
using testing::OpenedMessage;
using testing::ResetMessage;
using testing::SnapshotEndMessage;
using v1::MEMBERSHIP_ENTERED;
using v1::MEMBERSHIP_LEFT;
using v1::MEMBERSHIP_UPDATED;

TEST(SubscriptionTest, EveryKindOfMessageReachesItsCallbackInOrder) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 7), BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 3)}),
              SnapshotEndMessage("t3", 7),
              BatchMessage("t4", {MakeEntry(MEMBERSHIP_UPDATED, "a", 8)}),
              BatchMessage("t5", {MakeEntry(MEMBERSHIP_LEFT, "a", 9)}), HeartbeatMessage("t6", 9),
              ResetMessage("t7", "restored")});
  Following following(hub.address(), Impatient());
  following.Start();
  ASSERT_TRUE(following.WaitForLines(7));
  EXPECT_THAT(following.diary(), ElementsAre("opened 7", "+a@3 [t2]", "end 7", "~a@8 [t4]",
                                             "-a@9 [t5]", "heartbeat 9", "reset restored"));
}

TEST(SubscriptionTest, RequestSaysWhatTheProgramAskedFor) {
  FakeIncidentService hub;
  SubscriptionOptions options = Impatient();
  options.start = SubscriptionStart::AfterToken("kept");
  options.heartbeat_interval = absl::Milliseconds(2500);
  options.client = "pager";
  Following following(hub.address(), options);
  following.Start();
  const auto stream = hub.WaitForStream(0);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->request().resume_token(), "kept");
  EXPECT_EQ(following.subscription().resume_token(), "kept");
  EXPECT_EQ(stream->request().heartbeat_interval().seconds(), 2);
  EXPECT_EQ(stream->request().heartbeat_interval().nanos(), 500'000'000);
  EXPECT_EQ(stream->request().client(), "pager");
}

TEST(SubscriptionTest, ResumesWithTheTokenOfTheLastMessageHandled) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 2), BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 1)})},
             absl::UnavailableError("gone"));
  hub.Script({OpenedMessage("t3", 2), BatchMessage("t4", {MakeEntry(MEMBERSHIP_ENTERED, "b", 2)})},
             absl::UnavailableError("gone again"));
  Following following(hub.address(), Impatient());
  following.Start();
  ASSERT_NE(hub.WaitForStream(2), nullptr);
  EXPECT_TRUE(hub.WaitForStream(0)->request().has_snapshot());
  EXPECT_EQ(hub.WaitForStream(1)->request().resume_token(), "t2");
  EXPECT_EQ(hub.WaitForStream(2)->request().resume_token(), "t4");
  EXPECT_THAT(following.diary(), ElementsAre("opened 2", "+a@1 [t2]", "lost UNAVAILABLE",
                                             "opened 2", "+b@2 [t4]", "lost UNAVAILABLE"));
}

TEST(SubscriptionTest, TokenOfOpenedCountsSoThatFromNowIsNotAskedForTwice) {
  FakeIncidentService hub;
  hub.Script({}, absl::UnavailableError("before anything"));
  hub.Script({OpenedMessage("now", 5)}, absl::UnavailableError("after opened"));
  SubscriptionOptions options = Impatient();
  options.start = SubscriptionStart::FromNow();
  Following following(hub.address(), options);
  following.Start();
  ASSERT_NE(hub.WaitForStream(2), nullptr);
  EXPECT_TRUE(hub.WaitForStream(0)->request().has_from_now());
  EXPECT_TRUE(hub.WaitForStream(1)->request().has_from_now());
  EXPECT_EQ(hub.WaitForStream(2)->request().resume_token(), "now");
}

// The stream breaks while the handler is busy with what came last: that is finished, once, and not
// asked for again.
TEST(SubscriptionTest, HandlerInProgressWhenTheStreamBreaksNeitherLosesNorSkips) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 3), BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 1),
                                                          MakeEntry(MEMBERSHIP_ENTERED, "b", 2),
                                                          MakeEntry(MEMBERSHIP_ENTERED, "c", 3)})},
             absl::UnavailableError("gone"));
  absl::Notification in_handler;
  absl::Notification release;
  Following following(hub.address(), Impatient(), [&](const std::string& line, Subscription&) {
    if (line[0] != '+' || in_handler.HasBeenNotified()) return;
    in_handler.Notify();
    release.WaitForNotificationWithTimeout(testing::kWaitMax);
  });
  following.Start();
  ASSERT_TRUE(in_handler.WaitForNotificationWithTimeout(testing::kWaitMax));
  ASSERT_TRUE(hub.WaitForStream(0)->WaitUntilDone());
  EXPECT_EQ(following.subscription().resume_token(), "t1");
  EXPECT_EQ(hub.stream_count(), 1U);
  release.Notify();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->request().resume_token(), "t2");
  EXPECT_THAT(following.diary(),
              ElementsAre("opened 3", "+a@1 [t1]", "+b@2 [t1]", "+c@3 [t2]", "lost UNAVAILABLE"));
}

TEST(SubscriptionTest, MessagesInFlightWhenTheConnectionDiesAreAskedForAgain) {
  auto hub = std::make_unique<FakeIncidentService>();
  const int port = hub->port();
  std::vector<v1::SubscribeResponse> messages = {OpenedMessage("t0", 0)};
  for (uint64_t i = 1; i <= 200; ++i) {
    messages.push_back(BatchMessage(absl::StrCat("t", i), {MakeEntry(MEMBERSHIP_UPDATED, "a", i)}));
  }
  hub->Script(messages);
  absl::Notification in_handler;
  absl::Notification release;
  Following following(hub->address(), Impatient(), [&](const std::string& line, Subscription&) {
    if (line != "~a@20 [t20]") return;
    in_handler.Notify();
    release.WaitForNotificationWithTimeout(testing::kWaitMax);
  });
  following.Start();
  ASSERT_TRUE(in_handler.WaitForNotificationWithTimeout(testing::kWaitMax));
  hub.reset();
  hub = std::make_unique<FakeIncidentService>(port);
  release.Notify();
  const auto next = hub->WaitForStream(0);
  ASSERT_NE(next, nullptr);
  // How far it came is the network's affair; that it goes on right there is ours.
  uint64_t handled = 0;
  for (const std::string& line : following.diary()) {
    if (line[0] != '~') continue;
    ++handled;
    EXPECT_EQ(line, absl::StrCat("~a@", handled, " [t", handled, "]"));
  }
  EXPECT_GE(handled, 20U);
  EXPECT_EQ(next->request().resume_token(), absl::StrCat("t", handled));
}

TEST(SubscriptionTest, ResetClearsAndItsTokenIsTaken) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 9), BatchMessage("t2", {MakeEntry(MEMBERSHIP_ENTERED, "a", 9)}),
              ResetMessage("t3", "restored from a backup")},
             absl::UnavailableError("gone"));
  hub.Script({OpenedMessage("t4", 2), BatchMessage("t5", {MakeEntry(MEMBERSHIP_ENTERED, "b", 2)}),
              SnapshotEndMessage("t6", 2)});
  IncidentSet incidents;
  absl::Notification done;
  IncidentClient client({.address = hub.address()});
  const auto subscription = client.Subscribe(
      Impatient(),
      {.on_reset = [&](const std::string&, const Position&) { incidents.Clear(); },
       .on_entry = [&](const v1::Entry& entry, const Position&) { incidents.Apply(entry); },
       .on_snapshot_end = [&](uint64_t, const Position&) { done.Notify(); }});
  std::thread thread([&] { EXPECT_OK(subscription->Run()); });
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(testing::kWaitMax));
  subscription->Stop();
  thread.join();
  EXPECT_EQ(hub.WaitForStream(1)->request().resume_token(), "t3");
  EXPECT_EQ(incidents.size(), 1U);
  EXPECT_NE(incidents.Find("b"), nullptr);
}

TEST(SubscriptionTest, MessageOfAKindNotKnownIsPassedOverAndItsTokenTaken) {
  FakeIncidentService hub;
  v1::SubscribeResponse unknown;
  unknown.set_resume_token("t2");
  hub.Script({OpenedMessage("t1", 0), unknown}, absl::UnavailableError("gone"));
  Following following(hub.address(), Impatient());
  following.Start();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->request().resume_token(), "t2");
  EXPECT_THAT(following.diary(), ElementsAre("opened 0", "lost UNAVAILABLE"));
}

TEST(SubscriptionTest, DrainingDelayIsWaitedOutAsItIsAndTheTokenBeforeItCounts) {
  FakeIncidentService hub;
  constexpr absl::Duration kDelay = absl::Milliseconds(120);
  hub.Script({OpenedMessage("t1", 0), HeartbeatMessage("t2", 0), DrainingMessage(kDelay)},
             absl::OkStatus());
  SubscriptionOptions options = Impatient();
  options.random = [] { return 0.9; };
  Following following(hub.address(), options);
  following.Start();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_THAT(following.diary(), ElementsAre("opened 0", "heartbeat 0", "lost OK"));
  EXPECT_THAT(following.delays(), ElementsAre(kDelay));
  EXPECT_GE(next->start_time() - following.last_loss_time(), kDelay);
  EXPECT_EQ(next->request().resume_token(), "t2");
}

TEST(SubscriptionTest, DrainingDelayIsHonouredWithUnavailableTooAndBounded) {
  FakeIncidentService hub;
  hub.Script({OpenedMessage("t1", 0), DrainingMessage(absl::ZeroDuration())},
             absl::UnavailableError("shutting down"));
  hub.Script({OpenedMessage("t1", 0), DrainingMessage(-absl::Seconds(5))}, absl::OkStatus());
  hub.Script({OpenedMessage("t1", 0), DrainingMessage(absl::Hours(24 * 365))}, absl::OkStatus());
  SubscriptionOptions options = Impatient();
  options.random = [] { return 0.9; };
  Following following(hub.address(), options);
  following.Start();
  ASSERT_TRUE(following.WaitForLines(6));
  EXPECT_THAT(following.delays(),
              ElementsAre(absl::ZeroDuration(), absl::ZeroDuration(), kServerDelayMax));
}

TEST(SubscriptionTest, RetryInfoIsTheLeastThatIsWaited) {
  FakeIncidentService hub;
  constexpr absl::Duration kDelay = absl::Milliseconds(80);
  hub.Script({}, WithRetryDelay(ReasonError(absl::StatusCode::kResourceExhausted,
                                            "TOO_MANY_STREAMS", "too many"),
                                kDelay));
  SubscriptionOptions options = Impatient();
  options.backoff = {absl::Milliseconds(10), absl::Seconds(1)};
  options.random = [] { return 0.5; };
  Following following(hub.address(), options);
  following.Start();
  const auto next = hub.WaitForStream(1);
  ASSERT_NE(next, nullptr);
  EXPECT_THAT(following.delays(), ElementsAre(kDelay + absl::Milliseconds(5)));
  EXPECT_GE(next->start_time() - following.last_loss_time(), kDelay);
}

TEST(SubscriptionTest, WaitsGrowWhileStreamsOnlyOpenAndStartOverOnceOneWorks) {
  FakeIncidentService hub;
  const absl::Status gone = absl::UnavailableError("gone");
  hub.Script({}, gone);
  hub.Script({OpenedMessage("t1", 0)}, gone);
  hub.Script({OpenedMessage("t1", 0), ResetMessage("t1", "again")}, gone);
  hub.Script({OpenedMessage("t1", 0), HeartbeatMessage("t2", 0)}, gone);
  hub.Script({}, gone);
  SubscriptionOptions options = Impatient();
  options.backoff = {absl::Milliseconds(1), absl::Seconds(1)};
  options.random = [] { return 1.0; };
  Following following(hub.address(), options);
  following.Start();
  ASSERT_NE(hub.WaitForStream(5), nullptr);
  EXPECT_THAT(following.delays(),
              ElementsAre(absl::Milliseconds(1), absl::Milliseconds(2), absl::Milliseconds(4),
                          absl::Milliseconds(1), absl::Milliseconds(2)));
}

TEST(SubscriptionTest, ReconnectsWhenAHubComesBackAfterItWasGone) {
  auto hub = std::make_unique<FakeIncidentService>();
  const int port = hub->port();
  hub->Script({OpenedMessage("t1", 0), HeartbeatMessage("t2", 0)});
  SubscriptionOptions options = Impatient();
  options.backoff = {absl::Milliseconds(10), absl::Milliseconds(50)};
  options.random = [] { return 1.0; };
  Following following(hub->address(), options);
  following.Start();
  ASSERT_TRUE(following.WaitForLines(2));
  hub.reset();
  // The stream that broke, and attempts that nobody answered.
  ASSERT_TRUE(following.WaitForLines(5));
  EXPECT_THAT(following.last_loss(), testing::HasCode(absl::StatusCode::kUnavailable));
  hub = std::make_unique<FakeIncidentService>(port);
  const size_t losses = following.delays().size();
  const auto next = hub->WaitForStream(0);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->request().resume_token(), "t2");
  // The attempt that was under way may have failed; the one after it finds the hub, because it is a
  // real one.
  EXPECT_LE(following.delays().size(), losses + 1);
}

}  // namespace
}  // namespace incidenthub::client
