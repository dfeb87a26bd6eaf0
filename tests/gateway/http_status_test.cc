#include "gateway/http_status.h"

#include "common/error_details.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::gateway {
namespace {

std::string RetryAfter(const HttpAnswer& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name == "Retry-After") return value;
  }
  return "";
}

TEST(HttpStatusTest, ErrorsAreJsonWithCodeReasonAndMessage) {
  const HttpAnswer answer = ErrorAnswer(400, "NOT_JSON", "a \"quote\"");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, R"({"status":"error","error":{"code":400,"reason":"NOT_JSON",)"
                         R"("message":"a \"quote\""}})");
}

TEST(HttpStatusTest, RetryAfterIsWholeSecondsWithinBounds) {
  EXPECT_EQ(RetryAfter(RetryAnswer("OVERLOADED", "x")), "2");
  EXPECT_EQ(RetryAfter(RetryAnswer("OVERLOADED", "x", absl::Milliseconds(1))), "1");
  EXPECT_EQ(RetryAfter(RetryAnswer("OVERLOADED", "x", absl::ZeroDuration())), "1");
  EXPECT_EQ(RetryAfter(RetryAnswer("OVERLOADED", "x", absl::Milliseconds(3001))), "4");
  EXPECT_EQ(RetryAfter(RetryAnswer("OVERLOADED", "x", absl::Hours(5))), "60");
}

TEST(HttpStatusTest, RequestErrorsAreByCode) {
  EXPECT_EQ(AnswerForRequestError(absl::InvalidArgumentError("x")).status, 400);
  EXPECT_EQ(AnswerForRequestError(absl::ResourceExhaustedError("x")).status, 413);
  EXPECT_EQ(AnswerForRequestError(absl::DeadlineExceededError("x")).status, 408);
  EXPECT_EQ(AnswerForRequestError(absl::InternalError("x")).status, 503);
  EXPECT_EQ(AnswerForHeadError(absl::ResourceExhaustedError("x")).status, 431);
  EXPECT_EQ(AnswerForHeadError(absl::InvalidArgumentError("x")).status, 400);
}

TEST(HttpStatusTest, DeliveryErrorsAreByCodeAndNever429) {
  for (int code = 1; code <= 16; ++code) {
    const HttpAnswer answer =
        AnswerForDeliveryError(absl::Status(static_cast<absl::StatusCode>(code), "x"));
    const int expected = code == static_cast<int>(absl::StatusCode::kInvalidArgument)    ? 422
                         : code == static_cast<int>(absl::StatusCode::kDeadlineExceeded) ? 504
                                                                                         : 503;
    EXPECT_EQ(answer.status, expected) << code;
    EXPECT_EQ(RetryAfter(answer).empty(), expected != 503) << code;
  }
}

TEST(HttpStatusTest, HubsReasonAndDelayReachTheSender) {
  const HttpAnswer answer = AnswerForDeliveryError(WithRetryDelay(
      ReasonError(absl::StatusCode::kUnavailable, "DISK_FULL", "no space"), absl::Seconds(7)));
  EXPECT_NE(answer.body.find("DISK_FULL"), std::string::npos);
  EXPECT_EQ(RetryAfter(answer), "7");
}

TEST(HttpStatusTest, ReceiptsAreAnsweredByWhatTheySay) {
  v1::Receipt receipt;
  receipt.mutable_accepted()->set_incident_id("a\"b");
  receipt.mutable_accepted()->set_sequence(18446744073709551615U);
  const HttpAnswer accepted = AnswerForReceipt(receipt, "");
  EXPECT_EQ(accepted.status, 200);
  EXPECT_EQ(accepted.body,
            R"({"status":"accepted","data":{"status":"accepted","incident_id":"a\"b",)"
            R"("sequence":18446744073709551615,"duplicate":false}})");
  receipt.mutable_quarantined()->set_id(3);
  const HttpAnswer quarantined = AnswerForReceipt(receipt, "/incident/id: is missing");
  EXPECT_EQ(quarantined.status, 422);
  EXPECT_NE(quarantined.body.find("/incident/id: is missing (kept in quarantine as 3)"),
            std::string::npos);
}

TEST(HttpStatusTest, WhatIsIgnoredOrATestIsAnswered200AndSaysSo) {
  v1::Receipt receipt;
  receipt.mutable_ignored();
  EXPECT_EQ(AnswerForReceipt(receipt, "").body,
            R"({"status":"accepted","data":{"status":"accepted","ignored":true}})");
  EXPECT_EQ(AnswerForTest().status, 200);
  EXPECT_EQ(AnswerForTest().body,
            R"({"status":"accepted","data":{"status":"accepted","test":true}})");
}

TEST(HttpStatusTest, ABatchIsAnsweredByWhatItsItemsBecame) {
  EXPECT_EQ(AnswerForBatch({.accepted = 1}).status, 201);
  EXPECT_EQ(AnswerForBatch({.accepted = 1, .duplicates = 5}).status, 201);
  EXPECT_EQ(AnswerForBatch({.duplicates = 5}).status, 204);
  EXPECT_EQ(AnswerForBatch({}).status, 204);
  EXPECT_EQ(AnswerForBatch({.ignored = 1}).status, 201);
  EXPECT_EQ(AnswerForBatch({.tests = 1}).status, 201);
  // What is bad must be said, and a 204 says nothing.
  EXPECT_EQ(AnswerForBatch({.duplicates = 1, .bad = 1, .named = {{3, "no"}}}).status, 201);
  const HttpAnswer bad = AnswerForBatch({.bad = 2, .named = {{0, "a \"b\""}, {4, "c"}}});
  EXPECT_EQ(bad.status, 422);
  EXPECT_NE(bad.body.find(R"("reason":"UNMAPPED")"), std::string::npos) << bad.body;
  EXPECT_NE(
      bad.body.find(R"("bad_items":[{"index":0,"message":"a \"b\""},{"index":4,"message":"c"}])"),
      std::string::npos)
      << bad.body;
}

}  // namespace
}  // namespace incidenthub::gateway
