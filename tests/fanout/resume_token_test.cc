#include "server/fanout/resume_token.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using internal::v1::ResumeToken;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;

ResumeToken MakeToken() {
  ResumeToken token;
  token.set_version(kResumeTokenVersion);
  token.set_generation(0x1234567890ABCDEFU);
  token.set_phase(ResumeToken::PHASE_SETTLING);
  token.set_position(1000);
  token.set_since(900);
  token.set_cut(990);
  token.set_settle(1010);
  return token;
}

void ExpectInvalid(absl::string_view text) {
  const auto token = DecodeResumeToken(text);
  EXPECT_THAT(token, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(token, HasReason("RESUME_TOKEN_INVALID"));
}

TEST(ResumeTokenTest, SurvivesTheWayThroughText) {
  for (const auto phase :
       {ResumeToken::PHASE_UNSPECIFIED, ResumeToken::PHASE_SETTLING, ResumeToken::PHASE_EVENTS}) {
    ResumeToken token = MakeToken();
    token.set_phase(phase);
    const auto decoded = DecodeResumeToken(EncodeResumeToken(token));
    ASSERT_OK(decoded);
    EXPECT_THAT(*decoded, EqualsProto(token));
  }
}

TEST(ResumeTokenTest, TheLargestIsWithinTheBoundAndSafeInAUrl) {
  ResumeToken token = MakeToken();
  const uint64_t max = std::numeric_limits<uint64_t>::max();
  token.set_position(max);
  token.set_since(max);
  token.set_cut(max);
  token.set_settle(max);
  const std::string text = EncodeResumeToken(token);
  EXPECT_LE(text.size(), kResumeTokenBytesMax);
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  EXPECT_OK(DecodeResumeToken(text));
}

TEST(ResumeTokenTest, AnyByteChangedIsNoticed) {
  const std::string text = EncodeResumeToken(MakeToken());
  for (size_t i = 0; i < text.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string tampered = text;
      tampered[i] = static_cast<char>(byte);
      if (tampered == text) continue;
      const auto token = DecodeResumeToken(tampered);
      if (!token.ok()) {
        EXPECT_THAT(token, HasReason("RESUME_TOKEN_INVALID"));
        continue;
      }
      // base64 has more than one spelling of the same bytes; never of others.
      EXPECT_THAT(*token, EqualsProto(MakeToken())) << "byte " << i << " as " << byte;
    }
  }
}

TEST(ResumeTokenTest, AnyByteLostOrAddedIsNoticed) {
  const std::string text = EncodeResumeToken(MakeToken());
  for (size_t size = 0; size < text.size(); ++size) ExpectInvalid(text.substr(0, size));
  for (size_t i = 0; i < text.size(); ++i) ExpectInvalid(text.substr(0, i) + text.substr(i + 1));
  ExpectInvalid(text + "A");
  ExpectInvalid(text + text);
}

TEST(ResumeTokenTest, WhatIsNoTokenIsRefused) {
  ExpectInvalid("");
  ExpectInvalid("token");
  ExpectInvalid("AAAA");
  ExpectInvalid("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  ExpectInvalid("\xFF\xFE not base64");
  ExpectInvalid(std::string(kResumeTokenBytesMax, 'A'));
  ExpectInvalid(std::string(kResumeTokenBytesMax + 1, 'A'));
  ExpectInvalid(std::string(1'000'000, 'A'));
}

TEST(ResumeTokenTest, TheErrorDoesNotEchoTheToken) {
  const auto token = DecodeResumeToken(std::string(100'000, 'Z'));
  EXPECT_LT(token.status().message().size(), 300U);
}

TEST(ResumeTokenTest, AnotherVersionIsReadAsThatAndNothingElse) {
  for (const uint32_t version : {0U, 2U, 77U}) {
    ResumeToken token = MakeToken();
    token.set_version(version);
    const auto decoded = DecodeResumeToken(EncodeResumeToken(token));
    ASSERT_OK(decoded);
    ResumeToken bare;
    bare.set_version(version);
    EXPECT_THAT(*decoded, EqualsProto(bare));
  }
}

}  // namespace
}  // namespace incidenthub
