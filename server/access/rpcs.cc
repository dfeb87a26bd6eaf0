#include "server/access/rpcs.h"

#include <vector>

#include "absl/strings/str_join.h"

namespace incidenthub {

absl::string_view NameOf(Role role) {
  switch (role) {
    case Role::kIngest:
      return "ingest";
    case Role::kViewer:
      return "viewer";
    case Role::kResponder:
      return "responder";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::optional<Role> ParseRole(absl::string_view name) {
  for (const Role role : kRoles) {
    if (NameOf(role) == name) return role;
  }
  return absl::nullopt;
}

std::string NamesOf(Roles roles) {
  std::vector<absl::string_view> names;
  for (const Role role : kRoles) {
    if (roles.Has(role)) names.push_back(NameOf(role));
  }
  return absl::StrJoin(names, " or ");
}

}  // namespace incidenthub
