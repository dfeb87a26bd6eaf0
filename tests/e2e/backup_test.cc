// Backups of a running hub, and what comes back from them: for those who follow the stream too.

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/small_disk.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

class BackupTest : public HubTest {
 protected:
  std::string backup_dir() const { return dir() / "backups"; }
  void StartHubWithBackups() { StartHub({absl::StrCat("--backup_dir=", backup_dir())}); }
  void StopHub() {
    const absl::StatusOr<int> code = hub().Stop();
    ASSERT_OK(code);
    ASSERT_EQ(*code, 0);
  }

  // Stores incidents `name`-0, -1, ...; returns the sequences.
  std::vector<uint64_t> Ingest(const std::string& name, int count, int64_t update = 1) {
    IngestSession session(hub_port());
    std::vector<v1::Delivery> deliveries;
    for (int i = 0; i < count; ++i) {
      deliveries.push_back(MakeDelivery(absl::StrCat(name, "-", i), update));
    }
    std::vector<uint64_t> sequences;
    const auto receipts = session.Send(std::move(deliveries));
    EXPECT_OK(receipts);
    if (!receipts.ok()) return sequences;
    for (const v1::Receipt& receipt : *receipts) {
      sequences.push_back(receipt.accepted().sequence());
    }
    return sequences;
  }

  // The token of a subscriber that has everything up to `sequence`.
  std::string TokenAt(uint64_t sequence) {
    const auto subscriber = Subscribe();
    EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
    EXPECT_TRUE(subscriber->WaitForSequence(sequence, kPatience));
    subscriber->Stop();
    return subscriber->history().last_token;
  }
  StreamHistory ResumeUntil(const std::string& token, uint64_t sequence) {
    const auto subscriber = Subscribe({.start = StreamStart::kToken, .resume_token = token});
    EXPECT_TRUE(subscriber->WaitForSequence(sequence, kPatience));
    subscriber->Stop();
    return subscriber->history();
  }

  static Finished Run(std::vector<std::string> command) {
    absl::StatusOr<Finished> finished = RunProcess(std::move(command), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *std::move(finished) : Finished();
  }
  Finished CreateBackup(const std::string& name) {
    return Run(
        {BinaryPath("incidentctl"), "backup", name, absl::StrCat("--hub=", hub().address())});
  }
  Finished Restore(const std::string& name, const std::string& to) {
    return Run({BinaryPath("incident-hub"),
                absl::StrCat("--restore_from=", backup_dir(), "/", name),
                absl::StrCat("--data_dir=", to)});
  }

  // With the hub as it was put back up to `head`: who was at or before it goes on; who was beyond
  // it is told to begin anew.
  void ExpectTokensAreTold(const std::string& before, const std::string& beyond, uint64_t head) {
    const uint64_t next = Ingest("new", 1).back();
    EXPECT_GT(next, head);
    const StreamHistory went_on = ResumeUntil(before, next);
    EXPECT_EQ(went_on.reset_count, 0u);
    EXPECT_THAT(Entries(went_on), SizeIs(1)) << "what came since, and nothing again";
    const StreamHistory anew = ResumeUntil(beyond, next);
    EXPECT_EQ(anew.reset_count, 1u);
    EXPECT_THAT(Entries(anew), SizeIs(ListSequences().size()));
    // Also after the next start.
    StopHub();
    StartHubWithBackups();
    EXPECT_EQ(ResumeUntil(beyond, next).reset_count, 1u);
    EXPECT_EQ(ResumeUntil(before, next).reset_count, 0u);
  }
};

TEST_F(BackupTest, ARestoreSaysWhatItFoundAlsoOfOne) {
  StartHubWithBackups();
  Ingest("only", 1);
  EXPECT_EQ(CreateBackup("one").exit_code, 0);
  StopHub();
  const Finished restored = Restore("one", dir() / "restored");
  EXPECT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_THAT(restored.out, HasSubstr(": 1 incident, 1 event, the last with sequence 1; the next"));
}

TEST_F(BackupTest, WhatWasBackedUpIsThereAfterARestoreAndTokensSayWhoHasToBeginAnew) {
  StartHubWithBackups();
  const uint64_t head = Ingest("kept", 20).back();
  const auto kept = ListSequences();
  const std::string before = TokenAt(head);
  const Finished made = CreateBackup("one");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("one: up to sequence 20"), HasSubstr(backup_dir())));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_backups_total", 1));
  const std::vector<uint64_t> lost = Ingest("lost", 10);
  const std::string beyond = TokenAt(lost.back());
  StopHub();

  // The disk is lost.
  std::filesystem::remove_all(data_dir());
  const Finished restored = Restore("one", data_dir());
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_THAT(restored.out,
              AllOf(HasSubstr("20 incidents"), HasSubstr("the last with sequence 20")));
  EXPECT_THAT(restored.err, Not(HasSubstr("\"level\":\"error\"")));
  StartHubWithBackups();
  EXPECT_EQ(ListSequences(), kept);
  EXPECT_THAT(client().Get("lost-0"), HasReason("INCIDENT_NOT_FOUND"));
  ExpectTokensAreTold(before, beyond, head);

  // (incident id, sequence) names one event for ever, and so do etags.
  const std::set<uint64_t> lost_sequences(lost.begin(), lost.end());
  for (const uint64_t again : Ingest("lost", 10, 2)) EXPECT_EQ(lost_sequences.count(again), 0u);
  // A restored hub can be backed up, as any other.
  EXPECT_EQ(CreateBackup("two").exit_code, 0);
}

