#include "gateway/credentials.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/logging.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

int64_t ModifiedNanos(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * kNanosPerSecond + status.st_mtim.tv_nsec;
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path) {
  std::string text(kSecretFileBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, &text[size], text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kSecretFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is larger than ", kSecretFileBytesMax, " bytes"));
  }
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<Credentials::Loaded> Credentials::Read(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  struct stat status = {};
  const bool has_status = fstat(fd, &status) == 0;
  absl::StatusOr<std::string> text = ReadAll(fd, path);
  close(fd);
  RETURN_IF_ERROR(text.status());
  if (!has_status) return absl::InternalError(absl::StrCat("cannot stat ", path));

  auto digests = std::make_shared<Digests>();
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const absl::string_view value = absl::StripAsciiWhitespace(line);
    if (value.empty() || value.front() == '#') continue;
    if (digests->size() == kSecretsMax) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " holds more than ", kSecretsMax, " values"));
    }
    digests->push_back(Sha256(value));
  }
  OPENSSL_cleanse(&(*text)[0], text->size());
  if (digests->empty()) return absl::InvalidArgumentError(absl::StrCat(path, " holds no value"));
  return Loaded{{ModifiedNanos(status), status.st_ino, status.st_size}, std::move(digests)};
}

absl::StatusOr<std::unique_ptr<Credentials>> Credentials::Load(std::string path,
                                                               const Clock& clock) {
  ASSIGN_OR_RETURN(Loaded loaded, Read(path));
  return std::unique_ptr<Credentials>(new Credentials(std::move(path), clock, std::move(loaded)));
}

Credentials::Credentials(std::string path, const Clock& clock, Loaded loaded)
    : path_(std::move(path)),
      clock_(clock),
      next_check_(absl::ToUnixNanos(clock.Now() + kSecretCheckInterval)),
      loaded_(loaded.state),
      digests_(std::move(loaded.digests)) {}

void Credentials::ReloadIfChanged() {
  const absl::Time now = clock_.Now();
  int64_t next_check = next_check_.load(std::memory_order_relaxed);
  if (absl::ToUnixNanos(now) < next_check ||
      !next_check_.compare_exchange_strong(next_check,
                                           absl::ToUnixNanos(now + kSecretCheckInterval))) {
    return;
  }
  FileState state;
  struct stat status = {};
  if (stat(path_.c_str(), &status) == 0) {
    state = {ModifiedNanos(status), status.st_ino, status.st_size};
  }
  {
    absl::ReaderMutexLock lock(&mu_);
    if (state == loaded_) return;
  }
  absl::StatusOr<Loaded> loaded = Read(path_);
  absl::MutexLock lock(&mu_);
  if (loaded.ok()) {
    Log(LogLevel::kInfo, "credentials reloaded",
        {{"file", path_}, {"values", loaded->digests->size()}});
    loaded_ = loaded->state;
    digests_ = std::move(loaded->digests);
  } else if (!(state == refused_)) {
    Log(LogLevel::kWarning, "credentials not reloaded, the old ones stay valid",
        {{"file", path_}, {"error", loaded.status()}});
    refused_ = state;
  }
}

bool Credentials::Accepts(absl::string_view value) {
  ReloadIfChanged();
  std::shared_ptr<const Digests> digests;
  {
    absl::ReaderMutexLock lock(&mu_);
    digests = digests_;
  }
  // Hashed, so that neither length nor a common prefix shows in the time that this takes.
  const Digest presented = Sha256(value);
  bool accepted = false;
  for (const Digest& digest : *digests) {
    accepted |= CRYPTO_memcmp(presented.data(), digest.data(), digest.size()) == 0;
  }
  return accepted;
}

}  // namespace incidenthub::gateway
