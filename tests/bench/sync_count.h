// Counts what a process asks its disk to keep, whatever that process says about it.

#ifndef INCIDENTHUB_TESTS_BENCH_SYNC_COUNT_H_
#define INCIDENTHUB_TESTS_BENCH_SYNC_COUNT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace incidenthub::bench {

// Where the library that is preloaded finds its counter.
inline constexpr char kSyncCountEnv[] = "INCIDENTHUB_SYNC_COUNT";

class SyncCounter {
 public:
  // `folder`: for the counter, until this object goes. Nothing: this build's binaries cannot be
  // counted. UNAVAILABLE: no file can be made there.
  static absl::StatusOr<std::optional<SyncCounter>> Create(const std::string& folder);
  ~SyncCounter();
  SyncCounter(SyncCounter&& other) noexcept;
  SyncCounter& operator=(SyncCounter&&) = delete;

  // NAME=value, NAME=value: the environment of the process to be counted.
  std::vector<std::string> env() const;
  // Calls of fdatasync and fsync by the process that have succeeded, so far.
  uint64_t syncs() const;

 private:
  SyncCounter(std::string path, void* memory);

  std::string path_;
  void* memory_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_SYNC_COUNT_H_
