// The lifecycle over its whole matrix: every state, origin, activity, rank, upstream state and kind
// of event type, each against the first row of a table that speaks of it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"
#include "server/domain/rank.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;
using testing::Life;
using testing::ResolveOf;
using testing::Stamp;
using testing::UnackOf;
using v1::Resolution;
using v1::Upstream;

// Bits, so that a row of the table can name several.
enum On : uint32_t {
  kUnknown = 1,
  kOpen = 2,
  kAcked = 4,
  kResolvedBySource = 8,
  kResolvedByResponder = 16,
  kResolved = kResolvedBySource | kResolvedByResponder,
  kKnown = kOpen | kAcked | kResolved,
};
enum Says : uint32_t { kActive = 1, kInactive = 2, kUnchanged = 4, kAnything = 7 };
enum Ranks : uint32_t { kLower = 1, kEqual = 2, kHigher = 4, kDuplicate = 8, kAnyRank = 15 };
enum Carries : uint32_t { kNothing = 1, kReopen = 2, kOldReopen = 4, kAnyEvents = 7 };
// Whether it has ignore_unless_known.
enum Flag : uint32_t { kPlain = 1, kUnlessKnown = 2, kPlainOrNot = 3 };
// 1 << Upstream::State.
enum UpstreamIs : uint32_t {
  kNone = 1U << Upstream::STATE_UNSPECIFIED,
  kPending = 1U << Upstream::STATE_PENDING,
  kAccepted = 1U << Upstream::STATE_ACCEPTED,
  kConfirmed = 1U << Upstream::STATE_CONFIRMED,
  kUnconfirmed = 1U << Upstream::STATE_UNCONFIRMED,
  kCancelled = 1U << Upstream::STATE_CANCELLED,
  kFailed = 1U << Upstream::STATE_FAILED,
  kAnyUpstream = 127,
};

// What becomes of the upstream state.
enum class Then { kStays, kNone, kConfirmed, kCancelled };

struct Row {
  uint32_t on;
  uint32_t says;
  uint32_t rank;
  uint32_t carries;
  uint32_t upstream;
  // Of the event; empty: there is none, the delivery is a duplicate, or of an unknown incident
  // ignored.
  std::optional<v1::EventType> becomes;
  // After it; unspecified: as before.
  v1::State state = v1::STATE_UNSPECIFIED;
  Then then = Then::kStays;
  uint32_t flag = kPlainOrNot;
};

// Read from the top: the first row that fits counts.
const Row kTable[] = {
    // An incident that nobody knew.
    {kUnknown, kInactive | kUnchanged, kAnyRank, kAnyEvents, kAnyUpstream, std::nullopt,
     v1::STATE_UNSPECIFIED, Then::kStays, kUnlessKnown},
    {kUnknown, kInactive, kAnyRank, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_RESOLVED,
     v1::STATE_RESOLVED},
    {kUnknown, kActive | kUnchanged, kAnyRank, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_OPENED,
     v1::STATE_OPEN},
    // What was seen, and what is overtaken.
    {kKnown, kAnything, kDuplicate, kAnyEvents, kAnyUpstream, std::nullopt},
    {kKnown, kAnything, kLower, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_LATE},
    // It goes on.
    {kOpen | kAcked, kActive | kUnchanged, kEqual | kHigher, kAnyEvents, kAnyUpstream,
     v1::EVENT_TYPE_UPDATED},
    // It is over.
    {kOpen | kAcked, kInactive, kEqual | kHigher, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_RESOLVED,
     v1::STATE_RESOLVED},
    {kResolved, kInactive, kEqual | kHigher, kAnyEvents, kPending | kAccepted | kUnconfirmed,
     v1::EVENT_TYPE_UPDATED, v1::STATE_RESOLVED, Then::kConfirmed},
    {kResolved, kInactive, kEqual | kHigher, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_UPDATED},
    // It does not say.
    {kResolved, kUnchanged, kEqual | kHigher, kAnyEvents, kAnyUpstream, v1::EVENT_TYPE_UPDATED},
    // It is back, and says so itself.
    {kResolved, kActive, kEqual | kHigher, kReopen, kPending, v1::EVENT_TYPE_REOPENED,
     v1::STATE_OPEN, Then::kCancelled},
    {kResolved, kActive, kEqual | kHigher, kReopen, kAnyUpstream, v1::EVENT_TYPE_REOPENED,
     v1::STATE_OPEN, Then::kNone},
    // Its source may not have heard of the resolve yet.
    {kResolved, kActive, kEqual | kHigher, kNothing | kOldReopen, kPending | kAccepted,
     v1::EVENT_TYPE_UPDATED},
    // It is back.
    {kResolved, kActive, kHigher, kNothing | kOldReopen, kAnyUpstream, v1::EVENT_TYPE_REOPENED,
     v1::STATE_OPEN, Then::kNone},
    // Of one moment with what made it resolved.
    {kResolved, kActive, kEqual, kNothing | kOldReopen, kAnyUpstream, v1::EVENT_TYPE_UPDATED},
};

