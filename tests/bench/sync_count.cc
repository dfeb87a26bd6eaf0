#include "tests/bench/sync_count.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/tcp.h"

namespace incidenthub::bench {

absl::StatusOr<std::optional<SyncCounter>> SyncCounter::Create(const std::string& folder) {
#ifdef INCIDENTHUB_SYNC_PRELOAD
  const std::string path = folder + "/syncs";
  const testing::OwnedFd file(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (file.get() < 0 || ftruncate(file.get(), sizeof(uint64_t)) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  }
  void* memory = mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", path));
  return SyncCounter(path, memory);
#else
  return std::optional<SyncCounter>();
#endif
}

SyncCounter::SyncCounter(std::string path, void* memory)
    : path_(std::move(path)), memory_(memory) {}

SyncCounter::SyncCounter(SyncCounter&& other) noexcept
    : path_(std::move(other.path_)), memory_(std::exchange(other.memory_, nullptr)) {}

SyncCounter::~SyncCounter() {
  if (memory_ == nullptr) return;
  munmap(memory_, sizeof(uint64_t));
  unlink(path_.c_str());
}

std::vector<std::string> SyncCounter::env() const {
#ifdef INCIDENTHUB_SYNC_PRELOAD
  return {absl::StrCat("LD_PRELOAD=", INCIDENTHUB_SYNC_PRELOAD),
          absl::StrCat(kSyncCountEnv, "=", path_)};
#else
  return {};
#endif
}

uint64_t SyncCounter::syncs() const {
  return std::atomic_ref<uint64_t>(*static_cast<uint64_t*>(memory_)).load();
}

}  // namespace incidenthub::bench
