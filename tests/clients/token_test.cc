#include "clients/cli/token.h"

#include <set>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simdjson.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string HexOf(const std::string& token) {
  const auto digest = Sha256(token);
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

TEST(TokenTest, IsOf256RandomBitsAndComesWithItsHash) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const auto made = MakeToken();
    ASSERT_OK(made);
    // 43 digits of six bits each hold 32 bytes.
    EXPECT_THAT(made->token, MatchesRegex("ih_[A-Za-z0-9_-]{43}"));
    EXPECT_EQ(made->sha256, HexOf(made->token));
    tokens.insert(made->token);
  }
  EXPECT_EQ(tokens.size(), 100U);
}

TEST(TokenTest, IsPrintedForPeopleAndForPrograms) {
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{.out = out,
                          .err = err,
                          .time_zone = absl::UTCTimeZone(),
                          .variable = [](const std::string&) { return std::string(); },
                          .account_name = [] { return std::string(); },
                          .set_interrupt_action = [](std::function<void()>) {}};
  Invocation invocation;
  EXPECT_EQ(RunToken(invocation, environment), ExitCode::kOk);
  EXPECT_THAT(out.str(), HasSubstr("token   ih_"));
  EXPECT_THAT(out.str(), HasSubstr("sha256  "));
  out.str("");
  invocation.json = true;
  EXPECT_EQ(RunToken(invocation, environment), ExitCode::kOk);
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(out.str());
  const std::string token = json["token"].get_c_str().value();
  EXPECT_STREQ(json["sha256"].get_c_str().value(), HexOf(token).c_str());
  EXPECT_EQ(err.str(), "");
}

}  // namespace
}  // namespace incidenthub::client