// One cell.
struct Case {
  On on;
  Says says;
  Ranks rank;
  Carries carries;
  Upstream::State upstream;
  Flag flag;
};

const Row* RowOf(const Case& cell) {
  for (const Row& row : kTable) {
    if ((row.on & cell.on) != 0 && (row.says & cell.says) != 0 && (row.rank & cell.rank) != 0 &&
        (row.carries & cell.carries) != 0 && (row.upstream & (1U << cell.upstream)) != 0 &&
        (row.flag & cell.flag) != 0) {
      return &row;
    }
  }
  return nullptr;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const On on : {kUnknown, kOpen, kAcked, kResolvedBySource, kResolvedByResponder}) {
    for (const Says says : {kActive, kInactive, kUnchanged}) {
      for (const Ranks rank : {kLower, kEqual, kHigher, kDuplicate}) {
        for (const Carries carries : {kNothing, kReopen, kOldReopen}) {
          for (int upstream = 0; upstream < Upstream::State_ARRAYSIZE; ++upstream) {
            for (const Flag flag : {kPlain, kUnlessKnown}) {
              cases.push_back(
                  {on, says, rank, carries, static_cast<Upstream::State>(upstream), flag});
            }
          }
        }
      }
    }
  }
  return cases;
}

std::string Describe(const Case& cell) {
  return absl::StrCat("on ", cell.on, ", says ", cell.says, ", rank ", cell.rank, ", carries ",
                      cell.carries, ", upstream ", Upstream::State_Name(cell.upstream), ", flag ",
                      cell.flag);
}

// Rank of the delivery that made the incident what it is.
const absl::Time kUpdate = At(100);
const absl::Time kChange = At(90);
const absl::Time kEvent = At(95);

DeliveryBuilder BaseDelivery() {
  DeliveryBuilder builder;
  builder.UpdateTime(kUpdate).ChangeTime(kChange).EventType("incident#new", kEvent);
  builder.StatusText("Held").Environment("env-held").Digest("base");
  return builder;
}

// An incident in this state, whose newest delivery has the rank above.
Life LifeOn(On on, Upstream::State upstream) {
  Life life;
  if (on == kUnknown) return life;
  DeliveryBuilder base = BaseDelivery();
  if (on == kResolvedBySource) base.Inactive();
  life.Deliver(base.Build());
  if (on == kAcked || on == kResolvedByResponder) {
    EXPECT_OK(life.Ack(AckOf("i-1", "ada")));
  }
  if (on == kResolvedByResponder) {
    EXPECT_OK(life.Resolve(ResolveOf("i-1", "bob")));
  }
  life.SetUpstream(upstream);
  life.now = At(2000);
  return life;
}

v1::Delivery DeliveryFor(const Case& cell) {
  DeliveryBuilder builder;
  const absl::Duration step = cell.rank == kLower    ? -absl::Nanoseconds(1)
                              : cell.rank == kHigher ? absl::Nanoseconds(1)
                                                     : absl::ZeroDuration();
  builder.UpdateTime(kUpdate + step).ChangeTime(kChange).ReceiveTime(At(1500));
  builder.Activity(cell.says == kActive     ? v1::ACTIVITY_ACTIVE
                   : cell.says == kInactive ? v1::ACTIVITY_INACTIVE
                                            : v1::ACTIVITY_UNCHANGED);
  if (cell.carries == kOldReopen) builder.EventType("incident#reopen", kEvent - absl::Seconds(1));
  builder.EventType(cell.carries == kReopen ? "incident#reopen" : "incident-tag#upserted", kEvent);
  builder.StatusText("Delivered");
  builder.Digest(cell.rank == kDuplicate ? "base" : "news");
  v1::Delivery delivery = builder.Build();
  delivery.set_ignore_unless_known(cell.flag == kUnlessKnown);
  return delivery;
}

