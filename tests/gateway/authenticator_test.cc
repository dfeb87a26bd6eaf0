#include "gateway/authenticator.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/gateway/support/request_head.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::gateway {
namespace {

using incidenthub::testing::HasCode;
using incidenthub::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Request;
using Scheme = HeaderCredential::Scheme;

std::string Basic(absl::string_view value) {
  return absl::StrCat("Basic ", absl::Base64Escape(value));
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  // A new file each time, so that the change shows whatever the file system's clock does.
  void Write(absl::string_view text) {
    std::ofstream(directory_ / "fresh") << text;
    std::filesystem::rename(directory_ / "fresh", path_);
  }
  std::unique_ptr<Authenticator> Make(Scheme scheme, std::string header = "Authorization",
                                      bool takes_query = false) {
    auto made = MakeHeaderAuthenticator({std::move(header), scheme, takes_query, path_}, clock_);
    EXPECT_OK(made);
    return made.ok() ? *std::move(made) : nullptr;
  }
  // The matrix, of one way: `in_line` is what the file has, `sent` what the header has for it.
  void ExpectMatrix(Scheme scheme, const std::string& header,
                    const std::function<std::string(const std::string&)>& in_line,
                    const std::function<std::string(const std::string&)>& sent) {
    const auto line = [&](const std::string& secret) {
      return absl::StrCat(header, ": ", sent(secret));
    };
    const auto refused = HasCode(absl::StatusCode::kUnauthenticated);
    Write(in_line("old"));
    const auto authenticator = Make(scheme, header);
    ASSERT_NE(authenticator, nullptr);
    EXPECT_THAT(authenticator->Check(Request().head()), refused) << "none";
    EXPECT_THAT(authenticator->Check(Request({line("wrong")}).head()), refused);
    EXPECT_THAT(authenticator->Check(Request({line("ol")}).head()), refused) << "a beginning";
    EXPECT_THAT(authenticator->Check(Request({line("")}).head()), refused);
    EXPECT_THAT(authenticator->Check(Request({line("old")}).head()), IsOk());
    EXPECT_THAT(authenticator->Check(Request({line("old"), line("old")}).head()), refused);
    EXPECT_THAT(authenticator->Check(Request({line("old"), line("wrong")}).head()), refused);
    // Rotated: first both, then the new one alone.
    Write(absl::StrCat(in_line("old"), "\n", in_line("new"), "\n"));
    clock_.Advance(kFileCheckInterval);
    EXPECT_THAT(authenticator->Check(Request({line("old")}).head()), IsOk());
    EXPECT_THAT(authenticator->Check(Request({line("new")}).head()), IsOk());
    Write(in_line("new"));
    clock_.Advance(kFileCheckInterval);
    EXPECT_THAT(authenticator->Check(Request({line("old")}).head()), refused);
    EXPECT_THAT(authenticator->Check(Request({line("new")}).head()), IsOk());
  }

  incidenthub::testing::TempDir directory_;
  const std::string path_ = directory_ / "values";
  incidenthub::testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
};

std::string Same(const std::string& value) { return value; }

TEST_F(AuthenticatorTest, WholeValuesOfAnyHeader) {
  ExpectMatrix(Scheme::kWhole, "Authorization", Same, Same);
  ExpectMatrix(Scheme::kWhole, "X-Api-Key", Same, Same);
  const auto with_scheme = [](const std::string& secret) { return "Bearer " + secret; };
  ExpectMatrix(Scheme::kWhole, "Authorization", with_scheme, with_scheme);
}

TEST_F(AuthenticatorTest, BearerTokens) {
  const auto sent = [](const std::string& token) { return "Bearer " + token; };
  ExpectMatrix(Scheme::kBearer, "Authorization", Same, sent);
  ExpectMatrix(Scheme::kBearer, "X-Token", Same, sent);
}

TEST_F(AuthenticatorTest, BasicUsersAndPasswords) {
  const auto user = [](const std::string& password) { return "cribl:" + password; };
  ExpectMatrix(Scheme::kBasic, "Authorization", user,
               [&](const std::string& password) { return Basic(user(password)); });
}

TEST_F(AuthenticatorTest, SchemesHaveAnyCaseAndMustBeThere) {
  Write("token");
  const auto bearer = Make(Scheme::kBearer);
  for (const char* value : {"Bearer token", "bearer token", "BEARER   token"}) {
    EXPECT_OK(bearer->Check(Request({absl::StrCat("Authorization: ", value)}).head())) << value;
  }
  for (const char* value : {"token", "Bearer", "Bearertoken", "Bearer: token", "Basic token",
                            "Bearer token x", "Token token"}) {
    EXPECT_THAT(bearer->Check(Request({absl::StrCat("Authorization: ", value)}).head()),
                HasCode(absl::StatusCode::kUnauthenticated))
        << value;
  }
  Write("u:p:q");
  const auto basic = Make(Scheme::kBasic);
  EXPECT_OK(basic->Check(Request({"authorization: basic " + absl::Base64Escape("u:p:q")}).head()));
  for (const std::string& value : {std::string("u:p:q"), std::string("Basic u:p:q"),
                                   "Bearer " + absl::Base64Escape("u:p:q"), Basic("u:p")}) {
    EXPECT_THAT(basic->Check(Request({"Authorization: " + value}).head()),
                HasCode(absl::StatusCode::kUnauthenticated))
        << value;
  }
}

TEST_F(AuthenticatorTest, ATokenInTheQueryIsTakenWhereItMayBe) {
  Write("to/k=en\nother");
  const auto authenticator = Make(Scheme::kBearer, "Authorization", true);
  for (const char* target :
       {"/hook?access_token=to%2Fk%3den", "/hook?a=b&access_token=to/k=en&c",
        "/hook?access%5Ftoken=to/k=en", "/hook?access_token=other&app_key=1&"}) {
    EXPECT_OK(authenticator->Check(Request({}, target).head())) << target;
  }
  for (const char* target :
       {"/hook", "/hook?", "/hook?access_token", "/hook?access_token=", "/hook?access_token=wrong",
        "/hook?access_token=other%", "/hook?access_token=other%0", "/hook?access_token=oth%zzer",
        "/hook?Access_token=other", "/hook?x=access_token=other", "/hook/access_token=other",
        "/hook?access_token=other&access_token=other",
        "/hook?access_token=other&access_token=", "/hook?access_token=Bearer%20other"}) {
    EXPECT_THAT(authenticator->Check(Request({}, target).head()),
                HasCode(absl::StatusCode::kUnauthenticated))
        << target;
  }
  EXPECT_OK(authenticator->Check(Request({"Authorization: Bearer other"}, "/hook?a=b").head()));
}

TEST_F(AuthenticatorTest, ATokenInBothPlacesIsNoCredential) {
  Write("token");
  const auto authenticator = Make(Scheme::kBearer, "Authorization", true);
  for (const char* header :
       {"Authorization: Bearer token", "Authorization: Bearer wrong", "Authorization:"}) {
    EXPECT_THAT(authenticator->Check(Request({header}, "/hook?access_token=token").head()),
                HasCode(absl::StatusCode::kUnauthenticated))
        << header;
  }
}

TEST_F(AuthenticatorTest, ATokenInTheQueryIsNothingElsewhere) {
  Write("token");
  for (const Scheme scheme : {Scheme::kWhole, Scheme::kBearer}) {
    EXPECT_THAT(Make(scheme)->Check(Request({}, "/hook?access_token=token").head()),
                HasCode(absl::StatusCode::kUnauthenticated));
  }
}

TEST_F(AuthenticatorTest, WhatIsWrongIsSaidWithoutWhatWasSent) {
  Write("secret");
  const auto authenticator = Make(Scheme::kBearer, "Authorization", true);
  for (const auto& [line, target] :
       {std::pair{"Authorization: Bearer sesame", "/hook"},
        std::pair{"Authorization: sesame", "/hook"}, std::pair{"X: y", "/hook?access_token=sesame"},
        std::pair{"Authorization: z", "/hook?access_token=sesame"}}) {
    const absl::Status status = authenticator->Check(Request({line}, target).head());
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("Authorization"), Not(HasSubstr("sesame")), Not(HasSubstr("secret"))))
        << line;
  }
}

