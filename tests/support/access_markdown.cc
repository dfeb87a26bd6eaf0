#include "tests/support/access_markdown.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/access/rpcs.h"

namespace incidenthub::testing {
namespace {

constexpr absl::string_view kHead = R"(# Who may call what
Written by `make docs` from `server/access/rpcs.h`; a test compares the two.

A hub with `--access_config` asks who calls: a bearer token (`authorization: Bearer TOKEN` in the
metadata), or a client certificate. It answers `UNAUTHENTICATED` if it does not know the caller, and
`PERMISSION_DENIED` / `ROLE_MISSING` if the caller has none of the roles that the rpc takes. No role
includes another: give several. Each call of an audited rpc is a line `audit` in the hub's log,
refused ones of known callers too.

| Rpc | Role | Audited | |
| --- | --- | --- | --- |
)";
constexpr absl::string_view kTail = R"(
`grpc.health.v1.Health` answers everybody: probes have no credentials, and it tells no more than
whether a service is up.
)";

}  // namespace

std::string AccessMarkdown() {
  std::string text(kHead);
  for (const RpcRow& row : kRpcs) {
    const std::string roles =
        row.roles == Roles::All()
            ? "any"
            : absl::StrCat("`", absl::StrReplaceAll(NamesOf(row.roles), {{" or ", "` or `"}}), "`");
    absl::StrAppend(&text, "| `", row.service, "/", row.method, "` | ", roles, " | ",
                    row.audited ? "yes" : "", " | ", row.note, " |\n");
  }
  return absl::StrCat(text, kTail);
}

}  // namespace incidenthub::testing
