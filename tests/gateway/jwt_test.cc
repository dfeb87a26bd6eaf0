#include "gateway/jwt.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

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
using incidenthub::testing::IsOk;
using ::testing::AllOf;
using testing::Base64Url;
using ::testing::HasSubstr;
using testing::Jwks;
using testing::LogOf;
using ::testing::Not;
using testing::Request;
using testing::SigningKey;

constexpr int64_t kNow = 1'800'000'000;
constexpr char kRs256[] = R"({"alg":"RS256","typ":"JWT","kid":"rsa"})";
constexpr char kEs256[] = R"({"alg":"ES256","kid":"ec"})";

// Made once: an RSA key takes a while.
const SigningKey& RsaKey() {
  static const auto* const kKey = new SigningKey(SigningKey::Rsa());
  return *kKey;
}
const SigningKey& OtherRsaKey() {
  static const auto* const kKey = new SigningKey(SigningKey::Rsa());
  return *kKey;
}
const SigningKey& EcKey() {
  static const auto* const kKey = new SigningKey(SigningKey::Ec());
  return *kKey;
}

// Claims that are valid at kNow; `more` begins with a comma.
std::string Claims(const std::string& more = "") {
  return absl::StrCat(R"({"iss":"https://issuer.example","aud":"incident-hub","sub":"apono",)",
                      "\"exp\":", kNow + 300, more, "}");
}

const JwtRules& Rules() {
  static const auto* const kRules = new JwtRules{"https://issuer.example", "incident-hub", "apono"};
  return *kRules;
}

class JwtTest : public ::testing::Test {
 protected:
  JwtTest() { Write(Jwks(RsaKey().Jwk("rsa"), EcKey().Jwk("ec"))); }

  void Write(absl::string_view text) {
    std::ofstream(directory_ / "fresh") << text;
    std::filesystem::rename(directory_ / "fresh", path_);
  }
  std::unique_ptr<Authenticator> Make() {
    auto made = MakeJwtAuthenticator(path_, Rules(), clock_);
    EXPECT_OK(made);
    return made.ok() ? *std::move(made) : nullptr;
  }
  absl::Status Check(const std::string& token) { return CheckBy(Make().get(), token); }
  static absl::Status CheckBy(Authenticator* authenticator, const std::string& token) {
    return authenticator->Check(Request({"Authorization: Bearer " + token}).head());
  }
  void ExpectRefused(const std::string& token, const std::string& why) {
    const absl::Status status = Check(token);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kUnauthenticated));
    EXPECT_THAT(std::string(status.message()), HasSubstr(why)) << token;
  }

  incidenthub::testing::TempDir directory_;
  const std::string path_ = directory_ / "jwks.json";
  incidenthub::testing::FakeClock clock_{absl::FromUnixSeconds(kNow)};
};

TEST_F(JwtTest, TokensSignedByRs256AndEs256AreAccepted) {
  EXPECT_OK(Check(RsaKey().Sign(kRs256, Claims())));
  EXPECT_OK(Check(EcKey().Sign(kEs256, Claims())));
}

TEST_F(JwtTest, UnknownClaimsAndHeadersChangeNothing) {
  EXPECT_OK(Check(RsaKey().Sign(
      R"({"alg":"RS256","kid":"rsa","typ":"at+jwt","x5t":"abc","jku":"https://evil.example"})",
      Claims(R"(,"scope":["a"],"nested":{"exp":1},"jti":null,"nonce":1e400)"))));
}

