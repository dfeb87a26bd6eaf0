#include "server/backup/restore.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/backup/backup.h"
#include "server/backup/manifest.h"
#include "tests/backup/small_hub.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;
using testing::SmallHub;
using testing::TempDir;

class RestoreTest : public ::testing::Test {
 protected:
  // A backup of two incidents with three events, of a hub that went on for one more.
  void SetUp() override {
    SmallHub hub(dir_ / "data");
    hub.Ingest("a");
    hub.Ingest("b");
    hub.Ingest("a", 1);
    Backups backups(hub.database(), hub.disk(), hub.clock(), dir_ / "backups");
    ASSERT_OK(backups.Create("one"));
    generation_ = hub.log()->generations().current();
    hub.Ingest("lost");
  }
  std::string backup() const { return dir_ / "backups/one"; }
  std::string target() const { return dir_ / "restored"; }

  void ExpectNothingRestored(absl::StatusCode code, const std::string& words) {
    const auto restored = RestoreBackup(backup(), target());
    EXPECT_THAT(restored, HasCode(code));
    EXPECT_THAT(std::string(restored.status().message()), HasSubstr(words));
    EXPECT_TRUE(!std::filesystem::exists(target()) || std::filesystem::is_empty(target()));
  }
  // The first file of the backup that has this ending.
  std::string FileThatEndsWith(const std::string& ending) const {
    for (const auto& entry : std::filesystem::directory_iterator(backup())) {
      if (absl::EndsWith(entry.path().string(), ending)) return entry.path();
    }
    ADD_FAILURE() << "the backup has no file *" << ending;
    return "";
  }

  const TempDir dir_;
  uint64_t generation_ = 0;
};

TEST_F(RestoreTest, EverythingIsThereAndSequencesOfTheLostPartAreLeftOut) {
  const auto restored = RestoreBackup(backup(), target());
  ASSERT_OK(restored);
  EXPECT_EQ(restored->head, 3U);
  EXPECT_EQ(restored->events, 3U);
  EXPECT_EQ(restored->incidents, 2U);
  EXPECT_EQ(restored->next, 4 + kRestoreSkippedSequences);

  for (int start = 0; start < 2; ++start) {
    SmallHub hub(target());
    EXPECT_EQ(hub.store()->applied(), 3U);
    EXPECT_EQ(hub.store()->FindIncident("a").value()->incident.sequence(), 3U);
    EXPECT_FALSE(hub.store()->FindIncident("lost")->has_value());
    EXPECT_EQ(hub.log()->head() + 1, restored->next) << "also when nothing came since";
  }
  SmallHub hub(target());
  EXPECT_EQ(hub.Ingest("c"), restored->next);
  EXPECT_EQ(hub.Ingest("a", 9), restored->next + 1);
  EXPECT_EQ(hub.store()->FindIncident("a").value()->incident.sequence(), restored->next + 1);
}

TEST_F(RestoreTest, TokensUpToTheBackupGoOnAndThoseFromBeyondDoNot) {
  ASSERT_OK(RestoreBackup(backup(), target()));
  for (int start = 0; start < 2; ++start) {
    SmallHub hub(target());
    const Generations& generations = hub.log()->generations();
    EXPECT_TRUE(generations.Covers(generation_, 3, hub.store()->applied()));
    EXPECT_FALSE(generations.Covers(generation_, 4, hub.store()->applied()));
    hub.Ingest("c", start);
    EXPECT_TRUE(generations.Covers(generation_, 3, hub.store()->applied()));
    EXPECT_FALSE(generations.Covers(generation_, 4, hub.store()->applied())) << "ever";
    EXPECT_TRUE(
        generations.Covers(generations.current(), hub.store()->applied(), hub.store()->applied()));
  }
}

TEST_F(RestoreTest, ARestoredHubIsBackedUpAndRestoredAgain) {
  ASSERT_OK(RestoreBackup(backup(), target()));
  Sequence last = 0;
  {
    SmallHub hub(target());
    last = hub.Ingest("c");
    Backups backups(hub.database(), hub.disk(), hub.clock(), dir_ / "backups");
    ASSERT_OK(backups.Create("two"));
  }
  const auto again = RestoreBackup(dir_ / "backups/two", dir_ / "again");
  ASSERT_OK(again);
  EXPECT_EQ(again->head, last);
  EXPECT_EQ(again->next, last + 1 + kRestoreSkippedSequences);
}

TEST_F(RestoreTest, ADirectoryWithSomethingInItIsRefusedAndLeftAlone) {
  std::filesystem::create_directories(target());
  std::ofstream(target() + "/CURRENT") << "somebody's";
  const auto restored = RestoreBackup(backup(), target());
  EXPECT_THAT(restored, HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("CURRENT"));
  EXPECT_TRUE(std::filesystem::exists(target() + "/CURRENT"));
}

TEST_F(RestoreTest, AFreshVolumeIsEmpty) {
  std::filesystem::create_directories(target() + "/lost+found");
  EXPECT_OK(RestoreBackup(backup(), target()));
}

TEST_F(RestoreTest, WhatIsNoBackupIsSaidSo) {
  std::filesystem::remove_all(backup());
  ExpectNothingRestored(absl::StatusCode::kNotFound, "is no backup");
}

TEST_F(RestoreTest, ABackupWithoutItsManifestIsNotWhole) {
  std::filesystem::remove(backup() + "/" + kManifestName);
  ExpectNothingRestored(absl::StatusCode::kNotFound, "is no backup");
}

TEST_F(RestoreTest, AMissingFileIsNamed) {
  const std::string file = FileThatEndsWith(".sst");
  std::filesystem::remove(file);
  ExpectNothingRestored(absl::StatusCode::kDataLoss,
                        std::filesystem::path(file).filename().string());
}

TEST_F(RestoreTest, ATruncatedFileIsNamed) {
  const std::string file = FileThatEndsWith(".sst");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  ExpectNothingRestored(absl::StatusCode::kDataLoss,
                        std::filesystem::path(file).filename().string());
}

TEST_F(RestoreTest, ADamagedFileIsNoticed) {
  for (const auto& entry : std::filesystem::directory_iterator(backup())) {
    if (!absl::EndsWith(entry.path().string(), ".sst")) continue;
    // Shared with the hub's own files, which this test does not need any more.
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.write("damage", 6);
  }
  ExpectNothingRestored(absl::StatusCode::kDataLoss, "");
}

TEST_F(RestoreTest, ADamagedManifestIsNoticed) {
  std::ofstream(backup() + "/" + kManifestName) << "head_sequence: many";
  ExpectNothingRestored(absl::StatusCode::kDataLoss, "damaged");
  std::ofstream(backup() + "/" + kManifestName) << "version: 2";
  ExpectNothingRestored(absl::StatusCode::kDataLoss, "version 2");
}

TEST_F(RestoreTest, ARestoreThatWasCutOffIsNotServed) {
  EXPECT_OK(CheckRestoreFinished(target()));
  std::filesystem::create_directories(target());
  std::ofstream(target() + "/UNFINISHED_RESTORE") << "";
  EXPECT_THAT(CheckRestoreFinished(target()), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(RestoreBackup(backup(), target()), HasCode(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace incidenthub
