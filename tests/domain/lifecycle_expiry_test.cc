// Acknowledgements that end by themselves.

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::EventOf;
using testing::HasCode;
using testing::HasReason;
using testing::Life;
using testing::ResolveOf;
using testing::Stamp;
using testing::UnackOf;

// Life begins at this time.
const absl::Time kNow = At(1000);

Life Opened() {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(1)).Build());
  return life;
}

Life AcknowledgedUntil(absl::Time expiry) {
  Life life = Opened();
  EXPECT_OK(life.Ack(AckUntil("i-1", expiry)));
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_ACKNOWLEDGED);
  EXPECT_EQ(ExpiryOf(life.incident()), expiry);
  return life;
}

bool IsUnchanged(const Decision& decision) { return std::holds_alternative<Unchanged>(decision); }

TEST(AckExpiryTest, AnAckKeepsWhenItIsToEnd) {
  const Life life = AcknowledgedUntil(kNow + absl::Nanoseconds(1));
  v1::Acknowledgement expected;
  expected.set_actor("ada");
  expected.set_note("looking");
  *expected.mutable_time() = Stamp(kNow);
  *expected.mutable_expire_time() = Stamp(kNow + absl::Nanoseconds(1));
  EXPECT_THAT(life.incident().acknowledgement(), EqualsProto(expected));
}

TEST(AckExpiryTest, ItEndsAfterNowAndWithin31Days) {
  const absl::Duration most = 31 * absl::Hours(24);
  EXPECT_OK(Opened().Ack(AckUntil("i-1", kNow + most)));
  for (const absl::Time refused :
       {kNow, kNow - absl::Seconds(1), At(-2'000'000'000), kNow + most + absl::Nanoseconds(1)}) {
    const absl::Status status = Opened().Ack(AckUntil("i-1", refused)).status();
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(status, HasReason("FIELD_INVALID"));
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("expire_time: is "));
  }
}

TEST(AckExpiryTest, ABadExpireTimeIsSaidBeforeAnythingAboutTheIncident) {
  Life unknown;
  EXPECT_THAT(unknown.Ack(AckUntil("i-1", kNow)), HasReason("FIELD_INVALID"));
  Life resolved = Opened();
  ASSERT_OK(resolved.Resolve(ResolveOf("i-1")));
  EXPECT_THAT(resolved.Ack(AckUntil("i-1", kNow)), HasReason("FIELD_INVALID"));
}

TEST(AckExpiryTest, ALaterEndIsTakenOverAndTheFirstAckerStays) {
  Life life = AcknowledgedUntil(kNow + absl::Hours(1));
  const v1::Incident before = life.incident();
  v1::AckRequest request = AckUntil("i-1", kNow + absl::Hours(2));
  request.set_actor("bob");
  request.set_note("a while longer");
  const auto decision = life.Ack(request);
  ASSERT_OK(decision);
  const v1::Event event = EventOf(*decision).event;
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_UPDATED);
  EXPECT_EQ(event.action().actor(), "bob");
  EXPECT_EQ(event.action().note(), "a while longer");
  v1::Incident expected = before;
  *expected.mutable_acknowledgement()->mutable_expire_time() = Stamp(kNow + absl::Hours(2));
  expected.set_sequence(event.sequence());
  expected.set_etag(event.incident().etag());
  EXPECT_THAT(event.incident(), EqualsProto(expected));
}

TEST(AckExpiryTest, AnEqualOrEarlierEndOrNoneChangesNothing) {
  Life life = AcknowledgedUntil(kNow + absl::Hours(1));
  for (const v1::AckRequest& request :
       {AckUntil("i-1", kNow + absl::Hours(1)), AckUntil("i-1", kNow + absl::Minutes(1)),
        AckOf("i-1", "bob")}) {
    const auto decision = life.Ack(request);
    ASSERT_OK(decision);
    EXPECT_TRUE(IsUnchanged(*decision));
  }
}

TEST(AckExpiryTest, AnAcknowledgementWithoutEndStaysWithoutOne) {
  Life life = Opened();
  ASSERT_OK(life.Ack(AckOf("i-1")));
  EXPECT_EQ(ExpiryOf(life.incident()), absl::InfiniteFuture());
  const auto decision = life.Ack(AckUntil("i-1", kNow + absl::Hours(1)));
  ASSERT_OK(decision);
  EXPECT_TRUE(IsUnchanged(*decision));
}

