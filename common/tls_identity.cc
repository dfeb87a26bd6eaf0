#include "common/tls_identity.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/pem.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

std::vector<std::string> PathsOf(const TlsFiles& files) {
  std::vector<std::string> paths = {files.certificate_file, files.key_file};
  if (!files.client_ca_file.empty()) paths.push_back(files.client_ca_file);
  return paths;
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return status.ok() ? status
                     : absl::Status(status.code(), absl::StrCat(path, " ", status.message()));
}

absl::StatusOr<absl::Time> ToTime(const ASN1_TIME* time) {
  std::tm fields = {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) {
    return absl::InvalidArgumentError("holds a certificate whose time of validity is none");
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace

TlsMaterial::~TlsMaterial() { OPENSSL_cleanse(key_pem.data(), key_pem.size()); }

TlsIdentity::TlsIdentity(TlsFiles files, const Clock& clock)
    : names_(std::move(files)),
      clock_(clock),
      files_(PathsOf(names_), "TLS certificate and key", kTlsFileBytesMax, clock) {}

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Load(TlsFiles files, const Clock& clock) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(std::move(files), clock));
  RETURN_IF_ERROR(identity->files_.Load(
      [&identity](absl::Span<const std::string> texts) { return identity->Use(texts); }));
  return identity;
}

absl::Status TlsIdentity::Use(absl::Span<const std::string> texts) {
  const absl::StatusOr<std::vector<Certificate>> chain = ParseCertificates(texts[0]);
  RETURN_IF_ERROR(InFile(names_.certificate_file, chain.status()));
  X509* const leaf = chain->front().get();
  const absl::StatusOr<absl::Time> start_time = ToTime(X509_get0_notBefore(leaf));
  RETURN_IF_ERROR(InFile(names_.certificate_file, start_time.status()));
  const absl::StatusOr<absl::Time> expire_time = ToTime(X509_get0_notAfter(leaf));
  RETURN_IF_ERROR(InFile(names_.certificate_file, expire_time.status()));

  const absl::StatusOr<PrivateKey> key = ParsePrivateKey(texts[1]);
  RETURN_IF_ERROR(InFile(names_.key_file, key.status()));
  if (X509_check_private_key(leaf, key->get()) != 1) {
    const absl::string_view error = TakeOpenSslError("they differ");
    return absl::InvalidArgumentError(absl::StrCat(names_.key_file,
                                                   " is not the key of the first certificate in ",
                                                   names_.certificate_file, ": ", error));
  }
  if (texts.size() > 2) {
    RETURN_IF_ERROR(InFile(names_.client_ca_file, ParseCertificates(texts[2]).status()));
  }

  auto material = std::make_shared<TlsMaterial>();
  material->certificate_pem = texts[0];
  material->key_pem = texts[1];
  if (texts.size() > 2) material->client_ca_pem = texts[2];
  material->expire_time = *expire_time;
  {
    absl::MutexLock lock(&mu_);
    // Written again as they were, or touched.
    if (current_ != nullptr && current_->certificate_pem == material->certificate_pem &&
        current_->key_pem == material->key_pem &&
        current_->client_ca_pem == material->client_ca_pem) {
      return absl::OkStatus();
    }
    current_ = std::move(material);
  }
  LogValidity(*start_time, *expire_time);
  return absl::OkStatus();
}

void TlsIdentity::LogValidity(absl::Time start_time, absl::Time expire_time) const {
  const absl::Time now = clock_.Now();
  if (now >= expire_time) {
    Log(LogLevel::kError, "the TLS certificate has expired; clients that check it go away",
        {{"file", names_.certificate_file}, {"expire_time", absl::FormatTime(expire_time)}});
  } else if (now < start_time) {
    Log(LogLevel::kError, "the TLS certificate is not valid yet; clients that check it go away",
        {{"file", names_.certificate_file}, {"start_time", absl::FormatTime(start_time)}});
  }
}

std::shared_ptr<const TlsMaterial> TlsIdentity::Current() {
  files_.ReloadIfChanged([this](absl::Span<const std::string> texts) { return Use(texts); });
  absl::ReaderMutexLock lock(&mu_);
  return current_;
}

}  // namespace incidenthub
