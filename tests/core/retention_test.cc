#include "server/core/retention.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ReadLimits kAll{.events = 1'000'000, .bytes = size_t{1} << 30U};

class RetentionTest : public CoreTest {
 protected:
  RetentionTest() {
    options_.retain_events = absl::Seconds(100);
    options_.retain_resolved = absl::Seconds(1000);
    options_.retain_tombstones = absl::Seconds(10'000);
    Start();
    StartRetention();
  }
  ~RetentionTest() override { retention_.reset(); }

  void StartRetention() {
    retention_ = std::make_unique<Retention>(sequencer_.get(), store_.get(), &clock_, options_);
  }
  // Steps until there is nothing more to do now; returns how many.
  int RunRetention() {
    for (int steps = 1; steps < 10'000; ++steps) {
      const auto more = retention_->Step();
      EXPECT_OK(more);
      if (!more.value_or(false)) return steps;
    }
    ADD_FAILURE() << "it never comes to an end";
    return 0;
  }
  void Restart() {
    retention_.reset();
    RestartHub();
    Start();
    StartRetention();
  }

  // A delivery at this second of the clock, which ranks it too.
  Sequence Deliver(const std::string& id, int second, v1::Activity activity = v1::ACTIVITY_ACTIVE) {
    clock_.Set(At(second));
    return Commit(DeliveryBuilder(id).UpdateTime(At(second)).Activity(activity).Build()).sequence;
  }
  Sequence Close(const std::string& id, int second) {
    return Deliver(id, second, v1::ACTIVITY_INACTIVE);
  }

  std::vector<Sequence> Events() const {
    const auto events = store_->ReadEvents(0, kAll);
    EXPECT_OK(events);
    std::vector<Sequence> sequences;
    for (const SharedEvent& event : *events) sequences.push_back(event.sequence);
    return sequences;
  }
  v1::Event EventAt(Sequence sequence) const {
    v1::Event event;
    const auto events = store_->ReadEvents(sequence - 1, {.events = 1, .bytes = 1});
    EXPECT_OK(events);
    EXPECT_TRUE(event.ParseFromString(*events->at(0).bytes));
    return event;
  }
  bool IsHeld(const std::string& id) const {
    const auto found = store_->FindIncident(id);
    EXPECT_OK(found);
    return found->has_value();
  }

  RetentionOptions options_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(RetentionTest, EventsThatNewerOnesReplaceGoOnceThoseAreOldEnough) {
  Deliver("a", 1);
  Deliver("b", 2);
  Deliver("a", 3);
  Deliver("a", 50);
  clock_.Set(At(102));
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(store_->floor(), 0U);
  clock_.Set(At(103));
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(2, 3, 4)) << "b has no newer one";
  EXPECT_EQ(store_->floor(), 3U) << "the last that led to one that went";
  clock_.Set(At(1'000'000));
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(2, 4)) << "the newest of an incident stays";
  EXPECT_EQ(store_->floor(), 4U);
  EXPECT_EQ(retention_->counters().events_dropped, 2U);
}

TEST_F(RetentionTest, TheOldestGoBeforeTheirTimeWhileThereAreTooManyBytes) {
  for (int i = 1; i <= 20; ++i) Deliver("a", i);
  const uint64_t all = store_->event_bytes();
  options_.retain_bytes = all / 2;
  StartRetention();
  RunRetention();
  EXPECT_LE(store_->event_bytes(), all / 2);
  EXPECT_GT(store_->event_bytes(), all / 4) << "and no more than that";
  const std::vector<Sequence> left = Events();
  EXPECT_EQ(left.back(), 20U);
  EXPECT_EQ(store_->floor(), left.front());
}

TEST_F(RetentionTest, BytesAreCountedThroughARestart) {
  for (int i = 1; i <= 10; ++i) Deliver("a", i);
  clock_.Set(At(105));
  RunRetention();
  const uint64_t held = store_->event_bytes();
  const Sequence floor = store_->floor();
  EXPECT_EQ(floor, 5U);
  Restart();
  EXPECT_EQ(store_->event_bytes(), held);
  EXPECT_EQ(store_->floor(), floor);
  uint64_t bytes = 0;
  ASSERT_OK(log_->Replay(0, [&bytes](Sequence, absl::string_view record) {
    bytes += record.size();
    return absl::OkStatus();
  }));
  EXPECT_EQ(held, bytes);
}

TEST_F(RetentionTest, ALostDropIsMadeAgain) {
  for (int i = 1; i <= 10; ++i) Deliver("a", i);
  clock_.Set(At(110));
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(10));
  retention_.reset();
  CrashHub();
  Start();
  StartRetention();
  const std::vector<Sequence> after = Events();
  EXPECT_EQ(store_->floor() == 0, after.size() == 10U) << "what is back is above the floor";
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(10));
  EXPECT_EQ(store_->floor(), 10U);
}

