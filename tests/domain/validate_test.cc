#include "server/domain/validate.h"

#include <string>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::DeliveryBuilder;
using testing::HasCode;
using testing::HasReason;
using testing::ResolveOf;
using testing::UnackOf;
using testing::UnmappedDelivery;

// INVALID_ARGUMENT / FIELD_INVALID naming this field, in words and in the details.
void ExpectFieldInvalid(const absl::Status& status, const std::string& field) {
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(field));
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  ASSERT_TRUE(payload.has_value());
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(bad_request.ParseFromString(std::string(*payload)));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), field);
}

TEST(ValidateConsumerTest, TakesOneTo128LettersDigitsAndMarks) {
  EXPECT_OK(ValidateConsumer("a"));
  EXPECT_OK(ValidateConsumer("team-a/Pager_2.eu"));
  EXPECT_OK(ValidateConsumer(std::string(128, 'x')));
  for (const std::string& name :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a\n"),
        std::string("\xc3\xa4"), std::string("a\0b", 3), std::string("a:b")}) {
    ExpectFieldInvalid(ValidateConsumer(name), "consumer");
  }
}

TEST(ValidateIncidentIdTest, TakesOneTo512Bytes) {
  EXPECT_OK(ValidateIncidentId("x"));
  EXPECT_OK(ValidateIncidentId(std::string(512, 'x')));
  ExpectFieldInvalid(ValidateIncidentId(""), "incident_id");
  ExpectFieldInvalid(ValidateIncidentId(std::string(513, 'x')), "incident_id");
}

template <typename Request>
void ExpectActionBounds(const Request& good) {
  EXPECT_OK(Validate(good));
  const auto with = [&good](auto edit) {
    Request request = good;
    edit(&request);
    return Validate(request);
  };
  ExpectFieldInvalid(with([](Request* r) { r->clear_incident_id(); }), "incident_id");
  ExpectFieldInvalid(with([](Request* r) { r->set_incident_id(std::string(513, 'i')); }),
                     "incident_id");
  ExpectFieldInvalid(with([](Request* r) { r->clear_actor(); }), "actor");
  EXPECT_OK(with([](Request* r) { r->set_actor(std::string(256, 'a')); }));
  ExpectFieldInvalid(with([](Request* r) { r->set_actor(std::string(257, 'a')); }), "actor");
  EXPECT_OK(with([](Request* r) { r->clear_note(); }));
  EXPECT_OK(with([](Request* r) { r->set_note(std::string(4096, 'n')); }));
  ExpectFieldInvalid(with([](Request* r) { r->set_note(std::string(4097, 'n')); }), "note");
  EXPECT_OK(with([](Request* r) { r->set_request_id(" ~" + std::string(62, 'r')); }));
  for (const std::string& id : {std::string(65, 'r'), std::string("a\x1f"), std::string("a\x7f"),
                                std::string("\xc3\xa9"), std::string("\0", 1)}) {
    ExpectFieldInvalid(with([&id](Request* r) { r->set_request_id(id); }), "request_id");
  }
}

TEST(ValidateActionTest, AckHasItsBounds) { ExpectActionBounds(AckOf("i-1")); }
TEST(ValidateActionTest, UnackHasItsBounds) { ExpectActionBounds(UnackOf("i-1")); }
TEST(ValidateActionTest, ResolveHasItsBounds) { ExpectActionBounds(ResolveOf("i-1")); }