TEST(AckExpiryTest, WhenItsTimeHasPassedTheHubTakesItBack) {
  const absl::Time expiry = kNow + absl::Hours(1);
  Life life = AcknowledgedUntil(expiry);
  const IncidentState before = *life.state();
  life.now = expiry;
  const NewEvent made = EventOf(life.Expire(expiry));
  EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
  EXPECT_EQ(made.event.system().reason(), v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED);
  EXPECT_EQ(made.event.previous_sequence(), before.incident.sequence());
  EXPECT_THAT(made.event.commit_time(), EqualsProto(Stamp(expiry)));
  EXPECT_THAT(made.bookkeeping, EqualsProto(before.bookkeeping));
  v1::Incident expected = before.incident;
  expected.set_state(v1::STATE_OPEN);
  expected.clear_acknowledgement();
  expected.set_sequence(made.event.sequence());
  expected.set_etag(made.event.incident().etag());
  EXPECT_THAT(made.event.incident(), EqualsProto(expected));
}

// Every state, against an expiry that is the incident's own or not, due or not.
TEST(AckExpiryTest, AnythingButADueEndOfAnAcknowledgedIncidentIsUnchanged) {
  const absl::Time expiry = kNow + absl::Hours(1);
  Life unknown;
  Life opened = Opened();
  Life endless = Opened();
  ASSERT_OK(endless.Ack(AckOf("i-1")));
  Life acknowledged = AcknowledgedUntil(expiry);
  Life taken_back = AcknowledgedUntil(expiry);
  ASSERT_OK(taken_back.Unack(UnackOf("i-1")));
  Life resolved = AcknowledgedUntil(expiry);
  ASSERT_OK(resolved.Resolve(ResolveOf("i-1")));
  ASSERT_TRUE(resolved.incident().has_acknowledgement());
  Life resolved_by_source = AcknowledgedUntil(expiry);
  resolved_by_source.Deliver(DeliveryBuilder().Inactive().UpdateTime(At(2)).Build());
  Life moved = AcknowledgedUntil(expiry);
  ASSERT_OK(moved.Ack(AckUntil("i-1", expiry + absl::Hours(9))));

  const absl::Duration tick = absl::Nanoseconds(1);
  for (Life* life : {&unknown, &opened, &endless, &acknowledged, &taken_back, &resolved,
                     &resolved_by_source, &moved}) {
    for (const absl::Time now : {expiry - tick, expiry, expiry + absl::Hours(1)}) {
      for (const absl::Time asked :
           {expiry - tick, expiry, expiry + tick, absl::InfiniteFuture()}) {
        SCOPED_TRACE(
            absl::StrCat("asked ", absl::FormatTime(asked), " at ", absl::FormatTime(now)));
        if (life == &acknowledged && asked == expiry && now >= expiry) continue;
        life->now = now;
        EXPECT_TRUE(IsUnchanged(DecideExpiry(life->state(), asked, life->Context())));
      }
    }
  }
}

TEST(AckExpiryTest, DeliveriesLeaveItAndAReopeningForgetsIt) {
  const absl::Time expiry = kNow + absl::Hours(1);
  Life life = AcknowledgedUntil(expiry);
  life.Deliver(DeliveryBuilder().UpdateTime(At(2)).StatusText("worse").Build());
  life.Deliver(DeliveryBuilder().UpdateTime(At(0)).StatusText("late").Build());
  EXPECT_EQ(ExpiryOf(life.incident()), expiry);
  life.Deliver(DeliveryBuilder().Inactive().UpdateTime(At(3)).Build());
  EXPECT_EQ(ExpiryOf(life.incident()), absl::InfiniteFuture()) << "resolved";
  life.Deliver(DeliveryBuilder().UpdateTime(At(4)).Build());
  ASSERT_OK(life.Ack(AckOf("i-1")));
  EXPECT_EQ(ExpiryOf(life.incident()), absl::InfiniteFuture()) << "acknowledged anew";
}

TEST(UnackTest, AfterItTheIncidentCanBeAcknowledgedAnew) {
  Life life = AcknowledgedUntil(kNow + absl::Hours(1));
  ASSERT_OK(life.Unack(UnackOf("i-1", "bob")));
  EXPECT_EQ(ExpiryOf(life.incident()), absl::InfiniteFuture());
  ASSERT_OK(life.Ack(AckOf("i-1", "eve")));
  EXPECT_EQ(life.incident().acknowledgement().actor(), "eve");
  EXPECT_FALSE(life.incident().acknowledgement().has_expire_time());
}

}  // namespace
}  // namespace incidenthub
