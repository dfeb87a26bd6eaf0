// Whatever happens to an incident, and in whatever batches: it is stored as the lifecycle has it
// that always sees all of it.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/random_seed.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::Life;
using testing::ResolveOf;

constexpr char kId[] = "a";

class SequencerHistoryTest : public CoreTest {
 protected:
  // Submits batches of up to four commands, and compares what is stored after each.
  void CompareWithTheLifecycle(int batches) {
    Life life;
    life.now = clock_.Now();
    for (int i = 0; i < batches; ++i) {
      std::vector<Command> commands;
      const size_t count = 1 + Below(4);
      for (size_t k = 0; k < count; ++k) commands.push_back(RandomCommand(&life));
      Submit(std::move(commands))->Wait();
      if (life.state() == nullptr) continue;
      const auto stored = store_->FindIncident(kId);
      ASSERT_OK(stored);
      ASSERT_TRUE(stored->has_value());
      ASSERT_THAT((*stored)->incident, EqualsProto(life.incident())) << "after batch " << i;
      ASSERT_THAT((*stored)->bookkeeping, EqualsProto(life.state()->bookkeeping)) << i;
    }
    EXPECT_GT(life.events(), batches / 2);
  }

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool Coin() { return Below(2) == 0; }

  // Some are late, some repeat an earlier one, each lacks about half of what it could have.
  v1::Delivery RandomDelivery() {
    if (!sent_.empty() && Below(4) == 0) return sent_[Below(sent_.size())];
    const std::string name = absl::StrCat("delivery ", sent_.size());
    DeliveryBuilder builder(kId);
    builder.UpdateTime(At(static_cast<int64_t>(Below(30))));
    if (Below(3) == 0) builder.Inactive();
    if (Coin()) builder.Comment(name);
    if (Coin()) builder.Environment(name);
    builder.With([&](v1::Incident* incident) {
      // Two deliveries of one time are none the less two.
      incident->set_status_text(name);
      if (Coin()) incident->add_alerts()->set_id(name);
      if (Coin()) incident->add_tags()->set_name(name);
      if (Coin()) incident->add_related_changes()->set_id(name);
      if (Coin()) incident->mutable_links()->set_landing_page(name);
      if (Coin()) incident->mutable_assignee()->set_name(name);
      if (Coin()) (*incident->mutable_extra())["/x"] = name;
    });
    sent_.push_back(builder.Build());
    return sent_.back();
  }

  // Gives it to the oracle too.
  Command RandomCommand(Life* life) {
    life->next_sequence = static_cast<Sequence>(life->events()) + 1;
    switch (Below(5)) {
      case 0:
        life->Ack(AckOf(kId)).IgnoreError();
        return AckOf(kId);
      case 1:
        life->Resolve(ResolveOf(kId)).IgnoreError();
        return ResolveOf(kId);
      default:
        const v1::Delivery delivery = RandomDelivery();
        life->Deliver(delivery);
        return delivery;
    }
  }

  std::mt19937_64 random_{testing::FirstSeed()};
  std::vector<v1::Delivery> sent_;
};

TEST_F(SequencerHistoryTest, IsStoredAsTheLifecycleHasIt) {
  Start();
  CompareWithTheLifecycle(300);
}

TEST_F(SequencerHistoryTest, IsTheSameWhenEveryIncidentIsReadFromTheStore) {
  Start({.recent_bytes_max = 0});
  CompareWithTheLifecycle(300);
}

}  // namespace
}  // namespace incidenthub
