#include "tests/support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"

namespace incidenthub::testing {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(BIO* file) const { BIO_free(file); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr long kSecondsOfADay = 86'400;  // NOLINT(google-runtime-int): as OpenSSL has it
constexpr int kSerialBits = 63;
constexpr long kX509V3 = 2;  // NOLINT(google-runtime-int): as OpenSSL has it

Owned<BIO> OpenFile(const std::string& path, const char* mode) {
  Owned<BIO> file(BIO_new_file(path.c_str(), mode));
  INCIDENTHUB_CHECK(file != nullptr);
  return file;
}

void AddExtension(int nid, const std::string& value, X509* issuer, X509* certificate) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  INCIDENTHUB_CHECK(extension != nullptr);
  INCIDENTHUB_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// All but issuer, extensions and signature.
Owned<X509> NewCertificate(const std::string& name, EVP_PKEY* key, absl::Duration valid_for) {
  Owned<X509> certificate(X509_new());
  INCIDENTHUB_CHECK(certificate != nullptr);
  INCIDENTHUB_CHECK(X509_set_version(certificate.get(), kX509V3) == 1);
  const Owned<BIGNUM> serial(BN_new());
  INCIDENTHUB_CHECK(BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get()));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kSecondsOfADay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), absl::ToInt64Seconds(valid_for));
  const std::string common_name = absl::StrCat("incident-hub test ", name);
  const void* const bytes = common_name.data();
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             static_cast<const unsigned char*>(bytes),
                             static_cast<int>(common_name.size()), -1, 0);
  INCIDENTHUB_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

Owned<EVP_PKEY> NewKey() {
  Owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  INCIDENTHUB_CHECK(key != nullptr);
  return key;
}

TestCertificate Write(const std::string& directory, const std::string& name, X509* certificate,
                      EVP_PKEY* key) {
  const TestCertificate paths = {absl::StrCat(directory, "/", name, "-cert.pem"),
                                 absl::StrCat(directory, "/", name, "-key.pem")};
  INCIDENTHUB_CHECK(PEM_write_bio_X509(OpenFile(paths.certificate_path, "w").get(), certificate) ==
                    1);
  INCIDENTHUB_CHECK(PEM_write_bio_PrivateKey(OpenFile(paths.key_path, "w").get(), key, nullptr,
                                             nullptr, 0, nullptr, nullptr) == 1);
  return paths;
}

struct Subject {
  std::string name;
  // As OpenSSL writes them: what the key may be used for, and the names.
  std::string extended_key_usage;
  std::vector<std::string> alternative_names;
  absl::Duration valid_for;
};

TestCertificate MakeCertificate(const TestCa& ca, const Subject& subject) {
  const Owned<X509> issuer(PEM_read_bio_X509(OpenFile(ca.certificate.certificate_path, "r").get(),
                                             nullptr, nullptr, nullptr));
  const Owned<EVP_PKEY> issuer_key(PEM_read_bio_PrivateKey(
      OpenFile(ca.certificate.key_path, "r").get(), nullptr, nullptr, nullptr));
  INCIDENTHUB_CHECK(issuer != nullptr && issuer_key != nullptr);

  const Owned<EVP_PKEY> key = NewKey();
  const Owned<X509> certificate = NewCertificate(subject.name, key.get(), subject.valid_for);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  AddExtension(NID_basic_constraints, "critical,CA:FALSE", issuer.get(), certificate.get());
  AddExtension(NID_ext_key_usage, subject.extended_key_usage, issuer.get(), certificate.get());
  AddExtension(NID_authority_key_identifier, "keyid", issuer.get(), certificate.get());
  AddExtension(NID_subject_alt_name, absl::StrJoin(subject.alternative_names, ","), issuer.get(),
               certificate.get());
  INCIDENTHUB_CHECK(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) > 0);
  return Write(ca.directory, subject.name, certificate.get(), key.get());
}

}  // namespace

TestCa MakeCa(const std::string& directory, const std::string& name) {
  const Owned<EVP_PKEY> key = NewKey();
  const Owned<X509> certificate = NewCertificate(name, key.get(), absl::Hours(24));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  AddExtension(NID_basic_constraints, "critical,CA:TRUE", certificate.get(), certificate.get());
  AddExtension(NID_key_usage, "critical,keyCertSign,cRLSign", certificate.get(), certificate.get());
  AddExtension(NID_subject_key_identifier, "hash", certificate.get(), certificate.get());
  INCIDENTHUB_CHECK(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  return {Write(directory, name, certificate.get(), key.get()), directory};
}

TestCertificate MakeServerCertificate(const TestCa& ca, const std::string& name,
                                      const std::vector<std::string>& alternative_names,
                                      absl::Duration valid_for) {
  return MakeCertificate(ca, {name, "serverAuth", alternative_names, valid_for});
}

TestCertificate MakeClientCertificate(const TestCa& ca, const std::string& name,
                                      const std::vector<std::string>& alternative_names) {
  return MakeCertificate(ca, {name, "clientAuth", alternative_names, absl::Hours(24)});
}

}  // namespace incidenthub::testing
