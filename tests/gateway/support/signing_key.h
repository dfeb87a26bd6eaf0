// Keys of a test's own that sign tokens, made and used with OpenSSL alone.

#ifndef INCIDENTHUB_TESTS_GATEWAY_SUPPORT_SIGNING_KEY_H_
#define INCIDENTHUB_TESTS_GATEWAY_SUPPORT_SIGNING_KEY_H_

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"

namespace incidenthub::gateway::testing {

inline std::string Base64Url(const std::string& bytes) { return absl::WebSafeBase64Escape(bytes); }

class SigningKey {
 public:
  static SigningKey Rsa(size_t bits = 2048) { return SigningKey(EVP_RSA_gen(bits), true); }
  static SigningKey Ec(const char* curve = "P-256") { return SigningKey(EVP_EC_gen(curve), false); }

  // HEADER.CLAIMS.SIGNATURE with SHA-256, whatever the header says.
  std::string Sign(const std::string& header, const std::string& claims) const {
    const std::string text = absl::StrCat(Base64Url(header), ".", Base64Url(claims));
    return absl::StrCat(text, ".", Base64Url(SignatureOf(text)));
  }

  // The public key as a member of a key set. `more` begins with a comma.
  std::string Jwk(const std::string& kid = "", const std::string& more = "") const {
    const std::string id = kid.empty() ? "" : absl::StrCat(",\"kid\":\"", kid, "\"");
    return is_rsa_ ? absl::StrCat(R"({"kty":"RSA","n":")", Number(OSSL_PKEY_PARAM_RSA_N),
                                  R"(","e":")", Number(OSSL_PKEY_PARAM_RSA_E), "\"", id, more, "}")
                   : absl::StrCat(R"({"kty":"EC","crv":"P-256","x":")",
                                  Number(OSSL_PKEY_PARAM_EC_PUB_X, 32), R"(","y":")",
                                  Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32), "\"", id, more, "}");
  }

  std::string PublicPem() const {
    BIO* const bio = BIO_new(BIO_s_mem());
    INCIDENTHUB_CHECK(PEM_write_bio_PUBKEY(bio, key_.get()) == 1);
    std::string pem(4096, '\0');
    const int size = BIO_read(bio, pem.data(), static_cast<int>(pem.size()));
    INCIDENTHUB_CHECK(size > 0);
    pem.resize(static_cast<size_t>(size));
    BIO_free(bio);
    return pem;
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };

  SigningKey(EVP_PKEY* key, bool is_rsa) : key_(key), is_rsa_(is_rsa) {
    INCIDENTHUB_CHECK(key != nullptr);
  }

  std::string SignatureOf(const std::string& text) const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    INCIDENTHUB_CHECK(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    std::string signature(1024, '\0');
    size_t size = signature.size();
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    INCIDENTHUB_CHECK(EVP_DigestSign(context, out, &size, bytes, text.size()) == 1);
    EVP_MD_CTX_free(context);
    signature.resize(size);
    return is_rsa_ ? signature : TwoNumbers(signature);
  }

  // What JWS wants of ECDSA, instead of OpenSSL's DER.
  static std::string TwoNumbers(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* const parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    INCIDENTHUB_CHECK(parsed != nullptr);
    std::string raw =
        absl::StrCat(Bytes(ECDSA_SIG_get0_r(parsed), 32), Bytes(ECDSA_SIG_get0_s(parsed), 32));
    ECDSA_SIG_free(parsed);
    return raw;
  }

  static std::string Bytes(const BIGNUM* number, int size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    INCIDENTHUB_CHECK(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), size) ==
                      size);
    return bytes;
  }

  std::string Number(const char* name, int size = 0) const {
    BIGNUM* number = nullptr;
    INCIDENTHUB_CHECK(EVP_PKEY_get_bn_param(key_.get(), name, &number) == 1);
    std::string text = Base64Url(Bytes(number, size == 0 ? BN_num_bytes(number) : size));
    BN_free(number);
    return text;
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  bool is_rsa_;
};

template <typename... Keys>
std::string Jwks(const Keys&... keys) {
  const std::string list[] = {keys...};
  return absl::StrCat("{\"keys\":[", absl::StrJoin(list, ","), "]}");
}

}  // namespace incidenthub::gateway::testing

#endif  // INCIDENTHUB_TESTS_GATEWAY_SUPPORT_SIGNING_KEY_H_
