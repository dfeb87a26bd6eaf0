#include "clients/cli/upstream.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/printing.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "incidenthub/v1/upstream_service.pb.h"

namespace incidenthub::client {
namespace {

std::string KindName(const v1::UpstreamItem& item) {
  switch (item.kind()) {
    case v1::UpstreamItem::KIND_RESOLVE:
      return "resolve";
    case v1::UpstreamItem::KIND_CALLBACK:
      return "callback";
    case v1::UpstreamItem::KIND_COMMENT:
      return "comment";
    default:
      return absl::StrCat(item.kind());
  }
}

// Callbacks and comments only wait.
std::string ItemStateName(const v1::UpstreamItem& item) {
  if (item.kind() != v1::UpstreamItem::KIND_RESOLVE) return "pending";
  return UpstreamStateName(item.state());
}

Colour ItemStateColour(const v1::UpstreamItem& item) {
  switch (item.state()) {
    case v1::Upstream::STATE_FAILED:
      return Colour::kRed;
    case v1::Upstream::STATE_UNCONFIRMED:
      return Colour::kYellow;
    default:
      return Colour::kNone;
  }
}

Row RowOf(const v1::UpstreamItem& item, const Style& style) {
  return {{OrDash(item.incident_id()), Colour::kBold},
          {KindName(item)},
          {ItemStateName(item), ItemStateColour(item)},
          {LocalTime(item.has_since(), item.since(), style.time_zone)},
          {absl::StrCat(item.attempts())},
          {LocalTime(item.has_next_attempt_time(), item.next_attempt_time(), style.time_zone)},
          {OrDash(item.source()), Colour::kCyan},
          {OrDash(item.last_error())}};
}

}  // namespace

ExitCode RunUpstream(const Session& session) {
  std::vector<Row> rows = {
      HeaderRow({"INCIDENT", "WHAT", "STATE", "SINCE", "TRIED", "NEXT TRY", "SOURCE", "WHY"})};
  ExitCode code = ExitCode::kOk;
  const absl::Status status = session.hub.ListUpstream([&](const v1::UpstreamItem& item) {
    if (session.invocation.json) {
      code = Worse(code, WriteJson(item.incident_id(), Json(item), session.environment));
      return session.environment.out.good();
    }
    rows.push_back(RowOf(item, session.style));
    return true;
  });
  if (!status.ok()) return Fail("upstream", status, session);
  if (session.invocation.json) return code;
  if (rows.size() == 1) {
    session.environment.err << "incidentctl: nothing waits, and nothing failed\n";
    return ExitCode::kOk;
  }
  return WriteTable(rows, session);
}

}  // namespace incidenthub::client
