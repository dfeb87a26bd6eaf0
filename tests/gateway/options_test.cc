#include "gateway/options.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string MistakesOf(const std::function<void(Options*)>& change) {
  Options options;
  change(&options);
  const absl::Status status = options.Validate();
  return status.ok() ? "" : std::string(status.message());
}

TEST(OptionsTest, DefaultsAreValid) { EXPECT_OK(Options().Validate()); }

TEST(OptionsTest, EachMistakeNamesItsFlagAndValue) {
  EXPECT_THAT(MistakesOf([](Options* o) { o->listen = "8080"; }), HasSubstr("--listen=8080: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->admin_listen = "x:y"; }),
              HasSubstr("--admin_listen=x:y: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->hub = "hub:0"; }), HasSubstr("--hub=hub:0: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->hub = ":50051"; }), HasSubstr("--hub=:50051: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->bigpanda_auth_header = "a b"; }),
              HasSubstr("--bigpanda_auth_header=a b: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->hold = absl::ZeroDuration(); }),
              HasSubstr("--hold=0: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->body_timeout = -absl::Seconds(1); }),
              HasSubstr("--body_timeout=-1s: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->idle_timeout = absl::InfiniteDuration(); }),
              HasSubstr("--idle_timeout=inf: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->drain_timeout = absl::Hours(2); }),
              HasSubstr("--drain_timeout=2h: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->answer_timeout = o->hold; }),
              HasSubstr("--answer_timeout=10s: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->max_connections = 0; }),
              HasSubstr("--max_connections=0: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->window_deliveries = 0; }),
              HasSubstr("--window_deliveries=0: "));
  EXPECT_THAT(MistakesOf([](Options* o) { o->window_bytes = 1; }), HasSubstr("--window_bytes=1: "));
}

TEST(OptionsTest, AllMistakesAreToldAtOnce) {
  EXPECT_THAT(
      MistakesOf([](Options* o) {
        o->listen = "x";
        o->max_connections = -1;
        o->window_bytes = 0;
      }),
      AllOf(HasSubstr("--listen="), HasSubstr("--max_connections="), HasSubstr("--window_bytes=")));
}

TEST(OptionsTest, ASourcesConfigStandsAloneForWhatItSays) {
  EXPECT_EQ(MistakesOf([](Options* o) { o->sources_config = "s.json"; }), "");
  EXPECT_THAT(MistakesOf([](Options* o) {
                o->sources_config = "s.json";
                o->bigpanda_secret_file = "/secret";
              }),
              HasSubstr("--sources_config=s.json: "));
  EXPECT_THAT(MistakesOf([](Options* o) {
                o->sources_config = "s.json";
                o->bigpanda_auth_header = "X-Secret";
              }),
              HasSubstr("--sources_config=s.json: "));
}

TEST(OptionsTest, ACertificateAndItsKeyGoTogether) {
  const auto give = [](const char* certificate, const char* key, const char* client_ca) {
    return MistakesOf([&](Options* o) {
      o->tls_cert_file = certificate;
      o->tls_key_file = key;
      o->tls_client_ca_file = client_ca;
    });
  };
  EXPECT_EQ(give("tls.crt", "tls.key", ""), "");
  EXPECT_EQ(give("tls.crt", "tls.key", "ca.crt"), "");
  EXPECT_THAT(give("tls.crt", "", ""),
              AllOf(HasSubstr("--tls_cert_file=tls.crt: "), HasSubstr("--tls_key_file")));
  EXPECT_THAT(give("", "tls.key", ""),
              AllOf(HasSubstr("--tls_key_file=tls.key: "), HasSubstr("--tls_cert_file")));
  EXPECT_THAT(give("", "", "ca.crt"), HasSubstr("--tls_client_ca_file=ca.crt: "));
}

TEST(OptionsTest, TlsStandsInForAllowPlaintextAndNotForCredentials) {
  EXPECT_THAT(MistakesOf([](Options* o) {
                o->listen = "0.0.0.0:80";
                o->tls_cert_file = "tls.crt";
                o->tls_key_file = "tls.key";
                o->tls_client_ca_file = "ca.crt";
              }),
              AllOf(HasSubstr("--allow_unauthenticated"), Not(HasSubstr("--allow_plaintext"))));
  EXPECT_EQ(MistakesOf([](Options* o) {
              o->listen = "0.0.0.0:80";
              o->bigpanda_secret_file = "/secret";
              o->tls_cert_file = "tls.crt";
              o->tls_key_file = "tls.key";
            }),
            "");
}

TEST(OptionsTest, LoopbackNeedsNeitherTlsNorCredentials) {
  for (const char* address : {"127.0.0.1:0", "127.1.2.3:80", "[::1]:80", "localhost:80"}) {
    EXPECT_EQ(MistakesOf([address](Options* o) { o->listen = address; }), "") << address;
  }
}

TEST(OptionsTest, AnAddressThatOthersReachNeedsThemOrTheWayOut) {
  for (const char* address : {"0.0.0.0:80", ":80", "[::]:80", "10.0.0.1:80", "gateway:80"}) {
    EXPECT_THAT(MistakesOf([address](Options* o) { o->listen = address; }),
                AllOf(HasSubstr("--allow_unauthenticated"), HasSubstr("--allow_plaintext")));
    EXPECT_THAT(MistakesOf([address](Options* o) {
                  o->listen = address;
                  o->bigpanda_secret_file = "/secret";
                }),
                AllOf(Not(HasSubstr("--allow_unauthenticated")), HasSubstr("--allow_plaintext")));
    EXPECT_THAT(MistakesOf([address](Options* o) {
                  o->listen = address;
                  o->sources_config = "s.json";
                }),
                AllOf(Not(HasSubstr("--allow_unauthenticated")), HasSubstr("--allow_plaintext")));
    EXPECT_EQ(MistakesOf([address](Options* o) {
                o->listen = address;
                o->allow_unauthenticated = true;
                o->allow_plaintext = true;
              }),
              "");
  }
}

}  // namespace
}  // namespace incidenthub::gateway