// What holds for every event, whatever its type.
void ExpectInvariants(const NewEvent& made, const IncidentState* before,
                      const DecisionContext& context) {
  const v1::Event& event = made.event;
  EXPECT_EQ(event.sequence(), context.sequence);
  EXPECT_EQ(event.previous_sequence(), before == nullptr ? 0 : before->incident.sequence());
  EXPECT_THAT(event.commit_time(), EqualsProto(Stamp(context.now)));
  EXPECT_EQ(event.incident().id(), "i-1");
  EXPECT_EQ(event.incident().sequence(), context.sequence);
  EXPECT_FALSE(event.incident().etag().empty());
  EXPECT_EQ(made.bookkeeping.first_sequence(),
            before == nullptr ? context.sequence : before->bookkeeping.first_sequence());
  if (before != nullptr) {
    EXPECT_NE(event.incident().etag(), before->incident.etag());
    EXPECT_GE(FromProto(made.bookkeeping.rank()), FromProto(before->bookkeeping.rank()));
  }
  EXPECT_LE(made.bookkeeping.newest().sequences_size(), 64);
  EXPECT_LE(made.bookkeeping.older().sequences_size(), 16);
  const v1::Incident& incident = event.incident();
  EXPECT_EQ(incident.has_resolution(), incident.state() == v1::STATE_RESOLVED);
  if (incident.state() != v1::STATE_RESOLVED) {
    EXPECT_EQ(incident.has_acknowledgement(), incident.state() == v1::STATE_ACKNOWLEDGED);
  }
}

void ExpectUpstream(const Row& row, const v1::Incident& before, const v1::Incident& after) {
  switch (row.then) {
    case Then::kStays:
      EXPECT_THAT(after.upstream(), EqualsProto(before.upstream()));
      return;
    case Then::kNone:
      EXPECT_FALSE(after.has_upstream());
      return;
    case Then::kConfirmed:
      EXPECT_EQ(after.upstream().state(), Upstream::STATE_CONFIRMED);
      break;
    case Then::kCancelled:
      EXPECT_EQ(after.upstream().state(), Upstream::STATE_CANCELLED);
      break;
  }
  EXPECT_THAT(after.upstream().update_time(), EqualsProto(Stamp(At(2000))));
}

void ExpectRow(const Row& row, const IncidentState* current, const v1::Delivery& delivery,
               const NewEvent& made) {
  const v1::Incident& after = made.event.incident();
  const v1::Incident before = current != nullptr ? current->incident : v1::Incident();
  const bool late = row.becomes == v1::EVENT_TYPE_LATE;
  const bool same_state = row.state == v1::STATE_UNSPECIFIED || row.state == before.state();
  EXPECT_EQ(v1::EventType_Name(made.event.type()), v1::EventType_Name(*row.becomes));
  EXPECT_EQ(after.state(), same_state ? before.state() : row.state);
  ExpectUpstream(row, before, after);

  if (same_state) {
    EXPECT_THAT(after.resolution(), EqualsProto(before.resolution()));
  } else if (row.state == v1::STATE_RESOLVED) {
    Resolution by_source;
    by_source.set_origin(Resolution::ORIGIN_SOURCE);
    *by_source.mutable_time() = made.event.commit_time();
    EXPECT_THAT(after.resolution(), EqualsProto(by_source));
  }
  if (row.becomes != v1::EVENT_TYPE_REOPENED) {
    EXPECT_THAT(after.acknowledgement(), EqualsProto(before.acknowledgement()));
  }
  EXPECT_EQ(after.status_text(), late ? "Held" : "Delivered") << "own fields are the newest's";
  EXPECT_EQ(after.environment().id(), current == nullptr ? "" : "env-held") << "a kept field";

  ASSERT_TRUE(made.event.has_delivery());
  EXPECT_EQ(made.event.delivery().source(), "bigpanda");
  EXPECT_EQ(made.event.delivery().event_types_size(), delivery.event_types_size());
  EXPECT_THAT(made.event.delivery().receive_time(), EqualsProto(delivery.receive_time()));
}

