// What a hub keeps, on a directory of the test's choice, and a way to put events into it.

#ifndef INCIDENTHUB_TESTS_BACKUP_SMALL_HUB_H_
#define INCIDENTHUB_TESTS_BACKUP_SMALL_HUB_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/check.h"
#include "server/core/recovery.h"
#include "server/core/sequencer.h"
#include "server/log/local_event_log.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/incident_builder.h"

namespace incidenthub::testing {

class SmallHub {
 public:
  explicit SmallHub(const std::string& data_dir) {
    database_ = Take(Database::Open(data_dir));
    log_ = Take(LocalEventLog::Open(database_.get()));
    store_ = Take(Store::Open(database_.get()));
    INCIDENTHUB_CHECK(Recover(*log_, store_.get()).ok());
    sequencer_ = std::make_unique<Sequencer>(
        log_.get(), store_.get(), &clock_, &disk_, [](absl::Span<const SharedEvent>) {},
        [](const absl::Status&) {}, SequencerOptions());
  }

  // Commits a delivery; returns the sequence of its event.
  Sequence Ingest(const std::string& incident_id, int64_t update_seconds = 0) {
    absl::Notification done;
    Sequence sequence = 0;
    CommandGroup group;
    group.commands.emplace_back(
        DeliveryBuilder(incident_id).UpdateTime(At(update_seconds)).Build());
    group.done = [&](std::vector<Outcome> outcomes) {
      INCIDENTHUB_CHECK(outcomes[0].ok());
      sequence = std::get<Committed>(*outcomes[0]).sequence;
      done.Notify();
    };
    INCIDENTHUB_CHECK(sequencer_->Submit(std::move(group)).ok());
    done.WaitForNotification();
    return sequence;
  }

  Database* database() { return database_.get(); }
  LocalEventLog* log() { return log_.get(); }
  Store* store() { return store_.get(); }
  DiskSpace* disk() { return &disk_; }
  FakeClock* clock() { return &clock_; }

 private:
  template <typename T>
  static T Take(absl::StatusOr<T> value) {
    INCIDENTHUB_CHECK(value.ok());
    return *std::move(value);
  }

  FakeClock clock_{At(0)};
  std::unique_ptr<Database> database_;
  DiskSpace disk_{[this] { return database_->FreeBytes(); }, {.min_free_bytes = 0}};
  std::unique_ptr<LocalEventLog> log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Sequencer> sequencer_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_BACKUP_SMALL_HUB_H_