TEST_F(BackupTest, AVolumeThatIsPutBackWithoutTheCommandTellsTokensApartToo) {
  StartHubWithBackups();
  const uint64_t head = Ingest("kept", 20).back();
  const std::string before = TokenAt(head);
  StopHub();
  std::filesystem::copy(data_dir(), dir() / "copy", std::filesystem::copy_options::recursive);
  StartHubWithBackups();
  const std::string beyond = TokenAt(Ingest("lost", 10).back());
  StopHub();
  std::filesystem::remove_all(data_dir());
  std::filesystem::rename(dir() / "copy", data_dir());
  StartHubWithBackups();
  ExpectTokensAreTold(before, beyond, head);
}

TEST_F(BackupTest, IsMadeWhileIncidentsComeAndHoldsAllThatWasAnsweredBefore) {
  StartHubWithBackups();
  IngestSession session(hub_port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(session.Send({MakeDelivery(absl::StrCat("before-", i), 1)}));
  }
  auto backup = Process::Start(
      {BinaryPath("incidentctl"), "backup", "one", absl::StrCat("--hub=", hub().address())});
  ASSERT_OK(backup);
  while ((*backup)->running()) ASSERT_OK(session.Send({MakeDelivery("during", 1)}));
  const auto code = (*backup)->WaitForExit(kPatience);
  ASSERT_OK(code);
  EXPECT_EQ(*code, 0) << (*backup)->err();
  StopHub();
  std::filesystem::remove_all(data_dir());
  ASSERT_EQ(Restore("one", data_dir()).exit_code, 0);
  StartHubWithBackups();
  const auto listed = ListSequences();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(listed, Contains(Key(absl::StrCat("before-", i))));
}

TEST_F(BackupTest, OnAnotherDiskItIsCopiedAndAFullOneIsSaid) {
  const auto disk = SmallDisk::Mount(backup_dir(), uint64_t{64} << 20U);
  if (!disk.ok() && disk.status().code() == absl::StatusCode::kPermissionDenied) {
    GTEST_SKIP() << "a disk of a test's own takes root: " << disk.status();
  }
  ASSERT_OK(disk);
  StartHubWithBackups();
  Ingest("a", 100);
  const auto kept = ListSequences();
  ASSERT_EQ(CreateBackup("one").exit_code, 0);

  ASSERT_OK((*disk)->Fill(4096));
  const Finished refused = CreateBackup("two");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("BACKUP_FAILED"), HasSubstr("No space left")));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(backup_dir())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("one", "filler")) << "whole or not at all";
  // The hub itself has nothing to do with that disk.
  EXPECT_THAT(Ingest("b", 1), SizeIs(1));
  (*disk)->Free();
  EXPECT_EQ(CreateBackup("two").exit_code, 0);

  StopHub();
  std::filesystem::remove_all(data_dir());
  ASSERT_EQ(Restore("one", data_dir()).exit_code, 0);
  StartHubWithBackups();
  EXPECT_EQ(ListSequences(), kept);
}

TEST_F(BackupTest, WhatCannotBeRestoredIsSaidAndChangesNothing) {
  StartHubWithBackups();
  Ingest("a", 3);
  ASSERT_EQ(CreateBackup("one").exit_code, 0);

  const Finished in_use = Restore("one", data_dir());
  EXPECT_EQ(in_use.exit_code, 1);
  EXPECT_THAT(in_use.err, AllOf(HasSubstr("is not empty"), HasSubstr(data_dir())));
  EXPECT_TRUE(hub().WaitUntilReady());

  const Finished missing = Restore("two", dir() / "restored");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("is no backup"), HasSubstr("backups/two")));

  for (const auto& entry : std::filesystem::directory_iterator(backup_dir() + "/one")) {
    if (absl::EndsWith(entry.path().string(), ".sst")) {
      std::filesystem::remove(entry.path());
      break;
    }
  }
  const Finished incomplete = Restore("one", dir() / "restored");
  EXPECT_EQ(incomplete.exit_code, 1);
  EXPECT_THAT(incomplete.err, AllOf(HasSubstr("is incomplete"), HasSubstr(".sst")));
  EXPECT_FALSE(std::filesystem::exists(dir() / "restored"));

  // A hub does not serve what a restore left half done.
  std::filesystem::create_directories(dir() / "half");
  std::ofstream(dir() / "half/UNFINISHED_RESTORE") << "";
  const Finished half = Run(HubCommand({.data_dir = dir() / "half", .port = 0, .flags = {}}));
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.err, HasSubstr("was cut off"));
}

TEST_F(BackupTest, AHubWithoutAFolderForThemSaysHowToGiveItOne) {
  StartHub();
  const Finished refused = CreateBackup("one");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("BACKUP_DIR_NOT_SET"), HasSubstr("--backup_dir")));
  EXPECT_THAT(refused.out, IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