TEST_F(RetentionTest, AResolvedIncidentThatNothingHappensToIsPurged) {
  Deliver("open", 1);
  Deliver("shut", 2);
  Close("shut", 3);
  clock_.Set(At(1002));
  RunRetention();
  EXPECT_TRUE(IsHeld("shut"));
  clock_.Set(At(1003));
  RunRetention();
  EXPECT_FALSE(IsHeld("shut"));
  EXPECT_TRUE(IsHeld("open")) << "however old it is";
  EXPECT_EQ(store_->incident_count(), 1U);

  const v1::Event purged = EventAt(4);
  EXPECT_EQ(purged.type(), v1::EVENT_TYPE_PURGED);
  EXPECT_EQ(purged.previous_sequence(), 3U);
  EXPECT_EQ(purged.system().reason(), v1::SystemCause::REASON_RETENTION);
  EXPECT_EQ(purged.incident().id(), "shut");
  EXPECT_EQ(purged.incident().sequence(), 4U);
  EXPECT_EQ(purged.incident().alerts_size(), 0);
  EXPECT_EQ(purged.incident().extra_size(), 0);
  RunRetention();
  EXPECT_EQ(log_->head(), 4U) << "once";
  EXPECT_EQ(retention_->counters().incidents_purged, 1U);
}

TEST_F(RetentionTest, AnUpdateKeepsAResolvedIncident) {
  Close("shut", 1);
  Close("shut", 900);
  clock_.Set(At(1500));
  RunRetention();
  EXPECT_TRUE(IsHeld("shut"));
  clock_.Set(At(1900));
  RunRetention();
  EXPECT_FALSE(IsHeld("shut"));
}

TEST_F(RetentionTest, OldOpenIncidentsDoNotHoldBackWhatIsResolved) {
  options_.step_commands = 2;
  StartRetention();
  for (int i = 0; i < 7; ++i) Deliver(absl::StrCat("open-", i), 1);
  for (int i = 0; i < 5; ++i) Close(absl::StrCat("shut-", i), 2);
  clock_.Set(At(2000));
  EXPECT_GT(RunRetention(), 3) << "in small steps";
  EXPECT_EQ(store_->incident_count(), 7U);
}

TEST_F(RetentionTest, AnIncidentThatIsResolvedLaterIsFoundThen) {
  Deliver("a", 1);
  clock_.Set(At(5000));
  RunRetention();
  Close("a", 5001);
  RunRetention();
  clock_.Set(At(6001));
  RunRetention();
  EXPECT_FALSE(IsHeld("a"));
}

TEST_F(RetentionTest, APurgedIncidentMayComeAnew) {
  Close("a", 1);
  clock_.Set(At(1001));
  RunRetention();
  const Sequence again = Deliver("a", 1002);
  const v1::Event opened = EventAt(again);
  EXPECT_EQ(opened.type(), v1::EVENT_TYPE_OPENED);
  EXPECT_EQ(opened.previous_sequence(), 2U) << "its PURGED";
  EXPECT_TRUE(IsHeld("a"));
  EXPECT_EQ(store_->incident_count(), 1U);
  bool complete = false;
  EXPECT_THAT(*store_->ReadLatest(0, again, kAll, &complete), SizeIs(1));
  Restart();
  EXPECT_TRUE(IsHeld("a"));
  EXPECT_EQ(store_->incident_count(), 1U);
}

TEST_F(RetentionTest, ATombstoneIsForgottenInItsTime) {
  Close("a", 1);
  clock_.Set(At(1001));
  RunRetention();
  EXPECT_EQ(store_->Find("a")->tombstone, 2U);
  clock_.Set(At(11'000));
  RunRetention();
  EXPECT_EQ(store_->Find("a")->tombstone, 2U);
  EXPECT_THAT(Events(), ElementsAre(2)) << "what it was is gone";
  clock_.Set(At(11'001));
  RunRetention();
  EXPECT_EQ(store_->Find("a")->tombstone, 0U);
  EXPECT_THAT(Events(), IsEmpty());
  EXPECT_EQ(store_->forgotten(), 2U);
  EXPECT_EQ(store_->floor(), 2U);
  EXPECT_EQ(store_->event_bytes(), 0U);
  Restart();
  EXPECT_EQ(store_->forgotten(), 2U);
  EXPECT_EQ(Deliver("a", 11'002), 3U) << "no sequence comes twice, though no event is left";
  EXPECT_EQ(EventAt(3).previous_sequence(), 0U);
}

TEST_F(RetentionTest, ATombstoneOfWhatCameAnewIsNotForgottenInItsPlace) {
  options_.retain_events = absl::InfiniteDuration();
  StartRetention();
  Close("a", 1);
  clock_.Set(At(1001));
  RunRetention();
  clock_.Set(At(20'000));
  RunRetention();
  EXPECT_EQ(store_->Find("a")->tombstone, 2U) << "the events before it are still there";
  Deliver("a", 20'001);
  RunRetention();
  EXPECT_TRUE(IsHeld("a"));
}

TEST_F(RetentionTest, WithTooLittleDiskEventsAreDroppedAndIncidentsWait) {
  Deliver("a", 1);
  Deliver("a", 2);
  Close("b", 3);
  clock_.Set(At(2000));
  SetFreeBytes(0);
  RunRetention();
  EXPECT_THAT(Events(), ElementsAre(2, 3));
  EXPECT_TRUE(IsHeld("b"));
  SetFreeBytes(uint64_t{1} << 40U);
  RunRetention();
  EXPECT_FALSE(IsHeld("b"));
}

TEST_F(RetentionTest, ItRunsByItselfAndEndsWhenAsked) {
  options_.interval = absl::Milliseconds(1);
  StartRetention();
  Close("a", 1);
  clock_.Set(At(3000));
  retention_->Start([](const absl::Status& status) { ADD_FAILURE() << status; });
  EXPECT_TRUE(AwaitPublished(2));
  retention_.reset();
}

}  // namespace
}  // namespace incidenthub
