// Who may call the hub, and how each proves to be it: one state of --access_config, checked.
//
// Invariants: (1) tokens are known by their SHA-256 only, and found by it: how long that takes
// tells
//             nothing of a token; (2) a token and a certificate name mean one principal.
// Threads:    any; it does not change.

#ifndef INCIDENTHUB_SERVER_ACCESS_ACCESS_LIST_H_
#define INCIDENTHUB_SERVER_ACCESS_ACCESS_LIST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/access/rpcs.h"

namespace incidenthub {

inline constexpr size_t kAccessFileBytesMax = size_t{4} << 20U;
inline constexpr size_t kPrincipalsMax = 1000;
inline constexpr size_t kPrincipalNameBytesMax = 128;
inline constexpr size_t kTokensPerPrincipalMax = 16;
inline constexpr size_t kCertificateNamesPerPrincipalMax = 16;
inline constexpr size_t kCertificateNameBytesMax = 2048;

// SHA-256 of a bearer token.
using TokenDigest = std::array<uint8_t, 32>;

struct Principal {
  std::string name;
  Roles roles;
};

class AccessList {
 public:
  // `text`: internal.v1.AccessConfigFile as JSON. INVALID_ARGUMENT: what is wrong, and where.
  static absl::StatusOr<std::shared_ptr<const AccessList>> Parse(absl::string_view text);

  struct Token {
    // Of principals().
    size_t principal = 0;
    absl::Time expire_time = absl::InfiniteFuture();
  };
  // Null: nobody has it.
  const Token* FindToken(const TokenDigest& digest) const;
  // Whose certificate it is that has these names; null: nobody's. The first one that is known
  // counts.
  const Principal* FindCertificate(absl::Span<const std::string> names) const;

  const std::vector<Principal>& principals() const { return principals_; }

 private:
  class Builder;

  std::vector<Principal> principals_;
  absl::flat_hash_map<TokenDigest, Token> tokens_;
  absl::flat_hash_map<std::string, size_t> certificates_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_ACCESS_ACCESS_LIST_H_
