#include "common/watched_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

int64_t ModifiedNanos(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * kNanosPerSecond + status.st_mtim.tv_nsec;
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, size_t bytes_max) {
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, &text[size], text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > bytes_max) {
    OPENSSL_cleanse(text.data(), text.size());
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than ", bytes_max, " bytes"));
  }
  text.resize(size);
  return text;
}

absl::Status Named(const std::string& path, const absl::Status& used) {
  return used.ok() ? used : absl::Status(used.code(), absl::StrCat(path, " ", used.message()));
}

// Wipes texts that may be secret.
class Wiper {
 public:
  explicit Wiper(std::vector<std::string>* texts) : texts_(*texts) {}
  ~Wiper() {
    for (std::string& text : texts_) OPENSSL_cleanse(text.data(), text.size());
  }
  Wiper(const Wiper&) = delete;
  Wiper& operator=(const Wiper&) = delete;

 private:
  std::vector<std::string>& texts_;
};

}  // namespace

WatchedFiles::WatchedFiles(std::vector<std::string> paths, std::string what, size_t bytes_max,
                           const Clock& clock)
    : paths_(std::move(paths)),
      what_(std::move(what)),
      bytes_max_(bytes_max),
      clock_(clock),
      next_check_(absl::ToUnixNanos(clock.Now() + kFileCheckInterval)) {}

absl::Status WatchedFiles::Read(const std::string& path, size_t bytes_max,
                                std::vector<std::string>* texts, State* state) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  // Before it is read: what is written meanwhile makes another state.
  struct stat status = {};
  const bool has_status = fstat(fd, &status) == 0;
  absl::StatusOr<std::string> text = ReadAll(fd, path, bytes_max);
  close(fd);
  RETURN_IF_ERROR(text.status());
  texts->push_back(*std::move(text));
  if (!has_status) return absl::InternalError(absl::StrCat("cannot stat ", path));
  state->push_back({ModifiedNanos(status), status.st_ino, status.st_size});
  return absl::OkStatus();
}

WatchedFiles::State WatchedFiles::CurrentState() const {
  State state;
  for (const std::string& path : paths_) {
    struct stat status = {};
    const bool has_status = stat(path.c_str(), &status) == 0;
    state.push_back(has_status ? FileState{ModifiedNanos(status), status.st_ino, status.st_size}
                               : FileState());
  }
  return state;
}

absl::Status WatchedFiles::UseNow(Use use) {
  std::vector<std::string> texts;
  // Strings that move would leave their bytes behind.
  texts.reserve(paths_.size());
  const Wiper wiper(&texts);
  State state;
  for (const std::string& path : paths_) {
    RETURN_IF_ERROR(Read(path, bytes_max_, &texts, &state));
  }
  RETURN_IF_ERROR(use(texts));
  loaded_ = std::move(state);
  return absl::OkStatus();
}

absl::Status WatchedFiles::Load(Use use) {
  absl::MutexLock lock(&mu_);
  return UseNow(use);
}

void WatchedFiles::ReloadIfChanged(Use use) {
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  const int64_t interval = absl::ToInt64Nanoseconds(kFileCheckInterval);
  int64_t next_check = next_check_.load(std::memory_order_relaxed);
  // One that is further away was set before the clock was put back.
  const bool too_early = now < next_check && next_check <= now + interval;
  if (too_early || !next_check_.compare_exchange_strong(next_check, now + interval)) return;
  // A disk that takes longer than the interval holds one request up, not all.
  if (!mu_.TryLock()) return;
  State state = CurrentState();
  if (state != loaded_) {
    const absl::Status used = UseNow(use);
    const std::string files = absl::StrJoin(paths_, ", ");
    if (used.ok()) {
      Log(LogLevel::kInfo, absl::StrCat(what_, " reloaded"), {{"file", files}});
    } else if (refused_ != state) {
      Log(LogLevel::kWarning, absl::StrCat(what_, " not reloaded, the old ones stay valid"),
          {{"file", files}, {"error", used}});
    }
    if (!used.ok()) refused_ = std::move(state);
  }
  mu_.Unlock();
}

WatchedFile::WatchedFile(std::string path, std::string what, size_t bytes_max, const Clock& clock)
    : path_(path), files_({std::move(path)}, std::move(what), bytes_max, clock) {}

absl::Status WatchedFile::Load(Use use) {
  return files_.Load(
      [&](absl::Span<const std::string> texts) { return Named(path_, use(texts.front())); });
}

void WatchedFile::ReloadIfChanged(Use use) {
  files_.ReloadIfChanged(
      [&](absl::Span<const std::string> texts) { return Named(path_, use(texts.front())); });
}

}  // namespace incidenthub
