#include "server/access/access_list.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/util/json_util.h"
#include "incidenthub/internal/v1/access_config.pb.h"

namespace incidenthub {
namespace {

using internal::v1::AccessConfigFile;
using internal::v1::PrincipalConfig;
using internal::v1::TokenConfig;

absl::Status Mistake(absl::string_view what) { return absl::InvalidArgumentError(what); }

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kPrincipalNameBytesMax && absl::c_all_of(name, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

absl::StatusOr<TokenDigest> ParseDigest(absl::string_view hex) {
  TokenDigest digest;
  const bool is_hex = hex.size() == 2 * digest.size() && absl::c_all_of(hex, [](char c) {
                        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                      });
  if (!is_hex) {
    return Mistake(absl::StrCat("sha256 must be the ", 2 * digest.size(),
                                " hexadecimal digits that `incidentctl token new` prints"));
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  absl::c_copy(bytes, digest.begin());
  return digest;
}

absl::StatusOr<Roles> ParseRoles(const PrincipalConfig& config) {
  Roles roles;
  for (const std::string& name : config.roles()) {
    const absl::optional<Role> role = ParseRole(ToAbsl(name));
    if (!role.has_value()) {
      return Mistake(absl::StrCat("roles: \"", Echo(name), "\" must be one of ",
                                  absl::StrJoin(kRoles, ", ", [](std::string* out, Role known) {
                                    absl::StrAppend(out, NameOf(known));
                                  })));
    }
    roles = roles | *role;
  }
  if (roles.empty()) return Mistake("roles: give at least one, or leave the principal out");
  return roles;
}

}  // namespace

class AccessList::Builder {
 public:
  explicit Builder(AccessList* list) : list_(*list) {}

  absl::Status Add(const PrincipalConfig& config) {
    if (!IsName(ToAbsl(config.name()))) {
      return Mistake(absl::StrCat("name must be 1 to ", kPrincipalNameBytesMax,
                                  " bytes of printable ASCII without blanks"));
    }
    if (!names_.insert(config.name()).second) return Mistake("the name stands more than once");
    ASSIGN_OR_RETURN(const Roles roles, ParseRoles(config));
    list_.principals_.push_back({config.name(), roles});
    if (config.tokens().empty() && config.certificate_names().empty()) {
      return Mistake("give at least one of tokens and certificate_names");
    }
    RETURN_IF_ERROR(AddTokens(config));
    return AddCertificates(config);
  }

 private:
  size_t newest() const { return list_.principals_.size() - 1; }

  absl::Status AddTokens(const PrincipalConfig& config) {
    if (static_cast<size_t>(config.tokens_size()) > kTokensPerPrincipalMax) {
      return Mistake(absl::StrCat("tokens: more than ", kTokensPerPrincipalMax));
    }
    for (int i = 0; i < config.tokens_size(); ++i) {
      const TokenConfig& token = config.tokens(i);
      const absl::StatusOr<TokenDigest> digest = ParseDigest(ToAbsl(token.sha256()));
      if (!digest.ok()) {
        return Mistake(absl::StrCat("tokens[", i, "]: ", digest.status().message()));
      }
      Token known{newest()};
      if (token.has_expire_time()) {
        known.expire_time = absl::FromUnixSeconds(token.expire_time().seconds()) +
                            absl::Nanoseconds(token.expire_time().nanos());
      }
      if (!list_.tokens_.emplace(*digest, known).second) {
        return Mistake(absl::StrCat("tokens[", i, "]: the same sha256 stands more than once"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddCertificates(const PrincipalConfig& config) {
    if (static_cast<size_t>(config.certificate_names_size()) > kCertificateNamesPerPrincipalMax) {
      return Mistake(
          absl::StrCat("certificate_names: more than ", kCertificateNamesPerPrincipalMax));
    }
    for (const std::string& name : config.certificate_names()) {
      if (name.empty() || name.size() > kCertificateNameBytesMax) {
        return Mistake(absl::StrCat("certificate_names: one must have 1 to ",
                                    kCertificateNameBytesMax, " bytes"));
      }
      if (!list_.certificates_.emplace(name, newest()).second) {
        return Mistake(
            absl::StrCat("certificate_names: \"", Echo(name), "\" stands more than once"));
      }
    }
    return absl::OkStatus();
  }

  AccessList& list_;
  absl::flat_hash_set<std::string> names_;
};

absl::StatusOr<std::shared_ptr<const AccessList>> AccessList::Parse(absl::string_view text) {
  AccessConfigFile file;
  const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(text), &file);
  if (!parsed.ok()) {
    return Mistake(absl::StrCat("is no such JSON: ", std::string(parsed.message())));
  }
  if (file.principals().empty()) return Mistake("names no principal");
  if (static_cast<size_t>(file.principals_size()) > kPrincipalsMax) {
    return Mistake(absl::StrCat("names more than ", kPrincipalsMax, " principals"));
  }
  auto list = std::make_shared<AccessList>();
  Builder builder(list.get());
  for (int i = 0; i < file.principals_size(); ++i) {
    if (const absl::Status status = builder.Add(file.principals(i)); !status.ok()) {
      return Mistake(absl::StrCat("principals[", i, "] \"", Echo(file.principals(i).name()),
                                  "\": ", status.message()));
    }
  }
  return std::shared_ptr<const AccessList>(std::move(list));
}

const AccessList::Token* AccessList::FindToken(const TokenDigest& digest) const {
  const auto found = tokens_.find(digest);
  return found == tokens_.end() ? nullptr : &found->second;
}

const Principal* AccessList::FindCertificate(absl::Span<const std::string> names) const {
  for (const std::string& name : names) {
    const auto found = certificates_.find(name);
    if (found != certificates_.end()) return &principals_[found->second];
  }
  return nullptr;
}

}  // namespace incidenthub