TEST_F(AuthenticatorTest, PlaceAndChallengeSayWhatToSend) {
  Write("user:password");
  EXPECT_EQ(Make(Scheme::kWhole, "X-Key")->Place(), "the header X-Key");
  EXPECT_EQ(Make(Scheme::kWhole, "X-Key")->Challenge(), "");
  EXPECT_EQ(Make(Scheme::kWhole)->Challenge(), "Bearer realm=\"incidenthub\"");
  EXPECT_EQ(Make(Scheme::kBearer, "authorization")->Challenge(), "Bearer realm=\"incidenthub\"");
  EXPECT_THAT(Make(Scheme::kBasic)->Challenge(), HasSubstr("Basic realm=\"incidenthub\""));
  EXPECT_EQ(Make(Scheme::kBearer, "Authorization", true)->Place(),
            "the header Authorization or the query parameter access_token");
}

TEST_F(AuthenticatorTest, AFileThatCannotMatchIsRefusedByLineWithoutTheValue) {
  const auto error = [this](Scheme scheme, absl::string_view text) {
    Write(text);
    const auto made = MakeHeaderAuthenticator({"Authorization", scheme, false, path_}, clock_);
    EXPECT_THAT(made, HasCode(absl::StatusCode::kInvalidArgument)) << text;
    return std::string(made.status().message());
  };
  EXPECT_THAT(error(Scheme::kBearer, "# a\nBearer sesame"),
              AllOf(HasSubstr(path_ + " line 2: begins with Bearer"), Not(HasSubstr("sesame"))));
  EXPECT_THAT(error(Scheme::kBearer, "open sesame"),
              AllOf(HasSubstr("line 1: has a blank"), Not(HasSubstr("sesame"))));
  EXPECT_THAT(error(Scheme::kBasic, "u:p\nsesame"),
              AllOf(HasSubstr("line 2: is not USER:PASSWORD"), Not(HasSubstr("sesame"))));
}

}  // namespace
}  // namespace incidenthub::gateway
