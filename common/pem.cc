#include "common/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace incidenthub {
namespace {

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioFree>;

// The text must outlive the result.
Bio Reader(absl::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  INCIDENTHUB_CHECK(bio != nullptr);
  return bio;
}

// Without it OpenSSL asks at the terminal. `asked` is a bool.
int HaveNoPassphrase(char* /*to*/, int /*size*/, int /*is_write*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

bool IsEndOfPem() {
  const auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

absl::string_view TakeOpenSslError(absl::string_view otherwise) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? otherwise : reason;
}

absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem) {
  ERR_clear_error();
  const Bio bio = Reader(pem);
  bool asked = false;
  std::vector<Certificate> certificates;
  while (true) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, HaveNoPassphrase, &asked));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  const bool at_end = IsEndOfPem();
  const absl::string_view error = TakeOpenSslError("it is damaged");
  if (!at_end) {
    return absl::InvalidArgumentError(absl::StrCat(
        "holds a certificate that cannot be read, number ", certificates.size() + 1, ": ", error));
  }
  if (certificates.empty()) {
    return absl::InvalidArgumentError("holds no certificate in PEM (BEGIN CERTIFICATE)");
  }
  return certificates;
}

absl::StatusOr<PrivateKey> ParsePrivateKey(absl::string_view pem) {
  ERR_clear_error();
  const Bio bio = Reader(pem);
  bool asked = false;
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, HaveNoPassphrase, &asked));
  const absl::string_view error = TakeOpenSslError("it is damaged");
  if (key != nullptr) return key;
  if (asked) {
    return absl::InvalidArgumentError("holds a key that is encrypted; give it without passphrase");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "holds no private key in PEM (BEGIN PRIVATE KEY), or one that cannot be read: ", error));
}

}  // namespace incidenthub
