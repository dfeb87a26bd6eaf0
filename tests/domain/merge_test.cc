#include "server/domain/merge.h"

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using internal::v1::Bookkeeping;
using testing::At;
using testing::EqualsProto;
using testing::Stamp;
using v1::Incident;

constexpr Rank kOld{10, 10, 10};
constexpr Rank kMiddle{20, 20, 20};
constexpr Rank kNew{30, 30, 30};

// A field that outlives a delivery without it: how to set it, and to read what was set.
struct KeptField {
  std::string name;
  std::function<void(Incident*, const std::string&)> set;
  std::function<std::string(const Incident&)> get;

  friend void PrintTo(const KeptField& field, std::ostream* out) { *out << field.name; }
};

std::vector<KeptField> KeptFields() {
  return {
      {"environment",
       [](Incident* i, const std::string& v) { i->mutable_environment()->set_id(v); },
       [](const Incident& i) { return i.environment().id(); }},
      {"links", [](Incident* i, const std::string& v) { i->mutable_links()->set_landing_page(v); },
       [](const Incident& i) { return i.links().landing_page(); }},
      {"tags",
       [](Incident* i, const std::string& v) {
         i->add_tags()->set_name(v);
         i->add_tags()->set_name(v);
       },
       [](const Incident& i) { return i.tags_size() == 2 ? i.tags(1).name() : ""; }},
      {"related_changes",
       [](Incident* i, const std::string& v) { i->add_related_changes()->set_id(v); },
       [](const Incident& i) {
         return i.related_changes_size() == 1 ? i.related_changes(0).id() : "";
       }},
      {"related_changes_encoded",
       [](Incident* i, const std::string& v) {
         v1::RelatedChange change;
         change.set_id(v);
         i->GetReflection()->MutableUnknownFields(i)->AddLengthDelimited(
             Incident::kRelatedChangesFieldNumber, change.SerializeAsString());
       },
       [](const Incident& i) {
         Incident decoded;
         return decoded.ParseFromString(i.SerializeAsString()) &&
                        decoded.related_changes_size() == 1
                    ? decoded.related_changes(0).id()
                    : "";
       }},
      {"sender", [](Incident* i, const std::string& v) { i->mutable_sender()->set_name(v); },
       [](const Incident& i) { return i.sender().name(); }},
      {"assignee", [](Incident* i, const std::string& v) { i->mutable_assignee()->set_name(v); },
       [](const Incident& i) { return i.assignee().name(); }},
      {"assigner", [](Incident* i, const std::string& v) { i->mutable_assigner()->set_name(v); },
       [](const Incident& i) { return i.assigner().name(); }},
      {"last_comment",
       [](Incident* i, const std::string& v) { i->mutable_last_comment()->set_text(v); },
       [](const Incident& i) { return i.last_comment().text(); }},
  };
}

class MergeKeptFieldTest : public ::testing::TestWithParam<KeptField> {
 protected:
  Incident With(const std::string& value) const {
    Incident incident;
    incident.set_id("i-1");
    if (!value.empty()) GetParam().set(&incident, value);
    return incident;
  }
  std::string Value(const Incident& incident) const { return GetParam().get(incident); }

  // The newest incident after deliveries of rising rank.
  Incident Newest(const std::string& first, const std::string& second) {
    Incident held = With(first);
    MergeNewest(nullptr, kOld, &held, &bookkeeping_);
    Incident next = With(second);
    MergeNewest(&held, kNew, &next, &bookkeeping_);
    return next;
  }

  Bookkeeping bookkeeping_;
};

TEST_P(MergeKeptFieldTest, OutlivesANewerDeliveryWithoutIt) {
  EXPECT_EQ(Value(Newest("old", "")), "old");
}

TEST_P(MergeKeptFieldTest, IsReplacedByANewerDelivery) {
  EXPECT_EQ(Value(Newest("old", "new")), "new");
}

TEST_P(MergeKeptFieldTest, IsFilledByALateDeliveryWhenNobodyHadIt) {
  Incident held = Newest("", "");
  MergeLate(With("late"), kMiddle, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "late");
}

TEST_P(MergeKeptFieldTest, OfTwoLateDeliveriesTheNewerOneStays) {
  Incident held = Newest("", "");
  MergeLate(With("middle"), kMiddle, &held, &bookkeeping_);
  MergeLate(With("old"), kOld, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "middle") << "the older came last";

  held = Newest("", "");
  bookkeeping_.Clear();
  MergeLate(With("old"), kOld, &held, &bookkeeping_);
  MergeLate(With("middle"), kMiddle, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "middle") << "the newer came last";
}

