#include "tests/bench/scale_hub.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/support/process.h"

namespace incidenthub::bench {
namespace {

constexpr size_t kBatch = 64;
// Of a request; the hub takes 4 MiB.
constexpr size_t kRequestBytes = size_t{2} << 20U;
constexpr size_t kWindowBytes = size_t{16} << 20U;
constexpr size_t kWindow = 1024;
constexpr absl::Duration kReadyTimeout = absl::Minutes(1);
constexpr absl::Duration kStopTimeout = absl::Minutes(1);
// For subscribers to have everything.
constexpr absl::Duration kDrainTimeout = absl::Minutes(2);
constexpr double kMiB = 1 << 20;

}  // namespace

void WaitUntilDue(absl::Time time) {
  const absl::Notification never;
  never.WaitForNotificationWithDeadline(time);
}

double Cost::EventsPerSecond() const {
  return static_cast<double>(events) / absl::ToDoubleSeconds(elapsed);
}

double Cost::CpuMicrosPerEvent() const {
  return absl::ToDoubleMicroseconds(cpu) / static_cast<double>(events);
}

absl::StatusOr<std::unique_ptr<ScaleHub>> ScaleHub::Start(std::vector<std::string> flags) {
  std::unique_ptr<ScaleHub> hub(new ScaleHub());
  hub->flags_ = std::move(flags);
  RETURN_IF_ERROR(hub->StartProcess().status());
  return hub;
}

absl::StatusOr<absl::Duration> ScaleHub::StartProcess() {
  const absl::Time start = absl::Now();
  ASSIGN_OR_RETURN(hub_, testing::ServerProcess::StartHub(
                             {.data_dir = folder_ / "data", .port = 0, .flags = flags_}));
  if (!hub_->WaitUntilReady(kReadyTimeout)) {
    return absl::DeadlineExceededError(
        absl::StrCat("the hub does not become ready:\n", hub_->process().ErrTail()));
  }
  return absl::Now() - start;
}

absl::StatusOr<absl::Duration> ScaleHub::Restart(End end, std::vector<std::string> flags) {
  if (end == End::kKill) {
    hub_->Kill();
  } else {
    ASSIGN_OR_RETURN(const int exit_code, hub_->Stop(kStopTimeout));
    if (exit_code != 0) {
      return absl::InternalError(
          absl::StrCat("the hub ended with ", exit_code, ":\n", hub_->process().ErrTail()));
    }
  }
  flags_ = std::move(flags);
  return StartProcess();
}

template <typename Next>
absl::StatusOr<Cost> ScaleHub::Feed(const DeliveryTemplate& delivery, const UpdateOptions& options,
                                    Next next_incident) {
  const size_t batch =
      options.rate > 0 ? 1 : std::clamp<size_t>(kRequestBytes / delivery.bytes(), 1, kBatch);
  Feeder feeder({.port = port(),
                 .window = std::clamp<size_t>(kWindowBytes / delivery.bytes(), batch, kWindow)});
  const uint64_t entries_before =
      options.subscribers == nullptr ? 0 : options.subscribers->entries_each();
  Cost cost;
  ASSIGN_OR_RETURN(const absl::Duration cpu_before, CpuTime());
  const absl::Time start = absl::Now();
  const absl::Time end = start + options.duration;
  std::string request;
  while (cost.events < options.events_max && (cost.events == 0 || absl::Now() < end)) {
    if (options.rate > 0) {
      WaitUntilDue(start + absl::Seconds(static_cast<double>(cost.events) / options.rate));
    }
    const size_t count = std::min<uint64_t>(batch, options.events_max - cost.events);
    request.clear();
    for (size_t i = 0; i < count; ++i) {
      delivery.Append(cost.events + i, next_incident(), TakeRevision(), &request);
    }
    RETURN_IF_ERROR(feeder.Send(request, count));
    cost.events += count;
  }
  RETURN_IF_ERROR(feeder.WaitForReceipts());
  if (options.subscribers != nullptr) {
    RETURN_IF_ERROR(
        options.subscribers->WaitForEntries(entries_before + cost.events, kDrainTimeout));
  }
  cost.elapsed = absl::Now() - start;
  ASSIGN_OR_RETURN(const absl::Duration cpu_after, CpuTime());
  cost.cpu = cpu_after - cpu_before;
  return cost;
}

absl::StatusOr<Cost> ScaleHub::AddIncidents(const DeliveryTemplate& delivery, uint64_t count) {
  return Feed(delivery, {.duration = absl::InfiniteDuration(), .events_max = count},
              [this] { return incidents_++; });
}

absl::StatusOr<Cost> ScaleHub::Update(const DeliveryTemplate& delivery,
                                      const UpdateOptions& options) {
  // By the golden ratio: all of them in turn, and no two neighbours one after the other.
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  constexpr unsigned kHalf = 32;
  return Feed(delivery, options,
              [this] { return ((revision_ * kGolden) >> kHalf) * incidents_ >> kHalf; });
}

absl::StatusOr<absl::Duration> ScaleHub::CpuTime() const {
  clockid_t clock = 0;
  timespec used = {};
  const int error = clock_getcpuclockid(hub_->process().pid(), &clock);
  if (error != 0) return absl::ErrnoToStatus(error, "no CPU time of the hub");
  if (clock_gettime(clock, &used) != 0) return absl::ErrnoToStatus(errno, "no CPU time of the hub");
  return absl::DurationFromTimespec(used);
}

absl::StatusOr<double> ScaleHub::ResidentMiB() const {
  ASSIGN_OR_RETURN(const uint64_t bytes, testing::ResidentBytes(hub_->process().pid()));
  return static_cast<double>(bytes) / kMiB;
}

double ScaleHub::DiskBytes() const {
  constexpr double kBlock = 512;
  double bytes = 0;
  // Files come and go meanwhile.
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(folder_.path(), error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(error)) {
    struct stat status = {};
    if (lstat(entry->path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      bytes += static_cast<double>(status.st_blocks) * kBlock;
    }
  }
  return bytes;
}

v1::SubscribeRequest SnapshotRequest() {
  v1::SubscribeRequest request;
  request.mutable_snapshot();
  return request;
}

v1::SubscribeRequest FromNowRequest() {
  v1::SubscribeRequest request;
  request.mutable_from_now();
  return request;
}

v1::SubscribeRequest ResumeRequest(const std::string& token) {
  v1::SubscribeRequest request;
  request.set_resume_token(token);
  return request;
}

absl::Status CheckFreeDisk(double bytes) {
  const std::string folder = std::filesystem::temp_directory_path().string();
  struct statvfs disk = {};
  if (statvfs(folder.c_str(), &disk) != 0) return absl::ErrnoToStatus(errno, folder);
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  if (free >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(folder, ": ", static_cast<int64_t>(free / kMiB), " MiB free, ",
                   static_cast<int64_t>(bytes / kMiB), " MiB wanted; set TMPDIR, or hold less"));
}

}  // namespace incidenthub::bench
