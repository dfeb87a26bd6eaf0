// The quarantine as the sequencer writes it: what is kept, read again, and dropped for its age.

#include "server/store/quarantine.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/core/retention.h"
#include "tests/core/core_fixture.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using testing::EqualsProto;
using testing::HasReason;
using ::testing::IsEmpty;
using testing::Stamp;
using testing::UnmappedDelivery;

class CoreQuarantineTest : public CoreTest {
 protected:
  ~CoreQuarantineTest() override { StopHub(); }

  uint64_t Keep(const std::string& raw, int second = 0) {
    clock_.Set(At(second));
    const std::vector<Outcome> outcomes = Submit({UnmappedDelivery(1, raw)})->Wait();
    return std::get<InQuarantine>(*outcomes.at(0)).id;
  }
  static FinishReplayCommand Finish(uint64_t id, size_t deliveries) {
    FinishReplayCommand command;
    command.id = id;
    command.deliveries = deliveries;
    return command;
  }
  static FinishReplayCommand FinishWithRest(uint64_t id, size_t deliveries, std::string rest) {
    FinishReplayCommand command = Finish(id, deliveries);
    command.rest = UnmappedDelivery(9, std::move(rest));
    return command;
  }
  std::vector<uint64_t> Held() const { return store_->quarantine().NewestBelow(0, 1000); }
};

TEST_F(CoreQuarantineTest, ABodyIsKeptWithItsKindAndTheTimesItHas) {
  Start();
  clock_.Set(At(50));
  v1::Delivery delivery = UnmappedDelivery(1, "{}");
  delivery.mutable_unmapped()->set_kind("alerts");
  *delivery.mutable_receive_time() = Stamp(At(3));
  Submit({delivery, UnmappedDelivery(2, "[]")})->Wait();
  const auto body = store_->quarantine().Get(1).value();
  ASSERT_TRUE(body.has_value());
  EXPECT_EQ(body->kind(), "alerts");
  EXPECT_THAT(body->receive_time(), EqualsProto(Stamp(At(3))));
  EXPECT_THAT(body->keep_time(), EqualsProto(Stamp(At(50))));
  EXPECT_EQ(store_->quarantine().Get(2).value()->kind(), "") << "an older gateway does not say";
}

TEST_F(CoreQuarantineTest, AReasonIsCutWhereItIsTooLong) {
  Start();
  // 1,023 bytes, and then a character of two.
  const std::string reason = std::string(1023, 'x') + "\xC3\xA4 and more";
  Submit({UnmappedDelivery(1, "{}", reason)})->Wait();
  EXPECT_EQ(store_->quarantine().Get(1).value()->reason(), std::string(1023, 'x'));
}

TEST_F(CoreQuarantineTest, AReplayedBodyLeavesWithTheEventsThatItBecame) {
  Start();
  Keep("{a}");
  Keep("{b}");
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), DeliveryBuilder("b").Build(), Finish(1, 2)})->Wait();
  EXPECT_TRUE(CommittedOf(outcomes[0]).changed);
  EXPECT_TRUE(CommittedOf(outcomes[1]).changed);
  EXPECT_TRUE(CommittedOf(outcomes[2]).changed);
  EXPECT_EQ(CommittedOf(outcomes[2]).sequence, 0U);
  EXPECT_THAT(Held(), ElementsAre(2));
  EXPECT_EQ(sequencer_->counters().replayed, 1U);
  CrashHub();
  EXPECT_THAT(Held(), ElementsAre(2)) << "what was answered is on disk";
  EXPECT_EQ(store_->incident_count(), 2U);
}

TEST_F(CoreQuarantineTest, TheRestOfABodyTakesItsPlaceUnderANumberOfItsOwn) {
  Start();
  Keep("{a}\n{b}");
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), FinishWithRest(1, 1, "{b}")})->Wait();
  EXPECT_TRUE(CommittedOf(outcomes[0]).changed);
  EXPECT_EQ(std::get<InQuarantine>(*outcomes[1]).id, 2U);
  EXPECT_EQ(store_->quarantine().Get(2).value()->raw(), "{b}");
  CrashHub();
  EXPECT_THAT(Held(), ElementsAre(2));
}

TEST_F(CoreQuarantineTest, ABodyIsReplayedOnceAlsoWithinOneBatch) {
  Start();
  Keep("{a}");
  const auto held = HoldUp();
  const v1::Delivery delivery = DeliveryBuilder("a").Build();
  const auto first = Submit({delivery, Finish(1, 1)});
  const auto second = Submit({delivery, FinishWithRest(1, 1, "{rest}")});
  log_->OpenGate();
  held->Wait();
  EXPECT_TRUE(CommittedOf(first->Wait()[1]).changed);
  EXPECT_FALSE(CommittedOf(second->Wait()[0]).changed) << "a duplicate";
  EXPECT_THAT(second->Wait()[1], HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(Submit({Finish(1, 0)})->Wait()[0], HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_EQ(sequencer_->counters().replayed, 1U);
}

TEST_F(CoreQuarantineTest, WhereADeliveryIsRefusedTheBodyStaysAndNoRestIsKept) {
  Start();
  Keep("{a}");
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("before").Padded(size_t{4} << 20U).Build(),
              DeliveryBuilder("a").Build(),
              DeliveryBuilder("large").Padded(size_t{4} << 20U).Build(),
              FinishWithRest(1, 2, "{rest}")})
          ->Wait();
  EXPECT_THAT(outcomes[0], HasReason("EVENT_TOO_LARGE")) << "not of the replay";
  EXPECT_TRUE(CommittedOf(outcomes[1]).changed);
  EXPECT_THAT(outcomes[2], HasReason("EVENT_TOO_LARGE"));
  EXPECT_THAT(outcomes[3], HasReason("EVENT_TOO_LARGE"));
  EXPECT_THAT(Held(), ElementsAre(1));
  // That one is refused is no matter to a replay that it is not part of.
  EXPECT_OK(Submit({DeliveryBuilder("").Build(), Finish(1, 0)})->Wait()[1]);
  EXPECT_THAT(Held(), IsEmpty());
}