TEST_P(MergeKeptFieldTest, OfTwoLateDeliveriesOfOneRankTheFirstStays) {
  Incident held = Newest("", "");
  MergeLate(With("first"), kMiddle, &held, &bookkeeping_);
  MergeLate(With("second"), kMiddle, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "first") << "it is no newer";
}

TEST_P(MergeKeptFieldTest, OfTheNewestDeliveryIsNotReplacedByALateOne) {
  Incident held = Newest("old", "new");
  MergeLate(With("late"), kMiddle, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "new");
}

TEST_P(MergeKeptFieldTest, KeptFromAnOldDeliveryIsReplacedByALaterOneThatArrivesLate) {
  Incident held = Newest("old", "");
  MergeLate(With("late"), kMiddle, &held, &bookkeeping_);
  EXPECT_EQ(Value(held), "late");
}

TEST_P(MergeKeptFieldTest, ALateDeliveryWithoutItChangesNothing) {
  Incident held = Newest("old", "new");
  const Incident before = held;
  const Bookkeeping bookkeeping_before = bookkeeping_;
  MergeLate(With(""), kMiddle, &held, &bookkeeping_);
  EXPECT_THAT(held, EqualsProto(before));
  EXPECT_THAT(bookkeeping_, EqualsProto(bookkeeping_before));
}

TEST_P(MergeKeptFieldTest, ItsRankIsRememberedOnce) {
  Newest("old", "new");
  EXPECT_EQ(bookkeeping_.kept_size(), 1);
  EXPECT_EQ(FromProto(bookkeeping_.kept(0).rank()), kNew);
}

INSTANTIATE_TEST_SUITE_P(All, MergeKeptFieldTest, ::testing::ValuesIn(KeptFields()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(MergeNewestTest, OwnFieldsAreTheDeliverysAlone) {
  Incident held;
  held.set_id("i-1");
  held.set_status(v1::STATUS_CRITICAL);
  held.set_severity_text("Critical");
  held.set_active(true);
  held.set_flapping(true);
  held.mutable_snooze()->set_snoozed(true);
  *held.mutable_end_time() = Stamp(At(9));
  held.add_alerts()->set_id("a-1");
  (*held.mutable_extra())["/x"] = "1";

  Incident delivered;
  delivered.set_id("i-1");
  delivered.set_status(v1::STATUS_WARNING);
  const Incident expected = delivered;
  Bookkeeping bookkeeping;
  MergeNewest(&held, kNew, &delivered, &bookkeeping);
  EXPECT_THAT(delivered, EqualsProto(expected));
}

TEST(MergeNewestTest, WhatTheHubSetsIsHeldAndNeverTakenFromADelivery) {
  Incident held;
  held.set_id("i-1");
  held.set_state(v1::STATE_ACKNOWLEDGED);
  held.mutable_acknowledgement()->set_actor("ada");
  held.mutable_resolution()->set_actor("bob");
  held.mutable_upstream()->set_state(v1::Upstream::STATE_FAILED);

  Incident delivered;
  delivered.set_id("i-1");
  delivered.set_state(v1::STATE_RESOLVED);
  delivered.mutable_acknowledgement()->set_actor("mallory");
  delivered.mutable_resolution()->set_actor("mallory");
  delivered.mutable_upstream()->set_state(v1::Upstream::STATE_CONFIRMED);

  Incident merged = delivered;
  Bookkeeping bookkeeping;
  MergeNewest(&held, kNew, &merged, &bookkeeping);
  EXPECT_THAT(merged, EqualsProto(held));

  Incident bare;
  bare.set_id("i-1");
  merged = delivered;
  MergeNewest(nullptr, kNew, &merged, &bookkeeping);
  EXPECT_THAT(merged, EqualsProto(bare)) << "nothing is held of an unknown incident";
}

TEST(MergeLateTest, OwnFieldsAndWhatTheHubSetsStay) {
  Incident held;
  held.set_id("i-1");
  held.set_state(v1::STATE_OPEN);
  held.set_status_text("Critical");
  Incident late;
  late.set_id("i-1");
  late.set_state(v1::STATE_RESOLVED);
  late.set_status_text("Ok");
  late.set_severity_text("Warning");
  late.add_alerts()->set_id("a-1");
  *late.mutable_start_time() = Stamp(At(1));
  (*late.mutable_extra())["/x"] = "1";
  late.mutable_acknowledgement()->set_actor("mallory");
  late.mutable_upstream()->set_state(v1::Upstream::STATE_CONFIRMED);
  const Incident before = held;
  Bookkeeping bookkeeping;
  MergeLate(late, kOld, &held, &bookkeeping);
  EXPECT_THAT(held, EqualsProto(before));
}

}  // namespace
}  // namespace incidenthub