TEST_F(JwtTest, NoneTwiceOrAnotherSchemeIsNoToken) {
  const auto authenticator = Make();
  const std::string line = "Authorization: Bearer " + RsaKey().Sign(kRs256, Claims());
  EXPECT_OK(authenticator->Check(Request({line}).head()));
  EXPECT_THAT(authenticator->Check(Request().head()), HasCode(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(authenticator->Check(Request({line, line}).head()),
              HasCode(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(
      authenticator->Check(Request({absl::StrReplaceAll(line, {{"Bearer", "Basic"}})}).head()),
      HasCode(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(authenticator->Challenge(), "Bearer realm=\"incidenthub\"");
  EXPECT_EQ(authenticator->Place(), "the header Authorization");
}

TEST_F(JwtTest, TheKidChoosesTheKey) {
  const std::string no_kid = R"({"alg":"RS256"})";
  EXPECT_OK(Check(RsaKey().Sign(no_kid, Claims()))) << "every key of the algorithm is tried";
  ExpectRefused(OtherRsaKey().Sign(no_kid, Claims()), "signature");
  ExpectRefused(OtherRsaKey().Sign(kRs256, Claims()), "signature");
  ExpectRefused(RsaKey().Sign(R"({"alg":"RS256","kid":"nobody"})", Claims()), "kid");
  ExpectRefused(RsaKey().Sign(R"({"alg":"RS256","kid":"ec"})", Claims()), "kid");
  ExpectRefused(RsaKey().Sign(R"({"alg":"RS256","kid":7})", Claims()), "kid is no string");
  Write(Jwks(OtherRsaKey().Jwk("rsa"), RsaKey().Jwk("rsa")));
  EXPECT_OK(Check(RsaKey().Sign(kRs256, Claims()))) << "one kid, two keys";
}

TEST_F(JwtTest, OtherAlgorithmsAreRefusedWhateverSignedThem) {
  for (const char* alg : {"none", "None", "HS256", "RS384", "RS512", "PS256", "ES384", "EdDSA",
                          "rs256", "", "RS256 "}) {
    ExpectRefused(RsaKey().Sign(absl::StrCat(R"({"alg":")", alg, R"(","kid":"rsa"})"), Claims()),
                  "alg");
  }
  for (const char* header : {R"({"kid":"rsa"})", R"({"alg":null})", R"({"alg":["RS256"]})"}) {
    ExpectRefused(RsaKey().Sign(header, Claims()), "alg");
  }
  // Without a signature, as `none` has it.
  const std::string unsigned_token = Base64Url(R"({"alg":"none"})") + "." + Base64Url(Claims());
  ExpectRefused(unsigned_token + ".", "no JWT");
  ExpectRefused(unsigned_token + ".AA", "alg");
  // An RSA key's signature under the name of the other algorithm.
  ExpectRefused(RsaKey().Sign(kEs256, Claims()), "signature");
  ExpectRefused(EcKey().Sign(kRs256, Claims()), "signature");
}

TEST_F(JwtTest, ThePublicKeyIsNoSecretForHs256) {
  const std::string text = Base64Url(R"({"alg":"HS256","kid":"rsa"})") + "." + Base64Url(Claims());
  for (const std::string& secret : {RsaKey().PublicPem(), RsaKey().Jwk("rsa")}) {
    unsigned char mac[32];
    unsigned int size = 0;
    ASSERT_NE(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                   reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size),
              nullptr);
    const std::string bytes(reinterpret_cast<const char*>(mac), size);
    ExpectRefused(text + "." + Base64Url(bytes), "alg");
  }
}

TEST_F(JwtTest, ChangedAndCutOffTokensAreRefused) {
  for (const std::string& token :
       {RsaKey().Sign(kRs256, Claims()), EcKey().Sign(kEs256, Claims())}) {
    ASSERT_OK(Check(token));
    const size_t first = token.find('.');
    const size_t second = token.rfind('.');
    for (const size_t size : {size_t{0}, size_t{1}, first, first + 1, second, second + 1,
                              second + 40, token.size() - 1, token.size() - 4}) {
      EXPECT_THAT(Check(token.substr(0, size)), HasCode(absl::StatusCode::kUnauthenticated))
          << size;
    }
    for (const size_t at : {first - 2, first + 5, second - 2, second + 5}) {
      std::string changed = token;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_THAT(Check(changed), HasCode(absl::StatusCode::kUnauthenticated)) << at;
    }
    for (const std::string& longer : {token + "A", token + "AA", token + "=", token + ".",
                                      token + ".AA", "." + token, token + " x", "x" + token}) {
      EXPECT_THAT(Check(longer), HasCode(absl::StatusCode::kUnauthenticated)) << longer;
    }
    const std::string other_claims = absl::StrReplaceAll(Claims(), {{"apono", "admin"}});
    EXPECT_THAT(Check(absl::StrCat(token.substr(0, first + 1), Base64Url(other_claims),
                                   token.substr(second))),
                HasCode(absl::StatusCode::kUnauthenticated));
  }
}

TEST_F(JwtTest, HeadersThatCanBeReadInTwoWaysAreRefused) {
  ExpectRefused(RsaKey().Sign(R"({"alg":"RS256","alg":"none","kid":"rsa"})", Claims()), "header");
  ExpectRefused(RsaKey().Sign(R"({"alg":"none","\u0061lg":"RS256","kid":"rsa"})", Claims()),
                "header");
  ExpectRefused(RsaKey().Sign(R"(["RS256"])", Claims()), "header");
  ExpectRefused(RsaKey().Sign("x", Claims()), "header");
  ExpectRefused(
      RsaKey().Sign(R"({"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false})", Claims()), "crit");
}

TEST_F(JwtTest, ATokenHasABound) {
  const auto token_of = [](size_t padding) {
    return RsaKey().Sign(kRs256,
                         Claims(absl::StrCat(",\"x\":\"", std::string(padding, 'x'), "\"")));
  };
  EXPECT_OK(Check(token_of(kJwtBytesMax / 2)));
  ExpectRefused(token_of(kJwtBytesMax), "more than");
}

TEST_F(JwtTest, RotatedKeysCountOnceTheFileHasChanged) {
  const auto authenticator = Make();
  const std::string old_token = RsaKey().Sign(kRs256, Claims());
  const std::string new_token = OtherRsaKey().Sign(R"({"alg":"RS256","kid":"new"})", Claims());
  Write(Jwks(RsaKey().Jwk("rsa"), OtherRsaKey().Jwk("new")));
  EXPECT_THAT(CheckBy(authenticator.get(), new_token), HasCode(absl::StatusCode::kUnauthenticated));
  clock_.Advance(kFileCheckInterval);
  EXPECT_OK(CheckBy(authenticator.get(), new_token));
  EXPECT_OK(CheckBy(authenticator.get(), old_token));
  Write(Jwks(OtherRsaKey().Jwk("new")));
  clock_.Advance(kFileCheckInterval);
  EXPECT_THAT(CheckBy(authenticator.get(), old_token), HasCode(absl::StatusCode::kUnauthenticated));
  EXPECT_OK(CheckBy(authenticator.get(), new_token));
}

TEST_F(JwtTest, ABrokenFileKeepsTheOldKeysAndIsComplainedAboutOnce) {
  const auto authenticator = Make();
  const std::string token = RsaKey().Sign(kRs256, Claims());
  const auto check_twice = [&] {
    for (int i = 0; i < 2; ++i) {
      clock_.Advance(kFileCheckInterval);
      EXPECT_OK(CheckBy(authenticator.get(), token));
    }
  };
  for (const std::string& broken :
       {std::string("{"), std::string(R"({"keys":[]})"), std::string(kJwksBytesMax + 1, ' ')}) {
    Write(broken);
    const std::string log = LogOf(check_twice);
    EXPECT_THAT(log, AllOf(HasSubstr("keys not reloaded"), HasSubstr(path_)));
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  }
  std::filesystem::remove(path_);
  const std::string log = LogOf(check_twice);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  Write(Jwks(RsaKey().Jwk("rsa")));
  EXPECT_THAT(LogOf(check_twice), HasSubstr("keys reloaded"));
}

TEST_F(JwtTest, AClockThatIsPutBackDoesNotStopTheLookAtTheFile) {
  const auto authenticator = Make();
  clock_.Advance(-absl::Minutes(1));
  Write(Jwks(OtherRsaKey().Jwk("new")));
  EXPECT_OK(
      CheckBy(authenticator.get(), OtherRsaKey().Sign(R"({"alg":"RS256","kid":"new"})", Claims())));
}

TEST_F(JwtTest, AFileOfNoUseIsRefusedByName) {
  const auto error = [this](const std::string& text) {
    Write(text);
    const auto made = MakeJwtAuthenticator(path_, Rules(), clock_);
    EXPECT_FALSE(made.ok()) << text;
    return std::string(made.status().message());
  };
  EXPECT_THAT(error(std::string(kJwksBytesMax + 1, ' ')), HasSubstr(path_ + " is larger than"));
  EXPECT_THAT(error("{}"), HasSubstr(path_ + " is no JSON Web Key Set"));
  std::filesystem::remove(path_);
  EXPECT_THAT(MakeJwtAuthenticator(path_, Rules(), clock_), HasCode(absl::StatusCode::kNotFound));
}

TEST(ParseJwksTest, KeysForOthersArePassedOver) {
  const auto keys = ParseJwks(Jwks(
      R"({"kty":"oct","k":"AAAA"})", R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})",
      R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})", RsaKey().Jwk("enc", R"(,"use":"enc")"),
      RsaKey().Jwk("ps", R"(,"alg":"PS256")"), RsaKey().Jwk("es", R"(,"alg":"ES256")"),
      RsaKey().Jwk("", R"(,"use":"sig","alg":"RS256","x5c":["AA"])"), EcKey().Jwk("ec")));
  ASSERT_OK(keys);
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0]->algorithm(), JwsAlgorithm::kRs256);
  EXPECT_EQ((*keys)[0]->kid(), "");
  EXPECT_EQ((*keys)[1]->algorithm(), JwsAlgorithm::kEs256);
  EXPECT_EQ((*keys)[1]->kid(), "ec");
}

