// A seed decides a plan, and a plan has everything in it.

#include "tests/e2e/random_run/plan.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/random_run/deliveries.h"
#include "tests/support/known_log.h"

namespace incidenthub::testing {
namespace {

TEST(RandomRunPlanTest, ASeedDecidesThePlan) {
  const absl::Duration duration = absl::Minutes(2);
  EXPECT_EQ(Describe(MakePlan(7, duration)), Describe(MakePlan(7, duration)));
  EXPECT_NE(Describe(MakePlan(7, duration)), Describe(MakePlan(8, duration)));
}

TEST(RandomRunPlanTest, FaultsOfEveryKindComeOneAfterTheOther) {
  std::set<Fault> seen;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    absl::Duration free;
    for (const FaultPlan& fault : MakePlan(seed, absl::Seconds(150)).faults) {
      EXPECT_GE(fault.at, free);
      free = fault.at + fault.lasts;
      EXPECT_LE(free, absl::Seconds(150));
      seen.insert(fault.fault);
    }
  }
  EXPECT_EQ(seen.size(), 8u);
}

TEST(RandomRunPlanTest, EveryFilterIsSomebodys) {
  ASSERT_LE(Filters().size(), kFiltersMax);
  std::set<size_t> used;
  for (const SubscriberPlan& plan : MakePlan(1, absl::Seconds(10)).subscribers) {
    used.insert(plan.filter);
  }
  EXPECT_EQ(used.size(), Filters().size());
}

TEST(RandomRunPlanTest, SomeRequireHistoryAndSomeAreConsumersOfDifferentNames) {
  size_t histories = 0;
  std::set<std::string> consumers;
  for (const SubscriberPlan& plan : MakePlan(1, absl::Seconds(10)).subscribers) {
    histories += plan.require_history ? 1 : 0;
    // A mode that leaves out events is refused with it.
    EXPECT_FALSE(plan.require_history && (plan.latest_only || plan.alternates)) << plan.name;
    if (!plan.consumer) continue;
    EXPECT_TRUE(consumers.insert(plan.name).second) << plan.name;
    EXPECT_EQ(plan.start, StreamStart::kSnapshot);
  }
  EXPECT_EQ(histories, 2u);
  EXPECT_GE(consumers.size(), 5u);
}

TEST(RandomRunPlanTest, ASeedDecidesTheDeliveries) {
  Deliveries one;
  Deliveries other;
  Rng rng(3, "poster");
  Rng same(3, "poster");
  for (int i = 0; i < 500; ++i) {
    const DeliverySpec spec = one.Next(&rng);
    EXPECT_EQ(BodyOf(spec), BodyOf(other.Next(&same)));
  }
  // No two of an incident are equally new.
  std::set<std::pair<std::string, int64_t>> versions;
  for (const DeliverySpec& spec : one.specs()) {
    EXPECT_TRUE(versions.emplace(spec.incident_id, spec.version).second);
  }
}

}  // namespace
}  // namespace incidenthub::testing
