#include "gateway/jws.h"

#include <cjose/cjose.h>

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace incidenthub::gateway {
namespace {

// Base64url of two numbers of 32 bytes.
constexpr size_t kEs256SignatureChars = 86;

const char* NameOf(JwsAlgorithm algorithm) {
  return algorithm == JwsAlgorithm::kRs256 ? CJOSE_HDR_ALG_RS256 : CJOSE_HDR_ALG_ES256;
}

struct ReleaseJws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};

}  // namespace

absl::optional<JwsAlgorithm> ParseJwsAlgorithm(absl::string_view name) {
  for (const JwsAlgorithm algorithm : {JwsAlgorithm::kRs256, JwsAlgorithm::kEs256}) {
    if (name == NameOf(algorithm)) return algorithm;
  }
  return absl::nullopt;
}

struct JwsKey::Handle {
  explicit Handle(cjose_jwk_t* key) : jwk(key) {}
  ~Handle() { cjose_jwk_release(jwk); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  cjose_jwk_t* const jwk;
};

JwsKey::JwsKey(JwsAlgorithm algorithm, std::unique_ptr<Handle> handle)
    : algorithm_(algorithm), handle_(std::move(handle)), kid_([this] {
        const char* kid = cjose_jwk_get_kid(handle_->jwk, nullptr);
        return std::string(kid == nullptr ? "" : kid);
      }()) {}

JwsKey::~JwsKey() = default;

absl::StatusOr<std::unique_ptr<const JwsKey>> JwsKey::Import(absl::string_view json,
                                                             JwsAlgorithm algorithm) {
  cjose_err error = {};
  cjose_jwk_t* const jwk = cjose_jwk_import(json.data(), json.size(), &error);
  if (jwk == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("is no key",
                                                   error.message == nullptr ? "" : ": ",
                                                   error.message == nullptr ? "" : error.message));
  }
  auto handle = std::make_unique<Handle>(jwk);
  const cjose_jwk_kty_t type = cjose_jwk_get_kty(jwk, &error);
  if (algorithm == JwsAlgorithm::kRs256) {
    if (type != CJOSE_JWK_KTY_RSA) return absl::InvalidArgumentError("is no RSA key");
    if (cjose_jwk_get_keysize(jwk, &error) < kRsaKeyBitsMin) {
      return absl::InvalidArgumentError(
          absl::StrCat("is an RSA key of fewer than ", kRsaKeyBitsMin, " bits"));
    }
  } else if (type != CJOSE_JWK_KTY_EC ||
             cjose_jwk_EC_get_curve(jwk, &error) != CJOSE_JWK_EC_P_256) {
    return absl::InvalidArgumentError("is no P-256 key");
  }
  return std::unique_ptr<const JwsKey>(new JwsKey(algorithm, std::move(handle)));
}

bool JwsKey::Signed(absl::string_view token) const {
  // It takes a byte too many without a word, and so another text for the same token.
  if (algorithm_ == JwsAlgorithm::kEs256 &&
      token.size() - token.rfind('.') - 1 != kEs256SignatureChars) {
    return false;
  }
  const std::unique_ptr<cjose_jws_t, ReleaseJws> jws(
      cjose_jws_import(token.data(), token.size(), nullptr));
  if (jws == nullptr) return false;
  // Who wrote the token does not choose how it is checked.
  const char* const name =
      cjose_header_get(cjose_jws_get_protected(jws.get()), CJOSE_HDR_ALG, nullptr);
  if (name == nullptr || std::strcmp(name, NameOf(algorithm_)) != 0) return false;
  return cjose_jws_verify(jws.get(), handle_->jwk, nullptr);
}

}  // namespace incidenthub::gateway