TEST(ParseJwksTest, WhatIsNoUseIsRefusedByItsPlace) {
  const auto error = [](const std::string& text) {
    const auto keys = ParseJwks(text);
    EXPECT_THAT(keys, HasCode(absl::StatusCode::kInvalidArgument)) << text;
    return std::string(keys.status().message());
  };
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})"}) {
    EXPECT_THAT(error(text), HasSubstr("is no JSON Web Key Set")) << text;
  }
  EXPECT_THAT(error(R"({"keys":[]})"), HasSubstr("holds no key"));
  EXPECT_THAT(error(Jwks(R"({"kty":"oct","k":"AAAA"})")), HasSubstr("holds no key"));
  EXPECT_THAT(error(Jwks(EcKey().Jwk(), "7")), HasSubstr("keys[1] is no JSON object"));
  EXPECT_THAT(error(Jwks(EcKey().Jwk(), R"({"kty":"RSA","n":"AQAB"})")), HasSubstr("keys[1] is"));
  EXPECT_THAT(error(Jwks(R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})")),
              HasSubstr("keys[0] is no"));
  EXPECT_THAT(error(Jwks(EcKey().Jwk("", R"(,"d":"AAAA")"))),
              AllOf(HasSubstr("private key"), Not(HasSubstr("AAAA"))));
  EXPECT_THAT(error(Jwks(SigningKey::Rsa(1024).Jwk())), HasSubstr("fewer than 2048 bits"));
  std::string many = EcKey().Jwk();
  for (size_t i = 1; i < kJwksKeysMax; ++i) absl::StrAppend(&many, ",", EcKey().Jwk());
  EXPECT_OK(ParseJwks(Jwks(many)));
  EXPECT_THAT(error(Jwks(many, EcKey().Jwk())), HasSubstr("more than 64 keys"));
}

