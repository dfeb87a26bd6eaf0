// A hub to measure: it holds numbered incidents, which are fed to it here, and can be restarted.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_SCALE_HUB_H_
#define INCIDENTHUB_TESTS_BENCH_SCALE_HUB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_feed.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::bench {

// What some events took.
struct Cost {
  uint64_t events = 0;
  // From the first delivery to the last receipt, and to the last subscriber's last entry.
  absl::Duration elapsed;
  // Of the hub, in that time.
  absl::Duration cpu;

  double EventsPerSecond() const;
  double CpuMicrosPerEvent() const;
};

struct UpdateOptions {
  absl::Duration duration = absl::Seconds(1);
  // Ends it earlier.
  uint64_t events_max = UINT64_MAX;
  // 0: as fast as the hub takes them, 64 in a request, as a gateway sends what has gathered.
  // Otherwise each comes alone, so many a second.
  double rate = 0;
  // Who has to have all of them before it is over; null: nobody.
  RawSubscribers* subscribers = nullptr;
};

class ScaleHub {
 public:
  // An empty hub, with these flags beside the usual ones. Errors as of ServerProcess.
  static absl::StatusOr<std::unique_ptr<ScaleHub>> Start(std::vector<std::string> flags = {});

  int port() const { return hub_->port(); }
  testing::ServerProcess& server() { return *hub_; }
  // Incidents 0 to this one less are held.
  uint64_t incidents() const { return incidents_; }

  // Feeds `count` new incidents. Errors as of Feeder.
  absl::StatusOr<Cost> AddIncidents(const DeliveryTemplate& delivery, uint64_t count);
  // Updates incidents that are held, here and there among all of them. Errors as of Feeder, and of
  // RawSubscribers.
  absl::StatusOr<Cost> Update(const DeliveryTemplate& delivery, const UpdateOptions& options);

  // Revisions rise over all deliveries: the newest, and the next.
  uint64_t revision() const { return revision_; }
  uint64_t TakeRevision() { return ++revision_; }

  enum class End { kTerm, kKill };
  // Ends it, starts it again with `flags` in the place of those it was started with, and returns
  // how long it took from the start of the process until it was ready.
  absl::StatusOr<absl::Duration> Restart(End end, std::vector<std::string> flags);
  absl::StatusOr<absl::Duration> Restart(End end) { return Restart(end, flags_); }

  absl::StatusOr<absl::Duration> CpuTime() const;
  absl::StatusOr<double> ResidentMiB() const;
  // What the files in its directory take.
  double DiskBytes() const;

 private:
  ScaleHub() = default;

  // Sends what `next_incident` says, for as long as `options` say.
  template <typename Next>
  absl::StatusOr<Cost> Feed(const DeliveryTemplate& delivery, const UpdateOptions& options,
                            Next next_incident);
  absl::StatusOr<absl::Duration> StartProcess();

  const testing::TempDir folder_;
  std::vector<std::string> flags_;
  std::unique_ptr<testing::ServerProcess> hub_;
  uint64_t incidents_ = 0;
  uint64_t revision_ = 0;
};

// What a subscriber asks for: to begin with a snapshot, with the next event, or after `token`.
v1::SubscribeRequest SnapshotRequest();
v1::SubscribeRequest FromNowRequest();
v1::SubscribeRequest ResumeRequest(const std::string& token);

// Returns when it is `time`: for what is sent at a rate.
void WaitUntilDue(absl::Time time);

// OK if there is room for `bytes` in the directory of temporary files. RESOURCE_EXHAUSTED.
absl::Status CheckFreeDisk(double bytes);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_SCALE_HUB_H_