TEST(LifecycleMatrixTest, EveryDeliveryOnEveryIncidentIsDecidedAsTheTableSays) {
  const std::vector<Case> cases = AllCases();
  ASSERT_EQ(cases.size(), 5U * 3 * 4 * 3 * 7 * 2);
  for (const Case& cell : cases) {
    SCOPED_TRACE(Describe(cell));
    const Row* row = RowOf(cell);
    ASSERT_NE(row, nullptr) << "the table forgot a case";
    Life life = LifeOn(cell.on, cell.upstream);
    const v1::Delivery delivery = DeliveryFor(cell);
    const DecisionContext context = life.Context();
    const Decision decision = DecideDelivery(life.state(), delivery, context);

    if (!row->becomes.has_value() && cell.on == kUnknown) {
      EXPECT_TRUE(std::holds_alternative<Ignored>(decision));
      continue;
    }
    if (!row->becomes.has_value()) {
      const auto* duplicate = std::get_if<Duplicate>(&decision);
      ASSERT_NE(duplicate, nullptr);
      EXPECT_EQ(duplicate->sequence, life.state()->bookkeeping.first_sequence())
          << "the base delivery was the first";
      continue;
    }
    const auto* made = std::get_if<NewEvent>(&decision);
    ASSERT_NE(made, nullptr);
    ExpectInvariants(*made, life.state(), context);
    ExpectRow(*row, life.state(), delivery, *made);
  }
}

TEST(LifecycleMatrixTest, NoRowOfTheTableIsOutOfReach) {
  std::vector<const Row*> reached;
  for (const Case& cell : AllCases()) reached.push_back(RowOf(cell));
  for (const Row& row : kTable) EXPECT_THAT(reached, ::testing::Contains(&row));
}

enum class Etag { kNone, kRight, kWrong };

// Runs `check` with every state, upstream state and kind of etag.
template <typename Check>
void ForEachAction(Check check) {
  for (const On on : {kUnknown, kOpen, kAcked, kResolvedBySource, kResolvedByResponder}) {
    for (int upstream = 0; upstream < Upstream::State_ARRAYSIZE; ++upstream) {
      for (const Etag etag : {Etag::kNone, Etag::kRight, Etag::kWrong}) {
        SCOPED_TRACE(
            absl::StrCat("on ", on, ", upstream ", upstream, ", etag ", static_cast<int>(etag)));
        const auto state = static_cast<Upstream::State>(upstream);
        const Life life = LifeOn(on, state);
        const std::string right = on == kUnknown ? "1" : life.incident().etag();
        check(on, state, life, etag,
              etag == Etag::kNone    ? std::string()
              : etag == Etag::kRight ? right
                                     : right + "0");
      }
    }
  }
}

// Whether the status is the error that existence and etag call for, before the state is looked at.
bool RefusedForIdOrEtag(On on, Etag etag, const absl::Status& status) {
  if (on == kUnknown) {
    EXPECT_THAT(status, HasCode(absl::StatusCode::kNotFound));
    EXPECT_THAT(status, HasReason("INCIDENT_NOT_FOUND"));
    return true;
  }
  if (etag == Etag::kWrong) {
    EXPECT_THAT(status, HasCode(absl::StatusCode::kAborted));
    EXPECT_THAT(status, HasReason("ETAG_MISMATCH"));
    return true;
  }
  return false;
}

