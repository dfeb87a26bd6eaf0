#include "common/hub_credentials.h"

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

class HubCredentialsTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) const {
    const std::string path = dir_ / name;
    std::ofstream(path, std::ios::trunc) << text;
    return path;
  }
  static std::string ErrorOf(HubCredentialFiles files) {
    const auto credentials = HubCredentials::Load(std::move(files));
    EXPECT_FALSE(credentials.ok());
    return std::string(credentials.status().message());
  }

  const TempDir dir_;
  const std::string certificate_ = File("cert.pem", "-----BEGIN CERTIFICATE-----\n");
  const std::string key_ = File("key.pem", "-----BEGIN PRIVATE KEY-----\n");
};

TEST_F(HubCredentialsTest, FilesThatDoNotGoTogetherAreRefused) {
  EXPECT_THAT(ErrorOf({.ca_file = certificate_, .cert_file = certificate_}),
              HasSubstr("or neither"));
  EXPECT_THAT(ErrorOf({.ca_file = certificate_, .key_file = key_}), HasSubstr("or neither"));
  EXPECT_THAT(ErrorOf({.cert_file = certificate_, .key_file = key_}), HasSubstr("are for TLS"));
  EXPECT_THAT(ErrorOf({.server_name = "hub"}), HasSubstr("are for TLS"));
  EXPECT_OK(HubCredentials::Load({}));
  EXPECT_OK(
      HubCredentials::Load({.ca_file = certificate_, .cert_file = certificate_, .key_file = key_}));
}

TEST_F(HubCredentialsTest, AFileThatHoldsSomethingElseIsNamed) {
  EXPECT_THAT(ErrorOf({.ca_file = key_}), HasSubstr(absl::StrCat(key_, " holds no certificate")));
  EXPECT_THAT(
      ErrorOf({.ca_file = certificate_, .cert_file = certificate_, .key_file = certificate_}),
      HasSubstr("holds no private key"));
  EXPECT_THAT(ErrorOf({.token_file = dir_ / "none"}), HasSubstr(dir_ / "none"));
  for (const char* text : {"", "\n", "two tokens", "a\nb", "\x01"}) {
    EXPECT_THAT(ErrorOf({.token_file = File("token", text)}), HasSubstr("must hold one token"));
  }
  EXPECT_OK(HubCredentials::Load({.token_file = File("token", " of-me \n")}));
}

TEST_F(HubCredentialsTest, FilesAreBounded) {
  EXPECT_OK(HubCredentials::Load({.token_file = File("token", std::string(4096, 'x'))}));
  EXPECT_THAT(ErrorOf({.token_file = File("token", std::string(4097, 'x'))}),
              HasSubstr("larger than 4096 bytes"));
  EXPECT_THAT(ErrorOf({.ca_file = File("ca", std::string((256 << 10) + 1, 'x'))}),
              HasSubstr("larger than 262144 bytes"));
}

}  // namespace
}  // namespace incidenthub
