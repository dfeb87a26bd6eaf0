#include "server/access/access.h"

#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::FakeClock;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDir;

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    Write("secret", "2030-01-01T00:00:00Z");
    auto access = Access::Load(file_, clock_);
    EXPECT_OK(access);
    if (access.ok()) access_ = *std::move(access);
  }

  void Write(absl::string_view token, absl::string_view expire_time) {
    const TokenDigest digest = Sha256(token);
    std::ofstream(file_) << absl::StrCat(
        R"({"principals":[{"name":"pager","roles":["viewer"],"tokens":[{"sha256":")",
        absl::BytesToHexString(std::string(digest.begin(), digest.end())), R"(","expire_time":")",
        expire_time, R"("}],"certificate_names":["pager.example.org"]}]})");
  }
  absl::StatusOr<Caller> With(std::string authorization) {
    return access_->Identify({{std::move(authorization)}, false, {}});
  }
  void Reload() {
    clock_.Advance(2 * kFileCheckInterval);
    access_->ReloadIfChanged();
  }

  const TempDir dir_;
  const std::string file_ = dir_ / "access.json";
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<Access> access_;
};

TEST_F(AccessTest, ATokenMeansItsPrincipal) {
  const auto caller = With("Bearer secret");
  ASSERT_OK(caller);
  EXPECT_EQ(caller->principal, "pager");
  EXPECT_EQ(caller->roles, Roles(Role::kViewer));
  EXPECT_OK(With("bearer secret")) << "a scheme has no case";
}

TEST_F(AccessTest, WhatIsNoneOfItsTokensIsRefusedWithoutAWordOfIt) {
  EXPECT_THAT(access_->Identify({}).status(), HasReason("CREDENTIAL_MISSING"));
  for (const char* sent : {"Bearer secre", "Bearer secrets", "Bearer Secret", "Bearer", "Bearer ",
                           "Bearer  secret", "secret", "Basic secret", "", "Bearer secret "}) {
    const absl::Status status = With(sent).status();
    EXPECT_THAT(status, HasReason("CREDENTIAL_INVALID")) << sent;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("ecre")));
  }
  EXPECT_THAT(access_->Identify({{"Bearer secret", "Bearer secret"}, false, {}}).status(),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(With(absl::StrCat("Bearer ", std::string(100'000, 'x'))).status(),
              HasReason("CREDENTIAL_INVALID"));
}

TEST_F(AccessTest, ACertificateMeansItsPrincipalUnlessThereIsAToken) {
  const auto caller = access_->Identify({{}, true, {"pager.example.org"}});
  ASSERT_OK(caller);
  EXPECT_EQ(caller->principal, "pager");
  EXPECT_THAT(access_->Identify({{}, true, {"other.example.org"}}).status(),
              HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(access_->Identify({{}, true, {}}).status(), HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(access_->Identify({{"Bearer wrong"}, true, {"pager.example.org"}}).status(),
              HasReason("CREDENTIAL_INVALID"));
}

TEST_F(AccessTest, ATokenEndsAtItsExpireTime) {
  const auto caller = With("Bearer secret");
  ASSERT_OK(caller);
  const absl::Time end =
      absl::FromCivil(absl::CivilSecond(2030, 1, 1, 0, 0, 0), absl::UTCTimeZone());
  clock_.Set(end - absl::Nanoseconds(1));
  EXPECT_OK(With("Bearer secret"));
  EXPECT_OK(access_->IdentifyAgain(*caller));
  clock_.Set(end);
  EXPECT_THAT(With("Bearer secret").status(), HasReason("CREDENTIAL_EXPIRED"));
  EXPECT_THAT(access_->IdentifyAgain(*caller).status(), HasReason("CREDENTIAL_EXPIRED"));
}

TEST_F(AccessTest, AChangedFileCountsAndABrokenOneChangesNothing) {
  const auto before = With("Bearer secret");
  ASSERT_OK(before);
  Write("another", "2030-01-01T00:00:00Z");
  Reload();
  EXPECT_OK(With("Bearer another"));
  EXPECT_THAT(With("Bearer secret").status(), HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(access_->IdentifyAgain(*before).status(), HasReason("CREDENTIAL_INVALID"));
  std::ofstream(file_) << R"({"principals":[{"name":)";
  Reload();
  EXPECT_OK(With("Bearer another"));
}

TEST_F(AccessTest, AFileThatIsOfNoUseIsAnErrorThatNamesIt) {
  std::ofstream(file_) << "{}";
  const absl::Status status = Access::Load(file_, clock_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(file_));
  EXPECT_THAT(std::string(status.message()), HasSubstr("names no principal"));
  EXPECT_THAT(std::string(Access::Load(dir_ / "none", clock_).status().message()),
              HasSubstr(dir_ / "none"));
  std::ofstream(file_) << std::string(kAccessFileBytesMax + 1, ' ');
  EXPECT_THAT(std::string(Access::Load(file_, clock_).status().message()),
              HasSubstr("larger than"));
}

}  // namespace
}  // namespace incidenthub
