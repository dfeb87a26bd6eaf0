// The parts of incidenthub-scale: each starts hubs of its own, and adds figures and curves.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_SCALE_PARTS_H_
#define INCIDENTHUB_TESTS_BENCH_SCALE_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/bench/figures.h"
#include "tests/bench/growth_curves.h"
#include "tests/bench/scale_hub.h"

namespace incidenthub::bench {

struct ScaleOptions {
  // How many are held, in turn.
  std::vector<uint64_t> incidents;
  // The most subscribers at once.
  size_t subscribers = 0;
  // Events that one subscriber is behind.
  uint64_t backlog = 0;
  // Of the hubs of the parts that are not about how many are held.
  uint64_t base_incidents = 0;
  // How long each figure is measured at most.
  absl::Duration duration;
  size_t rounds = 1;
  // Of payloads, in KiB.
  std::vector<double> payloads;
  // Responders at once, each calling again when it is answered.
  std::vector<size_t> callers;
  // Of the mixed load, a second.
  double delivery_rate = 0;
  double command_rate = 0;
};

struct ScaleRun {
  ScaleOptions options;
  Figures figures;
  GrowthCurves curves;
};

// What grows with how many incidents are held: restarts, memory, disk, snapshots, updates.
absl::Status RunHeld(ScaleRun* run);
// One subscriber that is behind: from memory, from the disk, with matchers.
absl::Status RunBehind(ScaleRun* run);
// Ack and Resolve, by callers at once, and beside deliveries.
absl::Status RunCommands(ScaleRun* run);
// What an update costs, by subscribers and by its size.
absl::Status RunUpdates(ScaleRun* run);

// How updates are measured, over one thing that grows.
struct UpdatePoint {
  // `held_1000`, of the figures' names.
  std::string name;
  // `1,000 incidents held`.
  std::string what;
  // As in GrowthCurves.
  std::string x_label;
  std::string x;
  UpdateOptions bulk;
  UpdateOptions alone;
};
// Adds what updates cost in bulk and alone, `run->options.rounds` times.
absl::Status AddUpdateCosts(const UpdatePoint& point, const DeliveryTemplate& delivery,
                            ScaleHub* hub, ScaleRun* run);

// `12,345`.
std::string WithCommas(uint64_t number);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_SCALE_PARTS_H_
