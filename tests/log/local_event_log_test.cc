#include "server/log/local_event_log.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "tests/contract/event_log_contract.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace testing {
namespace {

class LocalHarness final : public EventLogHarness {
 public:
  LocalHarness() : database_({.env = env_.get()}) { Open(); }

  EventLog* log() override { return log_.get(); }
  void Restart() override {
    log_.reset();
    database_.Reopen();
    Open();
  }
  void Crash() override {
    env_.PowerOff();
    log_.reset();
    database_.Close();
    env_.PowerOn();
    database_.Open();
    Open();
  }

 private:
  void Open() {
    auto log = LocalEventLog::Open(database_.get());
    ASSERT_OK(log);
    log_ = *std::move(log);
  }

  UnsyncedEnv env_;
  TestDatabase database_;
  std::unique_ptr<LocalEventLog> log_;
};

INSTANTIATE_TEST_SUITE_P(Local, EventLogContract,
                         ::testing::Values(+[]() -> std::unique_ptr<EventLogHarness> {
                           return std::make_unique<LocalHarness>();
                         }));

}  // namespace
}  // namespace testing

namespace {

using testing::HasCode;
using testing::HasReason;
using testing::TestDatabase;
using testing::UnsyncedEnv;

std::unique_ptr<LocalEventLog> OpenLog(const TestDatabase& database) {
  auto log = LocalEventLog::Open(database.get());
  EXPECT_OK(log);
  return log.ok() ? *std::move(log) : nullptr;
}

TEST(LocalEventLogTest, AnAppendIsOneSyncHoweverManyEvents) {
  UnsyncedEnv env;
  TestDatabase database({.env = env.get()});
  const auto log = OpenLog(database);
  std::vector<LogEntry> entries;
  for (Sequence sequence = 1; sequence <= 100; ++sequence) entries.push_back({sequence, "x"});
  const uint64_t before = env.log_syncs();
  ASSERT_OK(log->Append(entries));
  EXPECT_EQ(env.log_syncs(), before + 1);
}

TEST(LocalEventLogTest, AnAppendThatFailsHasAnUnknownOutcomeAndMovesNoHead) {
  UnsyncedEnv env;
  TestDatabase database({.env = env.get()});
  auto log = OpenLog(database);
  ASSERT_OK(log->Append(std::vector<LogEntry>{{1, "a"}}));
  env.SetDiskFull(true);
  const absl::Status status = log->Append(std::vector<LogEntry>{{2, "b"}});
  EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReason("LOG_OUTCOME_UNKNOWN"));
  EXPECT_EQ(log->head(), 1U);
  env.SetDiskFull(false);
  log.reset();
  database.Reopen();
  log = OpenLog(database);
  EXPECT_GE(log->head(), 1U);
  ASSERT_OK(log->Append(std::vector<LogEntry>{{log->head() + 1, "c"}}));
}

TEST(LocalEventLogTest, OldGenerationsAreForgottenPastTheBoundAndNoneBefore) {
  TestDatabase database;
  WriteSet changes;
  for (uint64_t number = 1; number <= kGenerationsMax; ++number) {
    internal::v1::GenerationRecord record;
    record.set_id(number << 8U);
    record.set_first_sequence(1);
    changes.Put(Table::kGenerations, EncodeKey(number), record.SerializeAsString());
  }
  ASSERT_OK(database->Write(std::move(changes), Database::Durability::kSynced));
  auto log = OpenLog(database);
  EXPECT_FALSE(log->generations().Covers(1U << 8U, 0, 0)) << "the oldest";
  EXPECT_TRUE(log->generations().Covers(2U << 8U, 0, 0));
  const uint64_t running = log->generations().current();
  log.reset();

  database.Reopen();
  log = OpenLog(database);
  EXPECT_FALSE(log->generations().Covers(2U << 8U, 0, 0));
  EXPECT_TRUE(log->generations().Covers(3U << 8U, 0, 0));
  EXPECT_TRUE(log->generations().Covers(running, 0, 0));
  int records = 0;
  const auto iterator = database->NewIterator(Table::kGenerations);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) ++records;
  EXPECT_EQ(records, static_cast<int>(kGenerationsMax)) << "the table is bounded too";
}

TEST(LocalEventLogTest, SequencesThatWereSkippedAreNeverUsedAndTokensKnowWhereTheLogEnded) {
  TestDatabase database;
  auto log = OpenLog(database);
  ASSERT_OK(log->Append(std::vector<LogEntry>{{1, "a"}, {2, "b"}}));
  const uint64_t before = log->generations().current();
  log.reset();
  {
    const auto skipped = LocalEventLog::Open(database.get(), 1000);
    ASSERT_OK(skipped);
    EXPECT_EQ((*skipped)->head(), 1002U);
  }
  for (int start = 0; start < 2; ++start) {
    log = OpenLog(database);
    EXPECT_EQ(log->head(), 1002U) << "as long as nothing came since";
    EXPECT_TRUE(log->generations().Covers(before, 2, 2));
    EXPECT_FALSE(log->generations().Covers(before, 3, 2));
    log.reset();
    database.Reopen();
  }
  log = OpenLog(database);
  ASSERT_OK(log->Append(std::vector<LogEntry>{{1003, "c"}}));
  log = OpenLog(database);
  EXPECT_EQ(log->head(), 1003U);
  EXPECT_FALSE(log->generations().Covers(before, 3, 1003));
}

TEST(LocalEventLogTest, AGenerationRecordThatDoesNotParseIsDataLoss) {
  TestDatabase database;
  WriteSet changes;
  changes.Put(Table::kGenerations, EncodeKey(1), "\xFF\xFF\xFF");
  ASSERT_OK(database->Write(std::move(changes), Database::Durability::kSynced));
  EXPECT_THAT(LocalEventLog::Open(database.get()), HasCode(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace incidenthub
