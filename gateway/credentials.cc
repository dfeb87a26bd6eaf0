#include "gateway/credentials.h"

#include <openssl/crypto.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {

Credentials::Credentials(std::string path, const Clock& clock, ValueCheck check)
    : check_(check), file_(std::move(path), "credentials", kSecretFileBytesMax, clock) {}

absl::StatusOr<std::unique_ptr<Credentials>> Credentials::Load(std::string path, const Clock& clock,
                                                               ValueCheck check) {
  std::unique_ptr<Credentials> credentials(new Credentials(std::move(path), clock, check));
  RETURN_IF_ERROR(credentials->file_.Load(
      [&credentials](absl::string_view text) { return credentials->Use(text); }));
  return credentials;
}

absl::Status Credentials::Use(absl::string_view text) {
  auto digests = std::make_shared<Digests>();
  size_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    const absl::string_view value = absl::StripAsciiWhitespace(line);
    if (value.empty() || value.front() == '#') continue;
    if (digests->size() == kSecretsMax) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", kSecretsMax, " values"));
    }
    const absl::string_view problem = check_ == nullptr ? "" : check_(value);
    if (!problem.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", problem));
    }
    digests->push_back(Sha256(value));
  }
  if (digests->empty()) return absl::InvalidArgumentError("holds no value");
  absl::MutexLock lock(&mu_);
  digests_ = std::move(digests);
  return absl::OkStatus();
}

bool Credentials::Accepts(absl::string_view value) {
  file_.ReloadIfChanged([this](absl::string_view text) { return Use(text); });
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
