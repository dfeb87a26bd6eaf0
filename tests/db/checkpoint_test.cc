#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/db/database.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using testing::TempDir;
using testing::TestDatabase;

void Put(Database* database, const std::string& key, Database::Durability durability) {
  WriteSet changes;
  changes.Put(Table::kIncidents, key, "value");
  changes.Put(Table::kEvents, EncodeKey(key.size()), "event");
  ASSERT_OK(database->Write(std::move(changes), durability));
}

TEST(CheckpointTest, HoldsWhatWasWrittenBeforeAndNothingFromAfter) {
  const TempDir dir;
  TestDatabase database;
  Put(database.get(), "a", Database::Durability::kSynced);
  Put(database.get(), "bb", Database::Durability::kBuffered);
  ASSERT_OK(database->Checkpoint(dir / "copy"));
  Put(database.get(), "ccc", Database::Durability::kSynced);

  const auto copy = Database::OpenReadOnly(dir / "copy");
  ASSERT_OK(copy);
  EXPECT_TRUE((*copy)->Get(Table::kIncidents, "a")->has_value());
  EXPECT_TRUE((*copy)->Get(Table::kIncidents, "bb")->has_value());
  EXPECT_FALSE((*copy)->Get(Table::kIncidents, "ccc")->has_value());
  EXPECT_EQ((*copy)->LastNumber(Table::kEvents).value(), 2U);
}

TEST(CheckpointTest, ReadingACopyLeavesItAsItIs) {
  const TempDir dir;
  TestDatabase database;
  Put(database.get(), "a", Database::Durability::kSynced);
  ASSERT_OK(database->Checkpoint(dir / "copy"));
  const auto count = [&dir] {
    int files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir / "copy")) {
      ++files;
    }
    return files;
  };
  const int before = count();
  {
    const auto first = Database::OpenReadOnly(dir / "copy");
    const auto second = Database::OpenReadOnly(dir / "copy");
    EXPECT_OK(first);
    EXPECT_OK(second) << "it is not locked";
  }
  EXPECT_EQ(count(), before);
}

TEST(CheckpointTest, WhereSomethingIsNothingIsOverwritten) {
  const TempDir dir;
  TestDatabase database;
  std::filesystem::create_directories(dir / "copy");
  EXPECT_FALSE(database->Checkpoint(dir / "copy").ok());
  EXPECT_TRUE(std::filesystem::is_empty(dir / "copy"));
  EXPECT_FALSE(database->Checkpoint(dir / "no/such/folder").ok());
  Put(database.get(), "a", Database::Durability::kSynced);
}

TEST(CheckpointTest, ADamagedFileIsDataLoss) {
  const TempDir dir;
  TestDatabase database;
  Put(database.get(), "a", Database::Durability::kSynced);
  ASSERT_OK(database->Checkpoint(dir / "copy"));
  {
    const auto whole = Database::Open(dir / "copy");
    ASSERT_OK(whole);
    EXPECT_OK((*whole)->VerifyFiles());
  }
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "copy")) {
    if (!absl::EndsWith(entry.path().string(), ".sst")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5);
    file.write("damage", 6);
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  const auto copy = Database::Open(dir / "copy");
  EXPECT_THAT(copy.ok() ? (*copy)->VerifyFiles() : copy.status(),
              HasCode(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace incidenthub