TEST(ValidateActionTest, AnExpireTimeIsATime) {
  const auto with = [](int64_t seconds, int32_t nanos) {
    v1::AckRequest request = AckOf("i-1");
    request.mutable_expire_time()->set_seconds(seconds);
    request.mutable_expire_time()->set_nanos(nanos);
    return Validate(request);
  };
  EXPECT_OK(with(0, 0));
  EXPECT_OK(with(253'402'300'799, 999'999'999));
  EXPECT_OK(with(-62'135'596'800, 0));
  ExpectFieldInvalid(with(0, -1), "expire_time");
  ExpectFieldInvalid(with(0, 1'000'000'000), "expire_time");
  ExpectFieldInvalid(with(253'402'300'800, 0), "expire_time");
  ExpectFieldInvalid(with(-62'135'596'801, 0), "expire_time");
}

class ValidateDeliveryTest : public ::testing::Test {
 protected:
  template <typename Edit>
  static absl::Status With(Edit edit) {
    v1::Delivery delivery = DeliveryBuilder().Build();
    edit(&delivery);
    return Validate(delivery);
  }
};

TEST_F(ValidateDeliveryTest, ACompleteOneIsTaken) {
  EXPECT_OK(With([](v1::Delivery*) {}));
  for (const v1::Activity activity :
       {v1::ACTIVITY_ACTIVE, v1::ACTIVITY_INACTIVE, v1::ACTIVITY_UNCHANGED}) {
    EXPECT_OK(With([activity](v1::Delivery* d) { d->set_activity(activity); }));
  }
}

TEST_F(ValidateDeliveryTest, SourceHasOneTo64Bytes) {
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->clear_source(); }), "source");
  EXPECT_OK(With([](v1::Delivery* d) { d->set_source(std::string(64, 's')); }));
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->set_source(std::string(65, 's')); }), "source");
}

TEST_F(ValidateDeliveryTest, TheKindOfAnUnmappedBodyHasAtMost64Bytes) {
  for (const size_t size : {0U, 64U}) {
    EXPECT_OK(
        With([size](v1::Delivery* d) { d->mutable_unmapped()->set_kind(std::string(size, 'k')); }));
  }
  ExpectFieldInvalid(
      With([](v1::Delivery* d) { d->mutable_unmapped()->set_kind(std::string(65, 'k')); }),
      "unmapped.kind");
}

TEST_F(ValidateDeliveryTest, DigestHas16To32Bytes) {
  for (const size_t size : {0U, 15U, 33U}) {
    ExpectFieldInvalid(With([size](v1::Delivery* d) { d->set_digest(std::string(size, 'd')); }),
                       "digest");
  }
  for (const size_t size : {16U, 32U}) {
    EXPECT_OK(With([size](v1::Delivery* d) { d->set_digest(std::string(size, 'd')); }));
  }
}

TEST_F(ValidateDeliveryTest, IncidentIdHasOneTo512Bytes) {
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->mutable_incident()->clear_id(); }),
                     "incident.id");
  EXPECT_OK(With([](v1::Delivery* d) { d->mutable_incident()->set_id(std::string(512, 'i')); }));
  ExpectFieldInvalid(
      With([](v1::Delivery* d) { d->mutable_incident()->set_id(std::string(513, 'i')); }),
      "incident.id");
}

TEST_F(ValidateDeliveryTest, ActivityIsRequiredAndKnown) {
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->clear_activity(); }), "activity");
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->set_activity(static_cast<v1::Activity>(77)); }),
                     "activity");
}

TEST_F(ValidateDeliveryTest, APayloadIsRequired) {
  ExpectFieldInvalid(With([](v1::Delivery* d) { d->clear_incident(); }), "payload");
}

TEST_F(ValidateDeliveryTest, AnUnmappedBodyNeedsOnlyASourceAndMayBeEmpty) {
  v1::Delivery delivery = UnmappedDelivery(1, "{}");
  delivery.clear_digest();
  EXPECT_OK(Validate(delivery));
  delivery.mutable_unmapped()->clear_raw();
  EXPECT_OK(Validate(delivery));
  delivery.clear_source();
  ExpectFieldInvalid(Validate(delivery), "source");
}

TEST_F(ValidateDeliveryTest, AnUnmappedBodyHasAtMost3MiB) {
  const size_t max = size_t{3} << 20U;
  EXPECT_OK(Validate(UnmappedDelivery(1, std::string(max, 'x'))));
  ExpectFieldInvalid(Validate(UnmappedDelivery(1, std::string(max + 1, 'x'))), "unmapped.raw");
}

}  // namespace
}  // namespace incidenthub
