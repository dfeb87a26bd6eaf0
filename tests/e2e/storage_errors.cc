#include "tests/e2e/storage_errors.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "server/store/consumers.h"
#include "tests/e2e/hub_files.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

// Marks an event of "long"; no other text of the hub has it.
std::string Mark(int event) { return absl::StrCat("mark-", event, "-of-long"); }
constexpr int kLongEvents = 40;

// Leaves a hub that is stopped and holds the incident "long", whose events have files of their own.
void MakeLongHistory(ErrorHub* hub) {
  hub->Start();
  {
    IngestSession session(hub->hub_port());
    for (int i = 1; i <= kLongEvents; ++i) {
      constexpr size_t kPaddingBytes = 8000;
      v1::Delivery delivery = MakeDelivery("long", i, kPaddingBytes);
      delivery.mutable_incident()->set_status_text(Mark(i));
      EXPECT_OK(session.Send({std::move(delivery)}));
    }
  }
  hub->Stop();
  EXPECT_OK(SplitEvents(hub->data_dir()));
}

std::string ListEventsOfLong(ErrorHub* hub) {
  return hub->CallIncidents("ListEvents", R"({"incident_id":"long","page_size":100})");
}

}  // namespace

std::string TooManyConsumers(ErrorHub* hub) {
  {
    const auto database = Database::Open(hub->data_dir());
    EXPECT_OK(database);
    if (!database.ok()) return "";
    WriteSet changes;
    for (size_t i = 0; i < kConsumersMax; ++i) {
      changes.Put(Table::kConsumers, absl::StrCat("c-", i),
                  internal::v1::ConsumerRecord().SerializeAsString());
    }
    EXPECT_OK((*database)->Write(std::move(changes), Database::Durability::kSynced));
  }
  hub->Start();
  return hub->CallIncidents("Subscribe", R"({"consumer":"one-more"})");
}

// A backup is under way for as long as it takes to read a file that it copies.
std::string QueueFull(ErrorHub* hub) {
  hub->Start({absl::StrCat("--backup_dir=", hub->backup_dir())});
  auto held = HeldFile::Hold(hub->data_dir(), "MANIFEST-");
  EXPECT_OK(held);
  if (!held.ok()) return "";
  auto first =
      Process::Start(hub->Command("MaintenanceService/CreateBackup", R"({"name":"first"})"));
  EXPECT_OK(first);
  if (!first.ok()) return "";
  const std::string begun = absl::StrCat(hub->backup_dir(), "/.unfinished-first.tmp");
  EXPECT_TRUE(WaitUntil([&] { return std::filesystem::exists(begun); }, kPatience));
  const std::string shown = hub->Call("MaintenanceService/CreateBackup", R"({"name":"second"})");
  EXPECT_OK((*held)->Release(kPatience));
  const auto exit_code = (*first)->WaitForExit(kPatience);
  EXPECT_OK(exit_code);
  EXPECT_EQ(exit_code.value_or(-1), 0) << (*first)->err();
  return shown;
}

// A command whose event is larger than what is left of the disk.
std::string LogOutcomeUnknown(ErrorHub* hub) {
  constexpr uint64_t kDiskBytes = uint64_t{64} << 20U;
  constexpr uint64_t kLeftBytes = uint64_t{1} << 20U;
  constexpr size_t kLargeBytes = 2 * kLeftBytes;
  constexpr char kToTheEnd[] = "--min_free_bytes=0";
  const auto disk = SmallDisk::Mount(hub->data_dir(), kDiskBytes);
  if (absl::IsPermissionDenied(disk.status())) {
    hub->SetHindrance(absl::StrCat("a disk of a test's own: ", disk.status().message()));
    return "";
  }
  EXPECT_OK(disk);
  if (!disk.ok()) return "";
  hub->Start({kToTheEnd});
  {
    IngestSession session(hub->hub_port());
    EXPECT_OK(session.Send({MakeDelivery("large", 1, kLargeBytes)}));
  }
  hub->Stop();
  // Moves it from the write-ahead log, whose space the next start would gain, into a small file.
  hub->Start({kToTheEnd});
  hub->Stop();
  EXPECT_OK((*disk)->Fill(kLeftBytes));
  hub->Start({kToTheEnd});
  std::string shown = hub->CallIncidents("Ack", R"({"incident_id":"large","actor":"ada"})");
  const auto exit_code = hub->hub().process().WaitForExit(kPatience);
  EXPECT_OK(exit_code);
  EXPECT_EQ(exit_code.value_or(-1), 1) << "it is to be started anew";
  return shown;
}

std::string DataDamaged(ErrorHub* hub) {
  MakeLongHistory(hub);
  // Neither the first event nor the last, which a start looks at.
  const std::string mark = Mark(kLongEvents / 2);
  const std::vector<std::string> files = DataFilesWith(hub->data_dir(), mark);
  EXPECT_EQ(files.size(), 1u);
  for (const std::string& file : files) EXPECT_OK(DamageFile(file, mark));
  hub->Start();
  return ListEventsOfLong(hub);
}

std::string StorageFailed(ErrorHub* hub) {
  MakeLongHistory(hub);
  hub->Start();
  // Of so many files a start opens some; what is open can be read also when it is gone.
  const std::set<std::string> open = OpenFilesOf(hub->hub().process().pid());
  int removed = 0;
  for (int i = 2; i < kLongEvents; ++i) {
    for (const std::string& file : DataFilesWith(hub->data_dir(), Mark(i))) {
      if (open.count(file) == 0 && std::filesystem::remove(file)) ++removed;
    }
  }
  EXPECT_GT(removed, 0) << "the hub has " << open.size() << " files open";
  return ListEventsOfLong(hub);
}

}  // namespace incidenthub::testing