class ClaimsTest : public ::testing::Test {
 protected:
  static absl::Status Check(const std::string& claims, const JwtRules& rules = Rules()) {
    return CheckJwtClaims(claims, rules, absl::FromUnixSeconds(kNow));
  }
  // The valid claims with one of them as given; empty: left out.
  static absl::Status CheckWith(const std::string& name, const std::string& value) {
    std::string claims;
    for (const auto& [key, valid] :
         {std::pair<std::string, std::string>{"iss", "\"https://issuer.example\""},
          {"aud", "\"incident-hub\""},
          {"sub", "\"apono\""},
          {"exp", absl::StrCat(kNow + 300)}}) {
      if (key != name) absl::StrAppend(&claims, claims.empty() ? "" : ",", "\"", key, "\":", valid);
    }
    if (!value.empty()) absl::StrAppend(&claims, ",\"", name, "\":", value);
    return Check(absl::StrCat("{", claims, "}"));
  }
};

TEST_F(ClaimsTest, ExpIsRequiredAndHasNoLeeway) {
  EXPECT_OK(CheckWith("exp", absl::StrCat(kNow + 1)));
  EXPECT_OK(CheckWith("exp", absl::StrCat(kNow, ".5")));
  for (const std::string& exp :
       {std::string(), absl::StrCat(kNow), absl::StrCat(kNow - 1), absl::StrCat(kNow - 1, ".9"),
        absl::StrCat("\"", kNow + 300, "\""), std::string("null"), std::string("-1"),
        std::string("1e300"), std::string("1e400"), absl::StrCat(kNow + 300, "000")}) {
    EXPECT_THAT(CheckWith("exp", exp), HasCode(absl::StatusCode::kUnauthenticated)) << exp;
  }
}

