// Certificates and private keys from PEM text, strictly.
//
// Threads: any. Errors are INVALID_ARGUMENT, in words that go on after the name of where the text
// is from; they hold nothing of the text. OpenSSL's queue of errors is left empty.

#ifndef INCIDENTHUB_COMMON_PEM_H_
#define INCIDENTHUB_COMMON_PEM_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

struct OpenSslFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, OpenSslFree>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpenSslFree>;

// All of them, in order; at least one. Text between them, and other things in PEM, are skipped.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem);

// The first. One that is encrypted is refused: nobody is there to give its passphrase.
absl::StatusOr<PrivateKey> ParsePrivateKey(absl::string_view pem);

// Takes the errors of the thread's queue away: the newest one's words, or `otherwise`.
absl::string_view TakeOpenSslError(absl::string_view otherwise);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_PEM_H_
