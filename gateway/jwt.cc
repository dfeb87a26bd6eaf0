#include "gateway/jwt.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "common/decode/decimal.h"
#include "common/decode/json.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "common/watched_file.h"

namespace incidenthub::gateway {
namespace {

using decode::JsonDocument;
using decode::JsonMember;
using decode::JsonType;
using decode::JsonValue;

absl::Status Refused(absl::string_view why) { return absl::UnauthenticatedError(why); }

// An object whose keys are all different, so that nobody can read it in another way. None
// otherwise.
absl::optional<JsonDocument> ParseObject(std::string* text) {
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok() || document->root().type() != JsonType::kObject) return absl::nullopt;
  std::vector<std::string> keys;
  std::string scratch;
  for (const JsonMember& member : document->root().Members()) {
    keys.emplace_back(member.key.String(&scratch));
  }
  absl::c_sort(keys);
  if (absl::c_adjacent_find(keys) != keys.end()) return absl::nullopt;
  return *std::move(document);
}

// The string under `key`; none: it is absent, or no string.
absl::optional<std::string> FindString(JsonValue object, absl::string_view key) {
  const JsonValue value = object.Find(key);
  if (value.type() != JsonType::kString) return absl::nullopt;
  std::string scratch;
  return std::string(value.String(&scratch));
}

// A point in time as seconds since 1970, a fraction allowed; none: it is absent, or no such number.
absl::optional<absl::Time> FindTime(JsonValue object, absl::string_view key) {
  const JsonValue value = object.Find(key);
  if (value.type() != JsonType::kNumber) return absl::nullopt;
  const absl::optional<decode::ReadDouble> seconds = decode::ToDouble(value.raw());
  if (!seconds.has_value() || seconds->value < double{decode::kEpochSecondsMin} ||
      seconds->value > double{decode::kEpochSecondsMax}) {
    return absl::nullopt;
  }
  return absl::UnixEpoch() + absl::Seconds(seconds->value);
}

bool IsFor(JsonValue audience, absl::string_view wanted) {
  std::string scratch;
  if (audience.type() == JsonType::kString) return audience.String(&scratch) == wanted;
  if (audience.type() != JsonType::kArray) return false;
  bool found = false;
  for (const JsonValue element : audience.Elements()) {
    if (element.type() != JsonType::kString) return false;
    found = found || element.String(&scratch) == wanted;
  }
  return found;
}

// Who the token is about: the first of these claims that is there.
absl::optional<std::string> SubjectOf(JsonValue claims) {
  for (const char* key : {"sub", "client_id", "azp"}) {
    if (claims.Find(key).type() != JsonType::kAbsent) return FindString(claims, key);
  }
  return absl::nullopt;
}

absl::Status CheckTimes(JsonValue claims, absl::Time now) {
  const absl::optional<absl::Time> expires = FindTime(claims, "exp");
  if (!expires.has_value()) return Refused("the token's exp is missing, or no time");
  if (now >= *expires) return Refused("the token has expired");
  for (const char* key : {"nbf", "iat"}) {
    if (claims.Find(key).type() == JsonType::kAbsent) continue;
    const absl::optional<absl::Time> from = FindTime(claims, key);
    if (!from.has_value()) return Refused(absl::StrCat("the token's ", key, " is no time"));
    if (*from > now + kJwtLeeway) {
      return Refused(absl::StrCat("the token's ", key, " is in the future"));
    }
  }
  return absl::OkStatus();
}

bool IsBase64Url(absl::string_view text) {
  return !text.empty() && text.size() % 4 != 1 && absl::c_all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

// A token taken apart; nothing of it is proved.
struct Token {
  JwsAlgorithm algorithm = JwsAlgorithm::kRs256;
  absl::optional<std::string> kid;
  std::string claims;
};

absl::StatusOr<Token> ParseToken(absl::string_view text) {
  if (text.size() > kJwtBytesMax) {
    return Refused(absl::StrCat("the token has more than ", kJwtBytesMax, " bytes"));
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 3 || !absl::c_all_of(parts, IsBase64Url)) {
    return Refused("the token is no JWT");
  }
  std::string header;
  Token token;
  if (!absl::WebSafeBase64Unescape(parts[0], &header) ||
      !absl::WebSafeBase64Unescape(parts[1], &token.claims)) {
    return Refused("the token is no JWT");
  }
  const absl::optional<JsonDocument> document = ParseObject(&header);
  if (!document.has_value()) return Refused("the token's header is no JSON object");
  const JsonValue root = document->root();
  const absl::optional<JwsAlgorithm> algorithm =
      ParseJwsAlgorithm(FindString(root, "alg").value_or(""));
  if (!algorithm.has_value()) return Refused("the token's alg is neither RS256 nor ES256");
  token.algorithm = *algorithm;
  // What it names there changes what the token means, and none of it is known here.
  if (root.Find("crit").type() != JsonType::kAbsent) return Refused("the token has a crit header");
  token.kid = FindString(root, "kid");
  if (!token.kid.has_value() && root.Find("kid").type() != JsonType::kAbsent) {
    return Refused("the token's kid is no string");
  }
  return token;
}

// By what a key set's key can be used; none: it is not for us. REQUIRES: `key` is an object.
absl::optional<JwsAlgorithm> AlgorithmFor(JsonValue key) {
  const std::string type = FindString(key, "kty").value_or("");
  absl::optional<JwsAlgorithm> algorithm;
  if (type == "RSA") algorithm = JwsAlgorithm::kRs256;
  if (type == "EC" && FindString(key, "crv") == "P-256") algorithm = JwsAlgorithm::kEs256;
  if (!algorithm.has_value()) return absl::nullopt;
  if (FindString(key, "use").value_or("sig") != "sig") return absl::nullopt;
  const absl::optional<std::string> named = FindString(key, "alg");
  if (named.has_value() && ParseJwsAlgorithm(*named) != algorithm) return absl::nullopt;
  return algorithm;
}

class JwtAuthenticator final : public Authenticator {
 public:
  JwtAuthenticator(std::string jwks_file, JwtRules rules, const Clock& clock)
      : rules_(std::move(rules)),
        clock_(clock),
        file_(std::move(jwks_file), "keys", kJwksBytesMax, clock) {}

  absl::Status Load() {
    return file_.Load([this](absl::string_view text) { return Use(text); });
  }

  absl::Status Check(const RequestHead& head) override {
    ASSIGN_OR_RETURN(const absl::string_view value, OnlyValueOf(head, "Authorization"));
    const absl::optional<absl::string_view> text = AfterScheme(value, "Bearer");
    if (!text.has_value()) return Refused("the header Authorization is not Bearer and a token");
    ASSIGN_OR_RETURN(const Token token, ParseToken(*text));
    RETURN_IF_ERROR(CheckSignature(*text, token));
    return CheckJwtClaims(token.claims, rules_, clock_.Now());
  }

  std::string Place() const override { return "the header Authorization"; }
  std::string Challenge() const override { return kBearerChallenge; }

 private:
  absl::Status Use(absl::string_view text) {
    ASSIGN_OR_RETURN(JwsKeys keys, ParseJwks(text));
    absl::MutexLock lock(&mu_);
    keys_ = std::make_shared<const JwsKeys>(std::move(keys));
    return absl::OkStatus();
  }

  absl::Status CheckSignature(absl::string_view text, const Token& token) {
    file_.ReloadIfChanged([this](absl::string_view json) { return Use(json); });
    std::shared_ptr<const JwsKeys> keys;
    {
      absl::ReaderMutexLock lock(&mu_);
      keys = keys_;
    }
    bool tried = false;
    for (const std::unique_ptr<const JwsKey>& key : *keys) {
      if (key->algorithm() != token.algorithm) continue;
      if (token.kid.has_value() && *token.kid != key->kid()) continue;
      tried = true;
      if (key->Signed(text)) return absl::OkStatus();
    }
    return Refused(tried ? "the token's signature is not by the key"
                         : "the token's kid and alg are of no key in the key set");
  }

  const JwtRules rules_;
  const Clock& clock_;
  WatchedFile file_;

  absl::Mutex mu_;
  std::shared_ptr<const JwsKeys> keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::StatusOr<JwsKeys> ParseJwks(absl::string_view json) {
  std::string text(json);
  const absl::optional<JsonDocument> document = ParseObject(&text);
  const JsonValue list = document.has_value() ? document->root().Find("keys") : JsonValue();
  if (list.type() != JsonType::kArray) {
    return absl::InvalidArgumentError("is no JSON Web Key Set: no object with an array \"keys\"");
  }
  JwsKeys keys;
  size_t index = 0;
  for (const JsonValue element : list.Elements()) {
    if (index == kJwksKeysMax) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", kJwksKeysMax, " keys"));
    }
    const auto error = [&index](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("keys[", index, "] ", what));
    };
    std::string key_text(element.raw());
    const absl::optional<JsonDocument> key = ParseObject(&key_text);
    if (!key.has_value()) return error("is no JSON object with different keys");
    const absl::optional<JwsAlgorithm> algorithm = AlgorithmFor(key->root());
    if (algorithm.has_value()) {
      if (key->root().Find("d").type() != JsonType::kAbsent) {
        return error("is a private key: give the public part alone, and change the key");
      }
      absl::StatusOr<std::unique_ptr<const JwsKey>> imported = JwsKey::Import(key_text, *algorithm);
      if (!imported.ok()) return error(imported.status().message());
      keys.push_back(*std::move(imported));
    }
    ++index;
  }
  if (keys.empty()) return absl::InvalidArgumentError("holds no key for RS256 or ES256");
  return keys;
}

absl::Status CheckJwtClaims(absl::string_view claims, const JwtRules& rules, absl::Time now) {
  std::string text(claims);
  const absl::optional<JsonDocument> document = ParseObject(&text);
  if (!document.has_value()) return Refused("the token's claims are no JSON object");
  const JsonValue root = document->root();
  if (FindString(root, "iss") != rules.issuer) return Refused("the token is of another issuer");
  if (!IsFor(root.Find("aud"), rules.audience)) return Refused("the token is for another audience");
  RETURN_IF_ERROR(CheckTimes(root, now));
  if (!rules.subject.empty() && SubjectOf(root) != rules.subject) {
    return Refused("the token is of another subject");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Authenticator>> MakeJwtAuthenticator(std::string jwks_file,
                                                                    JwtRules rules,
                                                                    const Clock& clock) {
  auto authenticator =
      std::make_unique<JwtAuthenticator>(std::move(jwks_file), std::move(rules), clock);
  RETURN_IF_ERROR(authenticator->Load());
  return authenticator;
}

}  // namespace incidenthub::gateway
