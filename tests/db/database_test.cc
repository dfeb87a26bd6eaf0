#include "server/db/database.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_writer.h"
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

// Bytes of the files of a database that may come and go meanwhile.
uint64_t BytesOf(const std::string& folder, const std::string& extension) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    std::error_code gone;
    const uint64_t size = std::filesystem::file_size(entry.path(), gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

TEST(DatabaseTest, TheWriteAheadLogIsBoundedAlsoIfATableHoldsItBack) {
  constexpr uint64_t kBound = uint64_t{128} << 20U;
  // What may be written until that table is written out.
  constexpr uint64_t kMeanwhile = uint64_t{64} << 20U;
  constexpr uint64_t kValueBytes = uint64_t{1} << 20U;
  constexpr uint64_t kValues = 288;
  std::mt19937_64 random(1);
  std::string value;
  while (value.size() < kValueBytes) value += EncodeKey(random());
  TestDatabase database;
  ASSERT_OK(database->Write(PutOne(Table::kMeta, "rarely", "written"), Durability::kBuffered));
  uint64_t most = 0;
  for (uint64_t i = 1; i <= kValues; ++i) {
    ASSERT_OK(database->Write(PutOne(Table::kEvents, EncodeKey(i), value), Durability::kBuffered));
    most = std::max(most, BytesOf(database.path(), ".log"));
  }
  EXPECT_GT(most, kBound / 2) << "nothing held it back";
  EXPECT_LT(most, kBound + kMeanwhile);
  EXPECT_EQ(database->Get(Table::kMeta, "rarely").value(), "written");
}

// Puts events into the database in `path`, which is closed, each with a file of its own.
void PutEventsAsFiles(const std::string& path, uint64_t count) {
  rocksdb::Options options;
  options.max_open_files = 64;
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, path, families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> database(opened);
  std::vector<std::string> files;
  for (uint64_t i = 1; i <= count; ++i) {
    files.push_back(absl::StrCat(path, "/made-", i));
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
    ASSERT_TRUE(writer.Open(files.back()).ok());
    ASSERT_TRUE(writer.Put(EncodeKey(i), absl::StrCat(i)).ok());
    ASSERT_TRUE(writer.Finish().ok());
  }
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  for (auto* handle : handles) {
    if (handle->GetName() == "events") {
      ASSERT_TRUE(database->IngestExternalFile(handle, files, ingest).ok());
    }
    database->DestroyColumnFamilyHandle(handle);
  }
}

// How many files of a database this process has open.
int OpenDataFiles(const std::string& path) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::filesystem::path file = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone && file.parent_path() == path && file.extension() == ".sst") ++count;
  }
  return count;
}

TEST(DatabaseTest, NoMoreFilesAreOpenThanTheBoundHoweverManyThereAre) {
  constexpr int kBound = 512;
  constexpr uint64_t kFiles = kBound + 60;
  TestDatabase database;
  database.Close();
  PutEventsAsFiles(database.path(), kFiles);
  database.Open();
  for (uint64_t i = 1; i <= kFiles; ++i) {
    ASSERT_EQ(database->Get(Table::kEvents, EncodeKey(i)).value(), absl::StrCat(i));
  }
  EXPECT_GT(OpenDataFiles(database.path()), kBound / 2) << "the test does not see them";
  EXPECT_LE(OpenDataFiles(database.path()), kBound);
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
