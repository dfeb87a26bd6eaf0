#include "gateway/request_ids.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/trace_context.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/gateway/support/request_head.h"

namespace incidenthub::gateway {
namespace {

using testing::Request;

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string RequestIdOf(const std::vector<std::string>& fields) {
  const Request request(fields);
  return IdsOf(request.head()).request_id;
}
std::string TraceOf(const std::vector<std::string>& fields) {
  const Request request(fields);
  return IdsOf(request.head()).traceparent;
}

TEST(RequestIdsTest, AnIdThatIsSentIsTaken) {
  EXPECT_EQ(RequestIdOf({"x-request-id: from the proxy/17"}), "from the proxy/17");
  const std::string longest(kRequestIdBytesMax, 'x');
  EXPECT_EQ(RequestIdOf({absl::StrCat("X-Request-Id: ", longest)}), longest);
}

TEST(RequestIdsTest, WhatIsNoIdGetsANewOne) {
  const auto is_new = ::testing::MatchesRegex("[0-9a-f]{16}");
  EXPECT_THAT(RequestIdOf({}), is_new);
  EXPECT_THAT(RequestIdOf({"X-Request-Id:"}), is_new);
  EXPECT_THAT(RequestIdOf({"X-Request-Id: a", "X-Request-Id: b"}), is_new);
  EXPECT_THAT(RequestIdOf({"X-Request-Id: \xC3\xA4"}), is_new);
  EXPECT_THAT(RequestIdOf({"X-Request-Id: a\tb"}), is_new);
  EXPECT_THAT(
      RequestIdOf({absl::StrCat("X-Request-Id: ", std::string(kRequestIdBytesMax + 1, 'x'))}),
      is_new);
  EXPECT_NE(RequestIdOf({}), RequestIdOf({}));
}

TEST(RequestIdsTest, ATraceIsContinuedWithASpanOfTheGateways) {
  const std::string continued = TraceOf({absl::StrCat("Traceparent: ", kTrace)});
  EXPECT_TRUE(IsTraceparent(continued));
  EXPECT_EQ(TraceIdOf(continued), TraceIdOf(kTrace));
  EXPECT_NE(continued, kTrace);
}

TEST(RequestIdsTest, WithoutAValidTraceOneBegins) {
  const std::string field = absl::StrCat("traceparent: ", kTrace);
  for (const std::vector<std::string>& fields :
       {std::vector<std::string>{}, {"traceparent: 01-00"}, {field, field}}) {
    const std::string begun = TraceOf(fields);
    EXPECT_TRUE(IsTraceparent(begun));
    EXPECT_NE(TraceIdOf(begun), TraceIdOf(kTrace));
  }
}

}  // namespace
}  // namespace incidenthub::gateway
