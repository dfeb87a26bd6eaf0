// Deliveries of distinct rank end in the same incident, in whatever order and however often they
// arrive.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/random_seed.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::Life;
using testing::Stamp;

// A field of the incident as a test sets it: half of the deliveries lack it.
using SetField = void (*)(v1::Incident*, const std::string&);

constexpr std::array<SetField, 6> kOwnFields = {
    [](v1::Incident* i, const std::string& v) { i->set_status_text(v); },
    [](v1::Incident* i, const std::string& v) { i->set_severity_text(v); },
    [](v1::Incident* i, const std::string& v) { i->add_alerts()->set_id(v); },
    [](v1::Incident* i, const std::string& v) { (*i->mutable_extra())["/x"] = v; },
    [](v1::Incident* i, const std::string&) { i->set_flapping(true); },
    [](v1::Incident* i, const std::string&) { i->mutable_snooze()->set_snoozed(true); },
};

struct Kept {
  SetField set;
  // Takes the field of `from` over, if that has it.
  void (*take)(const v1::Incident& from, v1::Incident* to);
};

constexpr std::array<Kept, 7> kKeptFields = {{
    {[](v1::Incident* i, const std::string& v) { i->mutable_environment()->set_id(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.has_environment()) *to->mutable_environment() = from.environment();
     }},
    {[](v1::Incident* i, const std::string& v) { i->mutable_links()->set_landing_page(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.has_links()) *to->mutable_links() = from.links();
     }},
    {[](v1::Incident* i, const std::string& v) { i->add_tags()->set_name(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.tags_size() > 0) *to->mutable_tags() = from.tags();
     }},
    {[](v1::Incident* i, const std::string& v) { i->add_related_changes()->set_id(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.related_changes_size() > 0) *to->mutable_related_changes() = from.related_changes();
     }},
    {[](v1::Incident* i, const std::string& v) { i->mutable_sender()->set_name(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.has_sender()) *to->mutable_sender() = from.sender();
     }},
    {[](v1::Incident* i, const std::string& v) { i->mutable_assignee()->set_name(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.has_assignee()) *to->mutable_assignee() = from.assignee();
     }},
    {[](v1::Incident* i, const std::string& v) { i->mutable_assigner()->set_name(v); },
     [](const v1::Incident& from, v1::Incident* to) {
       if (from.has_assigner()) *to->mutable_assigner() = from.assigner();
     }},
}};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // 0 to n - 1.
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool Coin() { return Below(2) == 0; }
  template <typename T>
  void Shuffle(std::vector<T>* items) {
    std::shuffle(items->begin(), items->end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

// Deliveries of rising rank. They differ in any of the three times, or in none but the receive
// time; the earlier ones of a rank's time may be equal.
std::vector<v1::Delivery> RandomDeliveries(Random* random) {
  std::vector<v1::Delivery> deliveries;
  const size_t count = 1 + random->Below(30);
  int update = 0;
  int change = 0;
  int event = 0;
  for (size_t n = 0; n < count; ++n) {
    switch (random->Below(3)) {
      case 0:
        ++update;
        change = static_cast<int>(random->Below(100));
        event = static_cast<int>(random->Below(100));
        break;
      case 1:
        ++change;
        event = static_cast<int>(random->Below(100));
        break;
      default:
        ++event;
    }
    const std::string name = absl::StrCat("delivery ", n);
    DeliveryBuilder builder;
    builder.Digest(name).Activity(random->Coin() ? v1::ACTIVITY_ACTIVE : v1::ACTIVITY_INACTIVE);
    if (random->Coin()) builder.Comment(name);
    builder.With([&](v1::Incident* incident) {
      for (const SetField set : kOwnFields) {
        if (random->Coin()) set(incident, name);
      }
      for (const Kept& kept : kKeptFields) {
        if (random->Coin()) kept.set(incident, name);
      }
    });
    if (random->Below(8) == 0) {
      // Ranks by its receive time alone, which moves the clock for those that follow.
      ++update;
      builder.Timeless(At(update));
      change = update;
      event = update;
    } else {
      builder.UpdateTime(At(update)).ChangeTime(At(change)).EventType("incident#x", At(event));
    }
    deliveries.push_back(builder.Build());
  }
  return deliveries;
}

// What the deliveries come to, without a thought about their order: they are given sorted.
v1::Incident Expected(const std::vector<v1::Delivery>& sorted) {
  v1::Incident expected = sorted.back().incident();
  for (const v1::Delivery& delivery : sorted) {
    for (const Kept& kept : kKeptFields) kept.take(delivery.incident(), &expected);
    if (!delivery.has_comment()) continue;
    *expected.mutable_last_comment() = delivery.comment();
    *expected.mutable_last_comment()->mutable_time() = delivery.incident().has_update_time()
                                                           ? delivery.incident().update_time()
                                                           : delivery.receive_time();
  }
  expected.set_source("bigpanda");
  if (sorted.back().activity() == v1::ACTIVITY_ACTIVE) {
    expected.set_state(v1::STATE_OPEN);
  } else {
    expected.set_state(v1::STATE_RESOLVED);
    expected.mutable_resolution()->set_origin(v1::Resolution::ORIGIN_SOURCE);
  }
  return expected;
}

// `incident` without what depends on when the hub decided.
v1::Incident WithoutHubsOwn(v1::Incident incident) {
  incident.clear_sequence();
  incident.clear_etag();
  if (incident.has_resolution()) incident.mutable_resolution()->clear_time();
  return incident;
}

TEST(LifecyclePropertyTest, DeliveriesOfDistinctRankConvergeInAnyOrderAndRepetition) {
  const uint64_t base = testing::FirstSeed();
  for (uint64_t seed = base; seed < base + 3000; ++seed) {
    SCOPED_TRACE(testing::SeedTrace(seed));
    Random random(seed);
    const std::vector<v1::Delivery> sorted = RandomDeliveries(&random);

    std::vector<v1::Delivery> sent = sorted;
    const size_t repeats = random.Below(2 * sorted.size() + 1);
    for (size_t i = 0; i < repeats; ++i) sent.push_back(sorted[random.Below(sorted.size())]);
    random.Shuffle(&sent);

    Life life;
    for (const v1::Delivery& delivery : sent) {
      life.now += absl::Seconds(random.Below(3));
      life.Deliver(delivery);
    }
    ASSERT_THAT(WithoutHubsOwn(life.incident()), EqualsProto(Expected(sorted)));
  }
}

// What a chain of random commands may never break.
TEST(LifecyclePropertyTest, AnyMixOfCommandsKeepsEventsChainedAndBounded) {
  const uint64_t base = testing::FirstSeed();
  for (uint64_t seed = base; seed < base + 200; ++seed) {
    SCOPED_TRACE(testing::SeedTrace(seed));
    Random random(seed);
    Life life;
    Sequence last = 0;
    Sequence first = 0;
    for (int step = 0; step < 200; ++step) {
      life.upstream_enabled = random.Coin();
      const int events = life.events();
      if (random.Below(4) == 0) {
        static_cast<void>(life.Ack(testing::AckOf("i-1")));
      } else if (random.Below(8) == 0) {
        static_cast<void>(
            life.Ack(testing::AckUntil("i-1", life.now + absl::Seconds(1 + random.Below(20)))));
      } else if (random.Below(8) == 0) {
        static_cast<void>(life.Unack(testing::UnackOf("i-1")));
      } else if (life.state() != nullptr && random.Below(4) == 0) {
        life.now += absl::Seconds(random.Below(20));
        const absl::Time expiry = ExpiryOf(life.incident());
        const bool due = expiry <= life.now;
        static_cast<void>(life.Expire(expiry));
        ASSERT_EQ(life.events() > events, due);
        if (due) {
          ASSERT_EQ(life.incident().state(), v1::STATE_OPEN);
        }
      } else if (random.Below(4) == 0) {
        static_cast<void>(life.Resolve(testing::ResolveOf("i-1")));
      } else {
        DeliveryBuilder builder;
        builder.UpdateTime(At(static_cast<int64_t>(random.Below(10))))
            .Activity(static_cast<v1::Activity>(1 + random.Below(3)))
            .StatusText(absl::StrCat(random.Below(20)));
        if (random.Coin()) builder.EventType("incident#reopen", At(1));
        life.Deliver(builder.Build());
      }
      if (random.Below(4) == 0 && life.state() != nullptr) {
        life.SetUpstream(
            static_cast<v1::Upstream::State>(random.Below(v1::Upstream::State_ARRAYSIZE)));
      }
      if (life.events() == events) continue;
      ASSERT_EQ(life.event().previous_sequence(), last);
      ASSERT_GT(life.event().sequence(), last);
      last = life.event().sequence();
      if (first == 0) first = last;
      ASSERT_EQ(life.state()->bookkeeping.first_sequence(), first);
      ASSERT_NE(life.incident().state(), v1::STATE_UNSPECIFIED);
      ASSERT_NE(life.event().type(), v1::EVENT_TYPE_UNSPECIFIED);
      ASSERT_NE(life.event().cause_case(), v1::Event::CAUSE_NOT_SET);
      ASSERT_LE(life.state()->bookkeeping.newest().sequences_size(), 64);
      ASSERT_LE(life.state()->bookkeeping.older().sequences_size(), 16);
    }
  }
}

}  // namespace
}  // namespace incidenthub
