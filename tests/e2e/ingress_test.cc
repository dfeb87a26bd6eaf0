// nginx in front, with the configuration that is documented: what callers and senders notice of it.

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/ingress_fixture.h"
#include "tests/support/recording_subscriber.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stream_validator.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(IngressTest, AWebhookComesInAndAStreamAndCommandsGoThrough) {
  client::IncidentClient caller = ThroughNginx(CallersToken());
  RecordingSubscriber subscriber({.port = calls_port(), .credentials = CallersToken()});
  ASSERT_TRUE(subscriber.WaitForSnapshot(kPatience));
  ASSERT_EQ(PostThroughNginx(SmallIncident("b", 1'790'000'001)), 200);
  v1::ResolveRequest resolve;
  resolve.set_incident_id("b");
  resolve.set_actor("caller");
  const auto resolved = caller.Resolve(resolve);
  ASSERT_OK(resolved);
  EXPECT_TRUE(resolved->changed());
  EXPECT_TRUE(subscriber.WaitForSequence(resolved->incident().sequence(), kPatience));

  // The hub goes away and comes back: nginx tells, and the stream is resumed.
  StartSecureHub();
  ASSERT_TRUE(gateway().WaitUntilReady());
  ASSERT_EQ(PostThroughNginx(SmallIncident("c", 1'790'000'002)), 200);
  const auto newest = caller.Get("c");
  ASSERT_OK(newest);
  EXPECT_TRUE(subscriber.WaitForSequence(newest->sequence(), kPatience));
  subscriber.Stop();
  EXPECT_THAT(CheckGuarantees(subscriber.history(),
                              {{"b", resolved->incident().sequence()}, {"c", newest->sequence()}}),
              IsEmpty());
}

TEST_F(IngressTest, NginxesOwnCertificateMakesNobodyACaller) {
  const absl::Status nobody = ThroughNginx(Nobody()).Get("a").status();
  EXPECT_TRUE(absl::IsUnauthenticated(nobody)) << nobody;
}

TEST_F(IngressTest, WhatAdminsCallIsNotReachedFromOutside) {
  const absl::Status outside = ThroughNginx(CallersToken()).GetQuarantined(1).status();
  EXPECT_EQ(outside.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(outside.message()), HasSubstr("not reachable through nginx"));
  const auto sender = Connect(webhooks_port(), "", "");
  ASSERT_OK(sender);
  const auto answer = (*sender)->Exchange("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_OK(answer);
  EXPECT_EQ(answer->status, 404);
}

TEST_F(IngressTest, WhoeverIsOverTheLimitHearsThatItIsUnavailable) {
  client::IncidentClient caller = ThroughNginx(CallersToken());
  absl::Status refused;
  EXPECT_TRUE(WaitUntil(
      [&] {
        refused = caller.Get("a").status();
        return !refused.ok();
      },
      kPatience, absl::ZeroDuration()));
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("too many calls"));
}

TEST_F(IngressTest, ACallerDoesNotNoticeThatItsConnectionIsReplaced) {
  // More than keepalive_requests, at less than the rate of the limit.
  constexpr int kCalls = 600;
  client::IncidentClient caller = ThroughNginx(CallersToken());
  int called = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        EXPECT_OK(caller.Get("a"));
        return ++called == kCalls || HasFailure();
      },
      2 * kPatience, absl::Milliseconds(11)));
}

}  // namespace
}  // namespace incidenthub::testing
