#include "gateway/sources.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/gateway/support/log_capture.h"
#include "tests/gateway/support/request_head.h"
#include "tests/gateway/support/signing_key.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::gateway {
namespace {

using incidenthub::testing::HasCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Jwks;
using testing::LogOf;
using ::testing::Not;
using testing::Request;
using testing::SigningKey;

absl::Status DecodeNothing(std::string* /*body*/, const decode::SourceContext& /*context*/,
                           decode::ItemSink /*sink*/) {
  return absl::OkStatus();
}

// The kinds that these tests are about, whichever the gateway has.
constexpr decode::SourceKind kKinds[] = {
    {.name = "bigpanda", .path = "/v1/webhooks/bigpanda", .decode = DecodeNothing},
    {.name = "alerts",
     .path = "/data/v2/alerts",
     .decode = DecodeNothing,
     .has_app_keys = true,
     .is_batch = true},
    {.name = "extra", .path = "/v1/webhooks/bigpanda/extra", .decode = DecodeNothing},
};

class SourcesTest : public ::testing::Test {
 protected:
  SourcesTest() {
    options_.sources_config = directory_ / "sources.json";
    Write("token", "sesame\n");
    Write("keys", "key-1\nkey-2\n");
  }

  void Write(const std::string& name, absl::string_view text) {
    std::ofstream(directory_ / name) << text;
  }
  absl::StatusOr<std::vector<Source>> Load() { return LoadSources(options_, clock_, kKinds); }
  // With `entries` as the sources.
  absl::StatusOr<std::vector<Source>> Load(const std::vector<std::string>& entries) {
    Write("sources.json", absl::StrCat("{\"sources\":[", absl::StrJoin(entries, ","), "]}"));
    return Load();
  }
  std::string ErrorOf(const std::vector<std::string>& entries) {
    const auto sources = Load(entries);
    EXPECT_FALSE(sources.ok()) << absl::StrJoin(entries, ",");
    return std::string(sources.status().message());
  }
  incidenthub::testing::TempDir directory_;
  incidenthub::testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  Options options_;
};

// A source with one bearer token, and whatever else.
std::string Entry(const std::string& name, const std::string& kind, const std::string& more = "") {
  return absl::StrCat(R"({"name":")", name, R"(","kind":")", kind,
                      R"(","credentials":[{"header":{"scheme":"SCHEME_BEARER",)",
                      R"("values_file":"token"}}])", more, "}");
}
constexpr char kAppKeys[] = R"(,"app_keys_file":"keys")";

TEST_F(SourcesTest, NamesMakePathsExceptWhereAppKeysTellSourcesApart) {
  const auto sources =
      Load({Entry("bigpanda", "bigpanda"), Entry("big.Panda_2-b", "bigpanda"),
            Entry("cribl", "alerts", kAppKeys), Entry("alerts", "alerts", kAppKeys)});
  ASSERT_OK(sources);
  std::vector<std::string> paths;
  for (const Source& source : *sources) paths.push_back(source.name + " " + source.path);
  EXPECT_THAT(paths, ::testing::ElementsAre("bigpanda /v1/webhooks/bigpanda",
                                            "big.Panda_2-b /v1/webhooks/bigpanda/big.Panda_2-b",
                                            "cribl /data/v2/alerts", "alerts /data/v2/alerts"));
  EXPECT_EQ((*sources)[1].kind, &kKinds[0]);
  EXPECT_EQ((*sources)[1].app_keys, nullptr);
  ASSERT_NE((*sources)[2].app_keys, nullptr);
  EXPECT_TRUE((*sources)[2].app_keys->Accepts("key-2"));
  EXPECT_FALSE((*sources)[2].app_keys->Accepts("key-3"));
}

TEST_F(SourcesTest, AnyCredentialIsEnough) {
  const SigningKey key = SigningKey::Ec();
  Write("jwks.json", Jwks(key.Jwk()));
  Write("users", "apono:secret\n");
  const auto sources = Load({R"({"name":"bigpanda","kind":"bigpanda","credentials":[
      {"jwt":{"jwks_file":"jwks.json","issuer":"me","audience":"you"}},
      {"header":{"name":"X-Key","values_file":"token"}},
      {"header":{"scheme":"SCHEME_BASIC","values_file":"users"}}]})"});
  ASSERT_OK(sources);
  const Source& source = sources->front();
  const std::string token =
      key.Sign(R"({"alg":"ES256"})", R"({"iss":"me","aud":"you","exp":1800000300})");
  EXPECT_TRUE(source.Admits(Request({"Authorization: Bearer " + token}).head()));
  EXPECT_TRUE(source.Admits(Request({"X-Key: sesame"}).head()));
  EXPECT_TRUE(source.Admits(Request({"X-Key: sesame", "Authorization: wrong"}).head()));
  EXPECT_TRUE(source.Admits(Request({"Authorization: Basic YXBvbm86c2VjcmV0"}).head()));
  EXPECT_FALSE(source.Admits(Request({"Authorization: sesame"}).head()));
  EXPECT_FALSE(source.Admits(Request({"X-Key: sesame", "X-Key: sesame"}).head()));
  EXPECT_FALSE(source.Admits(Request().head()));
  EXPECT_EQ(source.Places(), "the header Authorization or the header X-Key");
  EXPECT_EQ(source.Challenge(),
            "Bearer realm=\"incidenthub\", Basic realm=\"incidenthub\", charset=\"UTF-8\"");
}

TEST_F(SourcesTest, OnlyKindsWithAppKeysTakeTheTokenInTheQuery) {
  const auto sources = Load({Entry("cribl", "alerts", kAppKeys), Entry("bigpanda", "bigpanda"),
                             R"({"name":"whole","kind":"alerts","app_keys_file":"keys",
                "credentials":[{"header":{"values_file":"token"}}]})"});
  ASSERT_OK(sources);
  const Request request({}, "/data/v2/alerts?access_token=sesame");
  EXPECT_TRUE((*sources)[0].Admits(request.head()));
  EXPECT_FALSE((*sources)[1].Admits(request.head()));
  EXPECT_FALSE((*sources)[2].Admits(request.head()));
}

TEST_F(SourcesTest, PathsOfFilesAreFromTheFoldersOrWhole) {
  Write("sub-token", "other");
  const std::string entry = absl::StrReplaceAll(
      Entry("bigpanda", "bigpanda"), {{"\"token\"", "\"" + directory_ / "sub-token" + "\""}});
  const auto sources = Load({entry});
  ASSERT_OK(sources);
  EXPECT_TRUE((*sources)[0].Admits(Request({"Authorization: Bearer other"}).head()));
}

TEST_F(SourcesTest, EachMistakeNamesFileSourceAndField) {
  const std::string in_file = options_.sources_config + ": sources[0] \"";
  const auto expect = [&](const std::string& entry, const std::string& what) {
    EXPECT_THAT(ErrorOf({entry}), AllOf(HasSubstr(in_file), HasSubstr(what))) << entry;
  };
  expect(Entry("", "bigpanda"), "\": name must be 1 to 64");
  expect(Entry(std::string(kSourceNameBytesMax + 1, 'n'), "bigpanda"), "name must be");
  for (const char* name : {"a/b", "a b", "\xC3\xA4", "..", ".", "a%"}) {
    expect(Entry(name, "bigpanda"), "name must be");
  }
  EXPECT_OK(Load({Entry(std::string(kSourceNameBytesMax, 'n'), "bigpanda")}));
  expect(Entry("x", "nagios"), "x\": kind \"nagios\" must be one of bigpanda, alerts, extra");
  expect(Entry("x", ""), "kind \"\" must be one of");
  expect(Entry("x", "bigpanda", kAppKeys), "app_keys_file is not for the kind bigpanda");
  expect(Entry("x", "alerts"), "app_keys_file is required for the kind alerts");
  expect(Entry("x", "alerts", R"(,"app_keys_file":"gone")"), "app_keys_file: cannot open ");
  const auto with = [](const std::string& credential) {
    return R"({"name":"x","kind":"bigpanda","credentials":[{"header":{"values_file":"token"}},)" +
           credential + "]}";
  };
  expect(with("{}"), "credentials[1].header or jwt is required");
  expect(with(R"({"header":{}})"), "credentials[1].header.values_file is required");
  expect(with(R"({"header":{"values_file":"gone"}})"),
         "credentials[1].header.values_file: cannot open " + directory_ / "gone");
  expect(with(R"({"header":{"name":"a b","values_file":"token"}})"),
         "credentials[1].header.name \"a b\"");
  expect(with(R"({"header":{"scheme":9,"values_file":"token"}})"),
         "credentials[1].header.scheme 9");
  expect(with(R"({"header":{"scheme":"SCHEME_BASIC","values_file":"token"}})"),
         "credentials[1].header.values_file: " + directory_ / "token line 1: is not USER:PASSWORD");
  expect(with(R"({"jwt":{}})"), "credentials[1].jwt.jwks_file is required");
  expect(with(R"({"jwt":{"jwks_file":"token"}})"), "credentials[1].jwt.issuer is required");
  expect(with(R"({"jwt":{"jwks_file":"token","issuer":"i"}})"),
         "credentials[1].jwt.audience is required");
  expect(with(R"({"jwt":{"jwks_file":"token","issuer":"i","audience":"a"}})"),
         "credentials[1].jwt.jwks_file: " + directory_ / "token is no JSON Web Key Set");
}

TEST_F(SourcesTest, TheFirstMistakeOfEachSourceIsTold) {
  EXPECT_THAT(ErrorOf({Entry("a/b", "bigpanda"), Entry("fine", "bigpanda"), Entry("c", "what")}),
              AllOf(HasSubstr("sources[0] \"a/b\": name"), HasSubstr("\n"),
                    HasSubstr("sources[2] \"c\": kind"), Not(HasSubstr("fine"))));
}

TEST_F(SourcesTest, NamesAndPathsStandOnce) {
  EXPECT_THAT(ErrorOf({Entry("a", "bigpanda"), Entry("a", "bigpanda")}),
              HasSubstr("sources[1] \"a\": name: another source has the same"));
  EXPECT_THAT(ErrorOf({Entry("alerts", "alerts", kAppKeys), Entry("alerts", "bigpanda")}),
              HasSubstr("sources[1] \"alerts\": name: another source has the same"));
  EXPECT_THAT(ErrorOf({Entry("a", "extra"), Entry("extra", "extra"), Entry("extra", "bigpanda")}),
              HasSubstr("sources[2]"));
  EXPECT_OK(Load({Entry("a", "alerts", kAppKeys), Entry("b", "alerts", kAppKeys)}));
}

TEST_F(SourcesTest, TwoKindsCannotMeetOnOnePath) {
  constexpr decode::SourceKind kMeetingKinds[] = {
      {.name = "a", .path = "/a", .decode = DecodeNothing},
      {.name = "b", .path = "/a/x", .decode = DecodeNothing, .has_app_keys = true},
  };
  Write("sources.json",
        absl::StrCat("{\"sources\":[", Entry("x", "a"), ",", Entry("y", "b", kAppKeys), "]}"));
  const auto sources = LoadSources(options_, clock_, kMeetingKinds);
  EXPECT_THAT(sources, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(sources.status().message()),
              HasSubstr("sources[1] \"y\": name: its path /a/x is that of the source \"x\" too"));
}

TEST_F(SourcesTest, FileIsReadStrictlyAndBounded) {
  for (const char* text : {"", "{", "[]", R"({"sources":[{"nmae":"x"}]})", R"({"source":[]})"}) {
    Write("sources.json", text);
    const auto sources = Load();
    EXPECT_FALSE(sources.ok()) << text;
    EXPECT_THAT(std::string(sources.status().message()), HasSubstr(options_.sources_config));
  }
  Write("sources.json", R"({"sources":[]})");
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("give 1 to 64"));
  std::vector<std::string> entries;
  for (size_t i = 0; i < kSourcesMax; ++i) entries.push_back(Entry(absl::StrCat(i), "bigpanda"));
  EXPECT_OK(Load(entries));
  entries.push_back(Entry("one-more", "bigpanda"));
  EXPECT_THAT(ErrorOf(entries), HasSubstr("give 1 to 64"));
  Write("sources.json", std::string(kSourcesConfigBytesMax + 1, ' '));
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("is larger than"));
  options_.sources_config = directory_ / "gone";
  EXPECT_THAT(Load(), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(SourcesTest, CredentialsOfASourceAreBounded) {
  const auto entry = [](size_t count) {
    const std::vector<std::string> list(count, R"({"header":{"values_file":"token"}})");
    return absl::StrCat(R"({"name":"x","kind":"bigpanda","credentials":[)",
                        absl::StrJoin(list, ","), "]}");
  };
  EXPECT_OK(Load({entry(kCredentialsPerSourceMax)}));
  EXPECT_THAT(ErrorOf({entry(kCredentialsPerSourceMax + 1)}),
              HasSubstr("credentials: more than 8"));
}

TEST_F(SourcesTest, EverybodyIsAcceptedOnlyOnLoopbackOrWhenSaid) {
  const std::string entry = R"({"name":"bigpanda","kind":"bigpanda"})";
  for (const char* listen : {"127.0.0.1:0", "[::1]:80", "localhost:80"}) {
    options_.listen = listen;
    const auto sources = Load({entry});
    ASSERT_OK(sources);
    EXPECT_TRUE((*sources)[0].Admits(Request().head()));
    EXPECT_EQ((*sources)[0].Challenge(), "");
    EXPECT_EQ((*sources)[0].Places(), "");
  }
  options_.listen = "0.0.0.0:8080";
  EXPECT_THAT(ErrorOf({Entry("a", "bigpanda"), entry}),
              AllOf(HasSubstr("sources[1] \"bigpanda\": credentials: give at least one"),
                    HasSubstr("--allow_unauthenticated"), Not(HasSubstr("\n"))));
  options_.allow_unauthenticated = true;
  EXPECT_OK(Load({entry}));
}

TEST_F(SourcesTest, WithoutAFileAndASecretEveryKindAcceptsEverybody) {
  options_.sources_config.clear();
  const auto sources = Load();
  ASSERT_OK(sources);
  ASSERT_EQ(sources->size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const Source& source = (*sources)[i];
    EXPECT_EQ(source.name, kKinds[i].name);
    EXPECT_EQ(source.path, kKinds[i].path);
    EXPECT_EQ(source.kind, &kKinds[i]);
    EXPECT_EQ(source.app_keys, nullptr);
    EXPECT_TRUE(source.Admits(Request().head()));
  }
}

TEST_F(SourcesTest, WithoutAFileASecretIsForBigPandaAlone) {
  options_.sources_config.clear();
  options_.bigpanda_auth_header = "X-Secret";
  options_.bigpanda_secret_file = directory_ / "token";
  const auto sources = Load();
  ASSERT_OK(sources);
  ASSERT_EQ(sources->size(), 1u);
  const Source& source = sources->front();
  EXPECT_EQ(source.name, "bigpanda");
  EXPECT_EQ(source.path, "/v1/webhooks/bigpanda");
  EXPECT_TRUE(source.Admits(Request({"X-Secret: sesame"}).head()));
  EXPECT_FALSE(source.Admits(Request({"X-Secret: Bearer sesame"}).head()));
  EXPECT_FALSE(source.Admits(Request().head()));
  EXPECT_EQ(source.Places(), "the header X-Secret");
  options_.bigpanda_secret_file = directory_ / "gone";
  EXPECT_THAT(std::string(Load().status().message()),
              AllOf(HasSubstr("--bigpanda_secret_file"), HasSubstr(directory_ / "gone")));
}

TEST_F(SourcesTest, TheGatewaysOwnKindsMakeSourcesToo) {
  options_.sources_config.clear();
  const auto sources = LoadSources(options_);
  ASSERT_OK(sources);
  EXPECT_EQ(sources->size(), decode::SourceKinds().size());
  EXPECT_EQ(sources->front().name, "bigpanda");
}

// As a handler does with a request that no source admits.
void ExpectRefused(const Source& source, const Request& request) {
  const absl::Status checked = source.Check(request.head());
  EXPECT_FALSE(checked.ok());
  source.LogRefusal(checked, "r-1");
}

TEST_F(SourcesTest, WhyIsLoggedOnceASecondAndNothingThatWasSent) {
  const auto sources = Load({Entry("cribl", "alerts", kAppKeys), Entry("other", "bigpanda")});
  ASSERT_OK(sources);
  const Source& cribl = (*sources)[0];
  const Request wrong({}, "/data/v2/alerts?access_token=hunter2&app_key=hunter2");
  const Request also_wrong({"Authorization: Bearer hunter2"});
  const std::string first = LogOf([&] {
    ExpectRefused(cribl, wrong);
    for (int i = 0; i < 5; ++i) ExpectRefused(cribl, also_wrong);
  });
  EXPECT_THAT(first, AllOf(HasSubstr("\"source\":\"cribl\""), HasSubstr("holds no valid value"),
                           HasSubstr("\"more_before\":0"), Not(HasSubstr("hunter2"))));
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1);
  EXPECT_THAT(LogOf([&] { ExpectRefused((*sources)[1], also_wrong); }),
              HasSubstr("\"source\":\"other\""));
  clock_.Advance(kRefusalLogInterval);
  const std::string second = LogOf([&] {
    for (int i = 0; i < 5; ++i) ExpectRefused(cribl, also_wrong);
    EXPECT_TRUE(cribl.Admits(Request({"Authorization: Bearer sesame"}).head()));
  });
  EXPECT_THAT(second, AllOf(HasSubstr("\"more_before\":5"), Not(HasSubstr("hunter2")),
                            Not(HasSubstr("sesame"))));
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 1);
}

}  // namespace
}  // namespace incidenthub::gateway
