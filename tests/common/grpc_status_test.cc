#include "common/grpc_status.h"

#include "common/error_details.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

TEST(GrpcStatusTest, CodeMessageAndDetailsSurviveTheWayThere_AndBack) {
  const absl::Status before =
      WithRetryDelay(ReasonError("SHUTTING_DOWN", "going"), absl::Seconds(3));
  const absl::Status after = FromGrpcStatus(ToGrpcStatus(before));
  EXPECT_EQ(after, before);
  EXPECT_THAT(after, testing::HasReason("SHUTTING_DOWN"));
  EXPECT_EQ(RetryDelay(after, absl::ZeroDuration()), absl::Seconds(3));
  EXPECT_EQ(FromProtoStatus(ToProtoStatus(before)), before);
}

TEST(GrpcStatusTest, NoErrorLeavesWithoutAReason) {
  EXPECT_THAT(FromGrpcStatus(ToGrpcStatus(absl::DataLossError("damaged"))),
              testing::HasReason("DATA_DAMAGED"));
}

TEST(GrpcStatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_OK(FromGrpcStatus(grpc::Status::OK));
}

TEST(GrpcStatusTest, DetailsThatDoNotParseAreLeftOut) {
  const absl::Status status =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "x", "\xFF\xFF not a status"));
  EXPECT_THAT(status, testing::HasCode(absl::StatusCode::kAborted));
  EXPECT_EQ(status.message(), "x");
}

}  // namespace
}  // namespace incidenthub
