#include "server/db/database.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using testing::HasReason;
using testing::TempDir;
using testing::TestDatabase;
using testing::UnsyncedEnv;
using Durability = Database::Durability;

WriteSet PutOne(Table table, absl::string_view key, absl::string_view value) {
  WriteSet changes;
  changes.Put(table, key, value);
  return changes;
}

std::vector<std::string> KeysFrom(const Database& database, Table table, absl::string_view from) {
  std::vector<std::string> keys;
  const auto iterator = database.NewIterator(table);
  for (iterator->Seek(from); iterator->Valid(); iterator->Next())
    keys.emplace_back(iterator->key());
  EXPECT_OK(iterator->status());
  return keys;
}

TEST(KeyCodecTest, KeysSortAsTheNumbersTheyEncode) {
  const uint64_t max = std::numeric_limits<uint64_t>::max();
  std::string before;
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1}, uint64_t{9}, uint64_t{10}, uint64_t{127}, uint64_t{128},
        uint64_t{255}, uint64_t{256}, uint64_t{65'535}, uint64_t{65'536}, uint64_t{1} << 32U,
        (uint64_t{1} << 63U) - 1, uint64_t{1} << 63U, max - 1, max}) {
    const std::string key = EncodeKey(number);
    EXPECT_EQ(key.size(), 8U);
    EXPECT_EQ(DecodeKey(key), number);
    EXPECT_LT(before, key) << number;
    before = key;
  }
}

TEST(DatabaseTest, AKeyIsReadBackByteForByteAndOthersAreMissing) {
  TestDatabase database;
  const std::string binary("\x00\xFF\n\x00", 4);
  ASSERT_OK(database->Write(PutOne(Table::kIncidents, binary, binary), Durability::kSynced));
  EXPECT_EQ(database->Get(Table::kIncidents, binary).value(), binary);
  EXPECT_EQ(database->Get(Table::kIncidents, "other").value(), std::nullopt);
  EXPECT_EQ(database->Get(Table::kMeta, binary).value(), std::nullopt) << "of another table";
}

TEST(DatabaseTest, ChangesHappenTogetherAndInTheirOrder) {
  TestDatabase database;
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "old", "1"), Durability::kBuffered));
  WriteSet changes;
  EXPECT_TRUE(changes.empty());
  changes.Put(Table::kMeta, "a", "1");
  changes.Put(Table::kEvents, EncodeKey(1), "event");
  changes.Delete(Table::kMeta, "old");
  changes.Put(Table::kMeta, "a", "2");
  changes.Put(Table::kMeta, "gone", "1");
  changes.Delete(Table::kMeta, "gone");
  EXPECT_FALSE(changes.empty());
  ASSERT_OK(database->Write(std::move(changes), Durability::kBuffered));
  EXPECT_EQ(database->Get(Table::kMeta, "a").value(), "2");
  EXPECT_EQ(database->Get(Table::kMeta, "old").value(), std::nullopt);
  EXPECT_EQ(database->Get(Table::kMeta, "gone").value(), std::nullopt);
  EXPECT_EQ(database->Get(Table::kEvents, EncodeKey(1)).value(), "event");
}

TEST(DatabaseTest, EveryTableSurvivesAReopening) {
  TestDatabase database;
  for (int table = 0; table < kTableCount; ++table) {
    ASSERT_OK(database->Write(PutOne(static_cast<Table>(table), "key", absl::StrCat(table)),
                              Durability::kBuffered));
  }
  database.Reopen();
  for (int table = 0; table < kTableCount; ++table) {
    EXPECT_EQ(database->Get(static_cast<Table>(table), "key").value(), absl::StrCat(table));
  }
}