TEST_F(ClaimsTest, NbfAndIatMayBeALittleInTheFuture) {
  const int64_t leeway = absl::ToInt64Seconds(kJwtLeeway);
  for (const char* name : {"nbf", "iat"}) {
    EXPECT_OK(CheckWith(name, absl::StrCat(kNow - 300))) << name;
    EXPECT_OK(CheckWith(name, absl::StrCat(kNow + leeway))) << name;
    for (const std::string& value :
         {absl::StrCat(kNow + leeway + 1), std::string("\"0\""), std::string("null")}) {
      EXPECT_THAT(CheckWith(name, value), HasCode(absl::StatusCode::kUnauthenticated))
          << name << value;
    }
  }
}

TEST_F(ClaimsTest, IssIsExact) {
  for (const char* iss : {"", "\"https://issuer.example/\"", "\"HTTPS://issuer.example\"", "\"\"",
                          "[\"https://issuer.example\"]", "null"}) {
    EXPECT_THAT(CheckWith("iss", iss), HasCode(absl::StatusCode::kUnauthenticated)) << iss;
  }
}

TEST_F(ClaimsTest, AudIsOneOrHoldsIt) {
  EXPECT_OK(CheckWith("aud", R"(["other","incident-hub"])"));
  for (const char* aud :
       {"", "\"other\"", "\"incident-hub2\"", "[]", R"(["other"])", "null", R"([["incident-hub"]])",
        R"(["incident-hub",7])", R"({"incident-hub":1})"}) {
    EXPECT_THAT(CheckWith("aud", aud), HasCode(absl::StatusCode::kUnauthenticated)) << aud;
  }
}

TEST_F(ClaimsTest, SubOrWithoutOneTheClientIsTheSubject) {
  const auto with = [](const std::string& members) {
    return Check(absl::StrCat(R"({"iss":"https://issuer.example","aud":"incident-hub","exp":)",
                              kNow + 300, members, "}"));
  };
  EXPECT_OK(with(R"(,"sub":"apono","client_id":"x","azp":"y")"));
  EXPECT_OK(with(R"(,"client_id":"apono","azp":"y")"));
  EXPECT_OK(with(R"(,"azp":"apono")"));
  for (const char* members :
       {"", R"(,"sub":"x")", R"(,"sub":"x","client_id":"apono")", R"(,"sub":null,"azp":"apono")",
        R"(,"client_id":"x","azp":"apono")"}) {
    EXPECT_THAT(with(members), HasCode(absl::StatusCode::kUnauthenticated)) << members;
  }
  JwtRules anyone = Rules();
  anyone.subject.clear();
  EXPECT_OK(Check(absl::StrCat(R"({"iss":"https://issuer.example","aud":"incident-hub","exp":)",
                               kNow + 300, "}"),
                  anyone));
}

TEST_F(ClaimsTest, WhatIsNoObjectOrReadInTwoWaysIsRefused) {
  EXPECT_OK(Check(Claims()));
  for (const std::string& claims :
       {std::string(), std::string("[]"), std::string("x"), Claims(",\"exp\":9999999999"),
        Claims(R"(,"\u0073ub":"apono")"), Claims() + Claims()}) {
    EXPECT_THAT(Check(claims), HasCode(absl::StatusCode::kUnauthenticated)) << claims;
  }
}

TEST_F(ClaimsTest, WhatIsWrongIsSaidWithoutTheValues) {
  for (const char* name : {"iss", "aud", "sub", "nbf"}) {
    const absl::Status status = CheckWith(name, "\"sesame\"");
    EXPECT_THAT(status, HasCode(absl::StatusCode::kUnauthenticated)) << name;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sesame"))) << name;
  }
}

}  // namespace
}  // namespace incidenthub::gateway