TEST(LifecycleMatrixTest, AckIsDecidedByIdThenEtagThenState) {
  ForEachAction([](On on, Upstream::State, const Life& life, Etag etag, const std::string& text) {
    const auto decision = DecideAck(life.state(), AckOf("i-1", "eve", text), life.Context());
    if (RefusedForIdOrEtag(on, etag, decision.status())) return;
    if ((on & kResolved) != 0) {
      EXPECT_THAT(decision, HasCode(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(decision, HasReason("INCIDENT_RESOLVED"));
      return;
    }
    ASSERT_OK(decision);
    if (on == kAcked) {
      EXPECT_TRUE(std::holds_alternative<Unchanged>(*decision));
      return;
    }
    const NewEvent made = testing::EventOf(*decision);
    ExpectInvariants(made, life.state(), life.Context());
    EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_ACKNOWLEDGED);
    v1::Incident expected = life.incident();
    expected.set_state(v1::STATE_ACKNOWLEDGED);
    expected.mutable_acknowledgement()->set_actor("eve");
    expected.mutable_acknowledgement()->set_note("looking");
    *expected.mutable_acknowledgement()->mutable_time() = Stamp(At(2000));
    expected.set_sequence(made.event.sequence());
    expected.set_etag(made.event.incident().etag());
    EXPECT_THAT(made.event.incident(), EqualsProto(expected));
    EXPECT_EQ(made.event.action().actor(), "eve");
    EXPECT_EQ(made.event.action().note(), "looking");
    EXPECT_THAT(made.bookkeeping, EqualsProto(life.state()->bookkeeping));
  });
}

TEST(LifecycleMatrixTest, UnackIsDecidedByIdThenEtagThenState) {
  ForEachAction([](On on, Upstream::State, const Life& life, Etag etag, const std::string& text) {
    const auto decision = DecideUnack(life.state(), UnackOf("i-1", "eve", text), life.Context());
    if (RefusedForIdOrEtag(on, etag, decision.status())) return;
    if ((on & kResolved) != 0) {
      EXPECT_THAT(decision, HasCode(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(decision, HasReason("INCIDENT_RESOLVED"));
      return;
    }
    ASSERT_OK(decision);
    if (on == kOpen) {
      EXPECT_TRUE(std::holds_alternative<Unchanged>(*decision));
      return;
    }
    const NewEvent made = testing::EventOf(*decision);
    ExpectInvariants(made, life.state(), life.Context());
    EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
    v1::Incident expected = life.incident();
    expected.set_state(v1::STATE_OPEN);
    expected.clear_acknowledgement();
    expected.set_sequence(made.event.sequence());
    expected.set_etag(made.event.incident().etag());
    EXPECT_THAT(made.event.incident(), EqualsProto(expected));
    EXPECT_EQ(made.event.action().actor(), "eve");
    EXPECT_EQ(made.event.action().note(), "not me");
    EXPECT_THAT(made.bookkeeping, EqualsProto(life.state()->bookkeeping));
  });
}

void ExpectResolve(On on, Upstream::State upstream, const Life& life, const Decision& decision) {
  v1::Incident expected = life.incident();
  const auto set_pending = [&expected, &life] {
    expected.clear_upstream();
    expected.mutable_upstream()->set_request_sequence(life.next_sequence);
    expected.mutable_upstream()->set_state(Upstream::STATE_PENDING);
    *expected.mutable_upstream()->mutable_update_time() = Stamp(At(2000));
  };
  const bool again = upstream == Upstream::STATE_FAILED || upstream == Upstream::STATE_UNCONFIRMED;
  if ((on & kResolved) != 0 && !again) {
    EXPECT_TRUE(std::holds_alternative<Unchanged>(decision));
    return;
  }
  const NewEvent made = testing::EventOf(decision);
  ExpectInvariants(made, life.state(), life.Context());
  if ((on & kResolved) != 0) {
    EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_UPSTREAM_UPDATED);
    set_pending();
  } else {
    EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_RESOLVED);
    expected.set_state(v1::STATE_RESOLVED);
    expected.mutable_resolution()->set_origin(Resolution::ORIGIN_RESPONDER);
    expected.mutable_resolution()->set_actor("eve");
    expected.mutable_resolution()->set_note("fixed");
    *expected.mutable_resolution()->mutable_time() = Stamp(At(2000));
    expected.clear_upstream();
    if (life.upstream_enabled) set_pending();
  }
  expected.set_sequence(made.event.sequence());
  expected.set_etag(made.event.incident().etag());
  EXPECT_THAT(made.event.incident(), EqualsProto(expected));
  EXPECT_EQ(made.event.action().actor(), "eve");
  EXPECT_EQ(made.event.action().note(), "fixed");
  EXPECT_THAT(made.bookkeeping, EqualsProto(life.state()->bookkeeping));
}

TEST(LifecycleMatrixTest, ResolveIsDecidedByIdThenEtagThenState) {
  for (const bool upstream_enabled : {false, true}) {
    SCOPED_TRACE(absl::StrCat("upstream_enabled ", upstream_enabled));
    ForEachAction([upstream_enabled](On on, Upstream::State upstream, Life life, Etag etag,
                                     const std::string& text) {
      life.upstream_enabled = upstream_enabled;
      const auto decision =
          DecideResolve(life.state(), ResolveOf("i-1", "eve", text), life.Context());
      if (RefusedForIdOrEtag(on, etag, decision.status())) return;
      ASSERT_OK(decision);
      ExpectResolve(on, upstream, life, *decision);
    });
  }
}

}  // namespace
}  // namespace incidenthub