// One that was made before there was a table has it once it is opened.
TEST(DatabaseTest, ADatabaseWithFewerTablesIsOpenedAndGoesOn) {
  const TempDir directory;
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name :
         {"default", "events", "generations", "incidents", "latest", "quarantine"}) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, directory.path(), families, &handles, &opened).ok());
    const std::unique_ptr<rocksdb::DB> database(opened);
    ASSERT_TRUE(database->Put(rocksdb::WriteOptions(), handles[1], EncodeKey(1), "event").ok());
    for (auto* handle : handles) database->DestroyColumnFamilyHandle(handle);
  }
  for (int opening = 0; opening < 2; ++opening) {
    const auto database = Database::Open(directory.path());
    ASSERT_OK(database);
    EXPECT_EQ((*database)->Get(Table::kEvents, EncodeKey(1)).value(), "event");
    EXPECT_EQ((*database)->Get(Table::kRequestIds, "key").value().has_value(), opening > 0);
    ASSERT_OK((*database)->Write(PutOne(Table::kRequestIds, "key", "new"), Durability::kSynced));
  }
}

TEST(DatabaseTest, AScanIsInOrderFromItsKeyAndOfTheMomentItBegan) {
  TestDatabase database;
  for (const uint64_t number : {300U, 2U, 256U, 10U}) {
    ASSERT_OK(
        database->Write(PutOne(Table::kLatest, EncodeKey(number), ""), Durability::kBuffered));
  }
  EXPECT_THAT(KeysFrom(*database.get(), Table::kLatest, EncodeKey(3)),
              ::testing::ElementsAre(EncodeKey(10), EncodeKey(256), EncodeKey(300)));
  EXPECT_EQ(KeysFrom(*database.get(), Table::kLatest, "").size(), 4U);

  const auto iterator = database->NewIterator(Table::kLatest);
  ASSERT_OK(database->Write(PutOne(Table::kLatest, EncodeKey(11), ""), Durability::kBuffered));
  WriteSet changes;
  changes.Delete(Table::kLatest, EncodeKey(256));
  ASSERT_OK(database->Write(std::move(changes), Durability::kBuffered));
  iterator->Seek(EncodeKey(10));
  std::vector<uint64_t> seen;
  for (; iterator->Valid(); iterator->Next()) seen.push_back(DecodeKey(iterator->key()));
  EXPECT_THAT(seen, ::testing::ElementsAre(10, 256, 300));
}

TEST(DatabaseTest, GetAllIsInTheOrderAskedForAndSaysWhatIsMissing) {
  TestDatabase database;
  for (const uint64_t number : {1U, 2U, 3U}) {
    ASSERT_OK(database->Write(PutOne(Table::kEvents, EncodeKey(number), absl::StrCat(number)),
                              Durability::kBuffered));
  }
  const auto values = database->GetAll(Table::kEvents, {EncodeKey(3), EncodeKey(1)});
  ASSERT_OK(values);
  EXPECT_THAT(*values, ::testing::ElementsAre("3", "1"));
  const auto some = database->GetAll(Table::kEvents, {EncodeKey(3), EncodeKey(4), EncodeKey(2)});
  ASSERT_OK(some);
  EXPECT_THAT(*some, ::testing::ElementsAre("3", std::nullopt, "2"));
  EXPECT_TRUE(database->GetAll(Table::kEvents, {})->empty());
}

TEST(DatabaseTest, LastNumberIsTheGreatest) {
  TestDatabase database;
  EXPECT_EQ(database->LastNumber(Table::kEvents).value(), 0U);
  for (const uint64_t number : {2U, 256U, 10U}) {
    ASSERT_OK(
        database->Write(PutOne(Table::kEvents, EncodeKey(number), ""), Durability::kBuffered));
  }
  EXPECT_EQ(database->LastNumber(Table::kEvents).value(), 256U);
}

TEST(DatabaseTest, KnowsHowMuchDiskIsFree) {
  TestDatabase database;
  const auto free = database->FreeBytes();
  ASSERT_OK(free);
  const auto expected = std::filesystem::space(database.path()).available;
  EXPECT_GT(*free, expected / 2);
  EXPECT_LT(*free, expected / 2 * 3);
}