TEST_F(CoreQuarantineTest, ABodyStaysUntilTheEventsItBecameAreOnDisk) {
  Start();
  Keep("{a}");
  log_->OnWritten([this] { env_.PowerOff(); });
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), FinishWithRest(1, 1, "{rest}")})->Wait();
  EXPECT_THAT(outcomes[1], HasReason("LOG_OUTCOME_UNKNOWN"));
  CrashHub();
  EXPECT_EQ(store_->incident_count(), 1U) << "it was appended";
  EXPECT_THAT(Held(), ElementsAre(1)) << "to be replayed again";
  Start();
  const std::vector<Outcome> again =
      Submit({DeliveryBuilder("a").Build(), FinishWithRest(1, 1, "{rest}")})->Wait();
  EXPECT_FALSE(CommittedOf(again[0]).changed);
  EXPECT_EQ(std::get<InQuarantine>(*again[1]).id, 2U);
  EXPECT_THAT(Held(), ElementsAre(2));
}

TEST_F(CoreQuarantineTest, WhatBeginsNoIncidentIsIgnoredAndCounted) {
  Start();
  v1::Delivery over = DeliveryBuilder("a").Inactive().Build();
  over.set_ignore_unless_known(true);
  v1::Delivery opens = DeliveryBuilder("a").Build();
  opens.set_ignore_unless_known(true);
  const std::vector<Outcome> outcomes = Submit({over, opens, over})->Wait();
  EXPECT_TRUE(std::holds_alternative<Ignored>(*outcomes[0]));
  EXPECT_TRUE(CommittedOf(outcomes[1]).changed);
  EXPECT_TRUE(CommittedOf(outcomes[2]).changed) << "it is known by then";
  EXPECT_EQ(sequencer_->counters().ignored, 1U);
  EXPECT_EQ(sequencer_->counters().rejected, 0U);
  EXPECT_EQ(sequencer_->counters().duplicates, 0U);
}

class QuarantineRetentionTest : public CoreQuarantineTest {
 protected:
  QuarantineRetentionTest() {
    options_.retain_quarantined = absl::Seconds(100);
    Start();
  }
  ~QuarantineRetentionTest() override { retention_.reset(); }

  int RunRetention() {
    retention_ = std::make_unique<Retention>(sequencer_.get(), store_.get(), &clock_, options_);
    for (int steps = 1; steps < 1000; ++steps) {
      const auto more = retention_->Step();
      EXPECT_OK(more);
      if (!more.value_or(false)) return steps;
    }
    ADD_FAILURE() << "it never comes to an end";
    return 0;
  }

  RetentionOptions options_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(QuarantineRetentionTest, BodiesLeaveOnceTheyAreOldEnough) {
  Keep("{a}", 10);
  Keep("{b}", 20);
  clock_.Set(At(109));
  RunRetention();
  EXPECT_THAT(Held(), ElementsAre(2, 1));
  clock_.Set(At(110));
  RunRetention();
  EXPECT_THAT(Held(), ElementsAre(2));
  EXPECT_EQ(retention_->counters().bodies_dropped, 1U);
  clock_.Set(At(120));
  RunRetention();
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_EQ(Keep("{c}", 121), 3U);
  EXPECT_EQ(store_->quarantine().pushed_out(), 0U);
}

TEST_F(QuarantineRetentionTest, TheyLeaveInSmallSteps) {
  std::vector<Command> commands;
  for (int i = 0; i < 10; ++i) commands.emplace_back(UnmappedDelivery(1, "{}"));
  Submit(std::move(commands))->Wait();
  options_.step_commands = 3;
  clock_.Set(At(1000));
  EXPECT_EQ(RunRetention(), 4);
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_EQ(retention_->counters().bodies_dropped, 10U);
}

TEST_F(QuarantineRetentionTest, WhereTheyAreKeptForEverNoneLeaves) {
  Keep("{a}", 10);
  options_.retain_quarantined = absl::InfiniteDuration();
  clock_.Set(At(1'000'000'000));
  RunRetention();
  EXPECT_THAT(Held(), ElementsAre(1));
}

TEST_F(QuarantineRetentionTest, WithoutEnoughDiskTheyStayUntilThereIsAgain) {
  Keep("{a}", 10);
  clock_.Set(At(1000));
  SetFreeBytes(1);
  EXPECT_EQ(RunRetention(), 1);
  EXPECT_THAT(Held(), ElementsAre(1));
  SetFreeBytes(uint64_t{1} << 40U);
  RunRetention();
  EXPECT_THAT(Held(), IsEmpty());
}

}  // namespace
}  // namespace incidenthub
