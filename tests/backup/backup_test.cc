#include "server/backup/backup.h"

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/backup/manifest.h"
#include "tests/backup/small_hub.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using testing::HasReason;
using testing::SmallHub;
using testing::TempDir;

class BackupTest : public ::testing::Test {
 protected:
  std::string folder() const { return dir_ / "backups"; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  const TempDir dir_;
  SmallHub hub_{dir_ / "data"};
  Backups backups_{hub_.database(), hub_.disk(), hub_.clock(), dir_ / "backups"};
};

TEST_F(BackupTest, HoldsEveryEventThatWasAnsweredAndSaysWhichIsTheLast) {
  for (int i = 0; i < 50; ++i) hub_.Ingest(absl::StrCat("i-", i));
  const auto backup = backups_.Create("first");
  ASSERT_OK(backup);
  EXPECT_EQ(backup->name, "first");
  EXPECT_EQ(backup->path, folder() + "/first");
  EXPECT_EQ(backup->head, 50U);
  EXPECT_GT(backup->bytes, 1000U);
  const auto copy = Database::OpenReadOnly(backup->path);
  ASSERT_OK(copy);
  const auto store = Store::Open(copy->get());
  ASSERT_OK(store);
  EXPECT_EQ((*store)->incident_count(), 50U);
  EXPECT_EQ(ReadManifest(backup->path)->head_sequence(), 50U);
  EXPECT_EQ(backups_.count(), 1U);
  EXPECT_EQ(backups_.last_time(), testing::At(0));
}

TEST_F(BackupTest, ADatabaseWithNothingInItCanBeBackedUp) {
  const auto backup = backups_.Create("empty");
  ASSERT_OK(backup);
  EXPECT_EQ(backup->head, 0U);
}

TEST_F(BackupTest, IsConsistentWhateverIsWrittenMeanwhile) {
  std::thread writer([this] {
    for (int i = 0; i < 400; ++i) hub_.Ingest(absl::StrCat("i-", i % 7), i);
  });
  for (int i = 0; i < 5; ++i) {
    const Sequence before = hub_.log()->head();
    const auto backup = backups_.Create(absl::StrCat("b-", i));
    ASSERT_OK(backup);
    EXPECT_GE(backup->head, before);
    SmallHub copy(backup->path);
    EXPECT_EQ(copy.store()->applied(), backup->head);
  }
  writer.join();
}

TEST_F(BackupTest, WithoutANameItIsNamedAfterTheTime) {
  const auto backup = backups_.Create("");
  ASSERT_OK(backup);
  EXPECT_EQ(backup->name, "2026-01-02T00-00-00Z");
  EXPECT_THAT(backups_.Create(""), HasReason("BACKUP_EXISTS")) << "in the same second";
}

TEST_F(BackupTest, NamesThatCouldLeadElsewhereAreInvalid) {
  for (const std::string name : {".", "..", ".hidden", "a/b", "/etc", "a b", "\xC3\xA9", "a\n"}) {
    EXPECT_THAT(backups_.Create(name), HasReason("FIELD_INVALID")) << name;
  }
  EXPECT_THAT(backups_.Create(std::string(65, 'x')), HasReason("FIELD_INVALID"));
  EXPECT_OK(backups_.Create(std::string(64, 'x')));
  EXPECT_OK(backups_.Create("A-z.0_9"));
}

TEST_F(BackupTest, AnExistingOneIsNeverTouched) {
  hub_.Ingest("a");
  ASSERT_OK(backups_.Create("one"));
  hub_.Ingest("b");
  const auto second = backups_.Create("one");
  EXPECT_THAT(second, HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(second, HasReason("BACKUP_EXISTS"));
  EXPECT_EQ(ReadManifest(folder() + "/one")->head_sequence(), 1U);
}

TEST_F(BackupTest, AHundredAreKeptAndNoneIsDeletedForAnother) {
  for (size_t i = 0; i < kBackupsMax; ++i) {
    std::filesystem::create_directories(absl::StrCat(folder(), "/old-", i));
  }
  EXPECT_THAT(backups_.Create("new"), HasReason("TOO_MANY_BACKUPS"));
  EXPECT_EQ(Names().size(), kBackupsMax);
  std::filesystem::remove(folder() + "/old-7");
  EXPECT_OK(backups_.Create("new"));
}

TEST_F(BackupTest, WithoutAFolderThereIsNone) {
  Backups nowhere(hub_.database(), hub_.disk(), hub_.clock(), "");
  const auto backup = nowhere.Create("x");
  EXPECT_THAT(backup, HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(backup, HasReason("BACKUP_DIR_NOT_SET"));
}

TEST_F(BackupTest, WithTooLittleDiskThereIsNone) {
  DiskSpace full([]() -> absl::StatusOr<uint64_t> { return 0; }, {.min_free_bytes = 1});
  Backups backups(hub_.database(), &full, hub_.clock(), folder());
  EXPECT_THAT(backups.Create("x"), HasReason("DISK_FULL"));
}

TEST_F(BackupTest, AFolderThatCannotBeMadeIsSaid) {
  Backups backups(hub_.database(), hub_.disk(), hub_.clock(), "/proc/no/such/place");
  const auto backup = backups.Create("x");
  EXPECT_THAT(backup, HasReason("BACKUP_FAILED"));
  EXPECT_THAT(std::string(backup.status().message()), ::testing::HasSubstr("/proc/no/such/place"));
  EXPECT_EQ(backups.count(), 0U);
}

TEST_F(BackupTest, WhatACrashLeftOfOneIsRemovedByTheNext) {
  std::filesystem::create_directories(folder() + "/.unfinished-one");
  ASSERT_OK(backups_.Create("two"));
  EXPECT_THAT(Names(), ::testing::ElementsAre("two"));
}

}  // namespace
}  // namespace incidenthub
