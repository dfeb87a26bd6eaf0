#include "common/error_details.h"

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using testing::HasReason;

TEST(ErrorDetailsTest, ReasonIsReadBack) {
  const absl::Status status =
      ReasonError("INCIDENT_NOT_FOUND", "no incident \"x\"", {{"incident_id", "x"}});
  EXPECT_THAT(status, HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(status, HasReason("INCIDENT_NOT_FOUND"));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(
      std::string(*status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo"))));
  EXPECT_EQ(info.domain(), "incidenthub");
  EXPECT_EQ(info.metadata().at("incident_id"), "x");
}

TEST(ErrorDetailsTest, FieldErrorNamesTheFieldInWordsAndInDetails) {
  const absl::Status status = FieldError("FIELD_INVALID", "actor", "is required");
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(), "actor: is required");
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(bad_request.ParseFromString(
      std::string(*status.GetPayload("type.googleapis.com/google.rpc.BadRequest"))));
  EXPECT_EQ(bad_request.field_violations(0).field(), "actor");
}

TEST(ErrorDetailsTest, AnErrorWithoutAReasonGetsOneByItsCode) {
  EXPECT_THAT(WithReason(absl::DataLossError("x")), HasReason("DATA_DAMAGED"));
  EXPECT_THAT(WithReason(absl::UnavailableError("x")), HasReason("STORAGE_FAILED"));
  EXPECT_THAT(WithReason(absl::InternalError("x")), HasReason("INTERNAL"));
  EXPECT_THAT(WithReason(FieldError("FIELD_INVALID", "a", "b")), HasReason("FIELD_INVALID"));
  EXPECT_TRUE(WithReason(absl::OkStatus()).ok());
}

TEST(ErrorDetailsTest, RetryDelayIsReadBackToTheNanosecond) {
  const absl::Duration delay = absl::Seconds(2) + absl::Nanoseconds(5);
  EXPECT_EQ(RetryDelay(WithRetryDelay(absl::UnavailableError("x"), delay), absl::Seconds(9)),
            delay);
  EXPECT_EQ(RetryDelay(absl::UnavailableError("x"), absl::Seconds(9)), absl::Seconds(9));
}

}  // namespace
}  // namespace incidenthub
