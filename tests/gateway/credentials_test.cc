#include "gateway/credentials.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::gateway {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;

class CredentialsTest : public ::testing::Test {
 protected:
  // A new file each time, so that the change shows whatever the file system's clock does.
  void Write(absl::string_view text) {
    std::ofstream(directory_ / "fresh") << text;
    std::filesystem::rename(directory_ / "fresh", path_);
  }
  std::unique_ptr<Credentials> Load() {
    auto credentials = Credentials::Load(path_, clock_);
    EXPECT_OK(credentials);
    return credentials.ok() ? *std::move(credentials) : nullptr;
  }

  testing::TempDir directory_;
  const std::string path_ = directory_ / "secret";
  testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
};

TEST_F(CredentialsTest, TakesEachLineWholeAndSkipsCommentsAndBlanks) {
  Write("# comment\n\n  Bearer a  \r\nb#c\n");
  const auto credentials = Load();
  EXPECT_TRUE(credentials->Accepts("Bearer a"));
  EXPECT_TRUE(credentials->Accepts("b#c"));
  EXPECT_FALSE(credentials->Accepts(""));
  EXPECT_FALSE(credentials->Accepts("# comment"));
  EXPECT_FALSE(credentials->Accepts("Bearer"));
  EXPECT_FALSE(credentials->Accepts("Bearer a  "));
}

TEST_F(CredentialsTest, FileThatCannotServeIsRefusedByName) {
  EXPECT_THAT(Credentials::Load(path_, clock_), HasCode(absl::StatusCode::kNotFound));
  Write("\n# only a comment\n");
  EXPECT_THAT(Credentials::Load(path_, clock_), HasCode(absl::StatusCode::kInvalidArgument));
  std::string many;
  for (size_t i = 0; i < kSecretsMax; ++i) absl::StrAppend(&many, "s", i, "\n");
  Write(many);
  EXPECT_OK(Credentials::Load(path_, clock_));
  Write(many + "one more\n");
  EXPECT_THAT(Credentials::Load(path_, clock_), HasCode(absl::StatusCode::kInvalidArgument));
  Write(std::string(kSecretFileBytesMax + 1, 'x'));
  const auto large = Credentials::Load(path_, clock_);
  EXPECT_THAT(large, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(large.status().message()), HasSubstr(path_));
}

TEST_F(CredentialsTest, ChangeIsNoticedAfterTheInterval) {
  Write("old\n");
  const auto credentials = Load();
  Write("new\nnewer\n");
  EXPECT_TRUE(credentials->Accepts("old"));
  EXPECT_FALSE(credentials->Accepts("new"));
  clock_.Advance(kSecretCheckInterval);
  EXPECT_FALSE(credentials->Accepts("old"));
  EXPECT_TRUE(credentials->Accepts("new"));
  EXPECT_TRUE(credentials->Accepts("newer"));
}

TEST_F(CredentialsTest, BadChangeKeepsWhatIsValidUntilAGoodOneComes) {
  Write("old\n");
  const auto credentials = Load();
  Write("# nothing\n");
  clock_.Advance(kSecretCheckInterval);
  EXPECT_TRUE(credentials->Accepts("old"));
  std::filesystem::remove(path_);
  clock_.Advance(kSecretCheckInterval);
  EXPECT_TRUE(credentials->Accepts("old"));
  Write("new\n");
  clock_.Advance(kSecretCheckInterval);
  EXPECT_TRUE(credentials->Accepts("new"));
  EXPECT_FALSE(credentials->Accepts("old"));
}

}  // namespace
}  // namespace incidenthub::gateway