TEST(DatabaseTest, ASecondOpeningInThisProcessIsRefusedInPlainWords) {
  TestDatabase database;
  const auto second = Database::Open(database.path());
  EXPECT_THAT(second, HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr("in use"));
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(database.path()));
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "a", "1"), Durability::kSynced));
}

// Holds the lock of the database in `path` from a process of its own.
class LockHolder {
 public:
  explicit LockHolder(const std::string& path) {
    int ready[2];
    INCIDENTHUB_CHECK(pipe(ready) == 0);
    const std::string file = path + "/LOCK";
    pid_ = fork();
    INCIDENTHUB_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      const int fd = open(file.c_str(), O_RDWR);
      struct flock lock = {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      const char locked = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (write(ready[1], &locked, 1) != 1) _exit(1);
      while (true) pause();
    }
    char locked = 'n';
    INCIDENTHUB_CHECK(read(ready[0], &locked, 1) == 1 && locked == 'y');
    close(ready[0]);
    close(ready[1]);
  }
  ~LockHolder() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

TEST(DatabaseTest, AnOpeningWhileAnotherProcessHoldsItIsRefusedInPlainWords) {
  TestDatabase database;
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "a", "1"), Durability::kSynced));
  database.Close();
  {
    const LockHolder holder(database.path());
    const auto second = Database::Open(database.path());
    EXPECT_THAT(second, HasCode(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(std::string(second.status().message()),
                ::testing::HasSubstr("in use by another process"));
  }
  database.Open();
  EXPECT_EQ(database->Get(Table::kMeta, "a").value(), "1");
}

TEST(DatabaseTest, ADirectoryThatCannotBeUsedIsNotCalledInUse) {
  const TempDir dir;
  std::ofstream(dir / "clock") << "a file";
  const auto database = Database::Open(dir / "clock/data");
  ASSERT_FALSE(database.ok());
  EXPECT_THAT(std::string(database.status().message()),
              ::testing::Not(::testing::HasSubstr("in use")));
  EXPECT_THAT(std::string(database.status().message()), ::testing::HasSubstr("clock/data"));
}

TEST(DatabaseTest, WhatWasSyncedSurvivesALossOfPowerAndWhatCameBeforeItToo) {
  UnsyncedEnv env;
  TestDatabase database({.env = env.get()});
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "buffered", "1"), Durability::kBuffered));
  ASSERT_OK(database->Write(PutOne(Table::kEvents, "synced", "1"), Durability::kSynced));
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "after", "1"), Durability::kBuffered));
  env.PowerOff();
  database.Close();
  env.PowerOn();
  database.Open();
  EXPECT_EQ(database->Get(Table::kMeta, "buffered").value(), "1") << "written before the sync";
  EXPECT_EQ(database->Get(Table::kEvents, "synced").value(), "1");
  EXPECT_EQ(database->Get(Table::kMeta, "after").value(), std::nullopt)
      << "the test's own disk did not lose what was not synced";
}

TEST(DatabaseTest, AFullDiskIsSaidSoAndNothingWrittenBeforeIsLost) {
  UnsyncedEnv env;
  TestDatabase database({.env = env.get()});
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "before", "1"), Durability::kSynced));
  env.SetDiskFull(true);
  for (int i = 0; i < 3; ++i) {
    const absl::Status status =
        database->Write(PutOne(Table::kMeta, "during", "1"), Durability::kSynced);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
    EXPECT_THAT(status, HasReason("DISK_FULL"));
  }
  EXPECT_EQ(database->Get(Table::kMeta, "before").value(), "1") << "reads go on";
  database.Close();
  env.SetDiskFull(false);
  database.Open();
  EXPECT_EQ(database->Get(Table::kMeta, "before").value(), "1");
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "after", "1"), Durability::kSynced));
}

}  // namespace
}  // namespace incidenthub
