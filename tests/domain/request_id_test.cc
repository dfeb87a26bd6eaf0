#include "server/domain/request_id.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using testing::At;
using testing::HasCode;
using testing::HasReason;
using testing::ResolveOf;
using testing::UnackOf;
using testing::WithRequestId;

TEST(FingerprintTest, DiffersWithEveryFieldAndMethodButTheRequestId) {
  std::set<uint64_t> seen;
  const auto is_new = [&seen](uint64_t fingerprint) { return seen.insert(fingerprint).second; };
  v1::AckRequest ack = AckOf("i-1", "ada", "e");
  EXPECT_TRUE(is_new(FingerprintOf(ack)));
  EXPECT_TRUE(is_new(FingerprintOf(AckOf("i-2", "ada", "e"))));
  EXPECT_TRUE(is_new(FingerprintOf(AckOf("i-1", "bob", "e"))));
  EXPECT_TRUE(is_new(FingerprintOf(AckOf("i-1", "ada", ""))));
  ack.set_note("");
  EXPECT_TRUE(is_new(FingerprintOf(ack)));
  EXPECT_TRUE(is_new(FingerprintOf(AckUntil("i-1", At(1)))));
  EXPECT_TRUE(is_new(FingerprintOf(AckUntil("i-1", At(2)))));
  v1::UnackRequest unack = UnackOf("i-1");
  v1::ResolveRequest resolve = ResolveOf("i-1");
  unack.set_note("same");
  resolve.set_note("same");
  ack = AckOf("i-1");
  ack.set_note("same");
  EXPECT_TRUE(is_new(FingerprintOf(ack)));
  EXPECT_TRUE(is_new(FingerprintOf(unack)));
  EXPECT_TRUE(is_new(FingerprintOf(resolve)));
  EXPECT_EQ(FingerprintOf(WithRequestId(ack, "a")), FingerprintOf(WithRequestId(ack, "b")));
}

// It is on disks.
TEST(FingerprintTest, StaysTheSameForEver) {
  EXPECT_EQ(FingerprintOf(AckOf("i-1")), 0xcd49f33b4606711U);
  EXPECT_EQ(FingerprintOf(UnackOf("i-1")), 0x22b2ab1b59716f75U);
  EXPECT_EQ(FingerprintOf(ResolveOf("i-1")), 0xa591320474178a31U);
}

TEST(RequestIdTest, IsForgottenAfter24Hours) {
  EXPECT_FALSE(IsForgotten(At(0), At(0)));
  EXPECT_FALSE(IsForgotten(At(0), At(24 * 3600) - absl::Nanoseconds(1)));
  EXPECT_TRUE(IsForgotten(At(0), At(24 * 3600)));
  EXPECT_FALSE(IsForgotten(At(0), At(-1))) << "a clock that went back";
}

TEST(RequestIdTest, ARepeatIsTheSameRequestAndNothingElse) {
  internal::v1::RememberedRequest remembered;
  remembered.set_request_id("r-1");
  remembered.set_fingerprint(FingerprintOf(AckOf("i-1")));
  EXPECT_OK(CheckRepeat(remembered, "r-1", FingerprintOf(AckOf("i-1"))));
  const absl::Status status = CheckRepeat(remembered, "r-1", FingerprintOf(AckOf("i-2")));
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("REQUEST_ID_REUSED"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("request_id: \"r-1\""));
}

}  // namespace
}  // namespace incidenthub
