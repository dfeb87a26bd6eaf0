#include "server/access/access_list.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;

std::string HexOf(absl::string_view token) {
  const TokenDigest digest = Sha256(token);
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

// A list with principals as JSON; <a> and <b> in it stand for the hashes of the tokens a and b.
absl::StatusOr<std::shared_ptr<const AccessList>> Parse(const std::string& principals) {
  return AccessList::Parse(absl::StrCat(
      R"({"principals":[)",
      absl::StrReplaceAll(principals, {{"<a>", HexOf("a")}, {"<b>", HexOf("b")}}), "]}"));
}

TEST(AccessListTest, FindsWhoseATokenOrACertificateIs) {
  const auto list = Parse(R"(
      {"name":"pager","roles":["viewer","responder"],"tokens":[{"sha256":"<a>"}]},
      {"name":"gateway","roles":["ingest"],
       "tokens":[{"sha256":"<b>","expire_time":"2030-01-02T03:04:05Z"}],
       "certificate_names":["spiffe://example.org/gateway","gateway.example.org"]})");
  ASSERT_OK(list);
  const AccessList::Token* const of_pager = (*list)->FindToken(Sha256("a"));
  ASSERT_NE(of_pager, nullptr);
  EXPECT_EQ((*list)->principals()[of_pager->principal].name, "pager");
  EXPECT_EQ((*list)->principals()[of_pager->principal].roles,
            Roles(Role::kViewer) | Role::kResponder);
  EXPECT_EQ(of_pager->expire_time, absl::InfiniteFuture());
  const AccessList::Token* const of_gateway = (*list)->FindToken(Sha256("b"));
  ASSERT_NE(of_gateway, nullptr);
  EXPECT_EQ(of_gateway->expire_time,
            absl::FromCivil(absl::CivilSecond(2030, 1, 2, 3, 4, 5), absl::UTCTimeZone()));
  EXPECT_EQ((*list)->FindToken(Sha256("c")), nullptr);
  const Principal* const by_certificate =
      (*list)->FindCertificate({"other.example.org", "gateway.example.org"});
  ASSERT_NE(by_certificate, nullptr);
  EXPECT_EQ(by_certificate->name, "gateway");
  EXPECT_EQ((*list)->FindCertificate({"other.example.org"}), nullptr);
  EXPECT_EQ((*list)->FindCertificate({}), nullptr);
}

TEST(AccessListTest, MistakesAreNamedWithTheirPlace) {
  for (const auto& [principals, what] : {
           std::pair{R"()", "names no principal"},
           std::pair{R"({"name":"a b","roles":["viewer"],"tokens":[{"sha256":"<a>"}]})",
                     "principals[0] \"a b\": name must be"},
           std::pair{R"({"name":"a","roles":["viewr"],"tokens":[{"sha256":"<a>"}]})",
                     "roles: \"viewr\" must be one of ingest, viewer, responder, admin"},
           std::pair{R"({"name":"a","tokens":[{"sha256":"<a>"}]})", "roles: give at least one"},
           std::pair{R"({"name":"a","roles":["viewer"]})", "at least one of tokens"},
           std::pair{R"({"name":"a","roles":["viewer"],"tokens":[{"sha256":"abc"}]})",
                     "tokens[0]: sha256 must be the 64 hexadecimal digits"},
           std::pair{R"({"name":"a","roles":["viewer"],"tokens":[{"sha256":"<a>"}]},
                        {"name":"a","roles":["viewer"],"tokens":[{"sha256":"<b>"}]})",
                     "principals[1] \"a\": the name stands more than once"},
           std::pair{R"({"name":"a","roles":["viewer"],"tokens":[{"sha256":"<a>"}]},
                        {"name":"b","roles":["viewer"],"tokens":[{"sha256":"<a>"}]})",
                     "principals[1] \"b\": tokens[0]: the same sha256"},
           std::pair{R"({"name":"a","roles":["viewer"],"certificate_names":["x"]},
                        {"name":"b","roles":["viewer"],"certificate_names":["x"]})",
                     "certificate_names: \"x\" stands more than once"},
           std::pair{R"({"name":"a","role":["viewer"]})", "is no such JSON"},
       }) {
    const auto list = Parse(principals);
    EXPECT_THAT(list.status(), HasCode(absl::StatusCode::kInvalidArgument)) << principals;
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(what));
  }
}

TEST(AccessListTest, PrincipalsAndWhatEachHasAreBounded) {
  std::string principals;
  for (size_t i = 0; i <= kPrincipalsMax; ++i) {
    absl::StrAppend(&principals, i == 0 ? "" : ",", R"({"name":"p)", i,
                    R"(","roles":["viewer"],"certificate_names":["n)", i, R"("]})");
  }
  EXPECT_THAT(std::string(Parse(principals).status().message()),
              HasSubstr("names more than 1000 principals"));
  EXPECT_THAT(std::string(Parse(absl::StrCat(R"({"name":")", std::string(129, 'a'),
                                             R"(","roles":["viewer"],"certificate_names":["n"]})"))
                              .status()
                              .message()),
              HasSubstr("name must be 1 to 128 bytes"));
  EXPECT_THAT(
      std::string(Parse(absl::StrCat(R"({"name":"a","roles":["viewer"],"certificate_names":[")",
                                     std::string(2049, 'n'), R"("]})"))
                      .status()
                      .message()),
      HasSubstr("1 to 2048 bytes"));
  std::string tokens;
  std::string names;
  for (size_t i = 0; i <= kTokensPerPrincipalMax; ++i) {
    absl::StrAppend(&tokens, i == 0 ? "" : ",", R"({"sha256":")", HexOf(absl::StrCat(i)), "\"}");
    absl::StrAppend(&names, i == 0 ? "" : ",", "\"n", i, "\"");
  }
  EXPECT_THAT(
      std::string(Parse(absl::StrCat(R"({"name":"a","roles":["viewer"],"tokens":[)", tokens, "]}"))
                      .status()
                      .message()),
      HasSubstr("tokens: more than 16"));
  EXPECT_THAT(
      std::string(Parse(absl::StrCat(R"({"name":"a","roles":["viewer"],"certificate_names":[)",
                                     names, "]}"))
                      .status()
                      .message()),
      HasSubstr("certificate_names: more than 16"));
}

}  // namespace
}  // namespace incidenthub
