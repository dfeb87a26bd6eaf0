// Reads of a hub, each over and over until the hub answers.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_HUB_READER_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_HUB_READER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident.pb.h"
#include "tests/support/known_log.h"

namespace incidenthub::testing {

// What a hub holds, by id.
struct HubState {
  // Everything at or below is in it.
  uint64_t sequence = 0;
  std::map<std::string, v1::Incident> incidents;

  IncidentSequences sequences() const;
};

// Threads: any.
class HubReader {
 public:
  explicit HubReader(int port);
  ~HubReader();

  // A Subscribe from its begin to `snapshot_end`.
  absl::StatusOr<HubState> Snapshot(const std::vector<std::string>& matchers) const;
  // All pages of ListIncidents; no `sequence`.
  absl::StatusOr<HubState> List(const std::vector<std::string>& matchers) const;
  // All pages of ListEvents, the newest first. `truncated`: as in the last page.
  absl::StatusOr<std::vector<v1::Event>> History(const std::string& incident_id,
                                                 bool* truncated) const;

 private:
  class Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_HUB_READER_H_
