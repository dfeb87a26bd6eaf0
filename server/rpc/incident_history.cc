#include "server/rpc/incident_history.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "server/domain/lifecycle.h"
#include "server/domain/validate.h"
#include "server/rpc/paging.h"

namespace incidenthub {
namespace {

// A page token is the sequence of the event that the next page begins with, in hexadecimal, with a
// mark that tells it from other text. That it belongs to the incident is seen on that event.
constexpr absl::string_view kTokenMark = "e1-";

absl::Status TokenError(absl::string_view token, absl::string_view what) {
  return FieldError(
      "PAGE_TOKEN_INVALID", "page_token",
      absl::StrCat("\"", Echo(token), "\" ", what, "; leave it empty to begin with the newest"));
}

// The event that the page begins with; `newest` is the incident's last.
absl::StatusOr<Sequence> PageStart(absl::string_view token, Sequence newest) {
  if (token.empty()) return newest;
  absl::string_view text = token;
  Sequence start = 0;
  if (!absl::ConsumePrefix(&text, kTokenMark) || !absl::SimpleHexAtoi(text, &start)) {
    return TokenError(token, "is no next_page_token of ListEvents");
  }
  if (start == 0 || start > newest) return TokenError(token, "names no event of this incident");
  return start;
}

}  // namespace

absl::Status ReadHistoryPage(const Store& store, const v1::ListEventsRequest& request,
                             v1::ListEventsResponse* response) {
  RETURN_IF_ERROR(ValidateIncidentId(request.incident_id()));
  ASSIGN_OR_RETURN(const ReadLimits limits, PageLimits(request.page_size()));
  ASSIGN_OR_RETURN(const Sequence newest, store.FindNewest(request.incident_id()));
  if (newest == 0) return IncidentNotFound(request.incident_id());
  ASSIGN_OR_RETURN(const Sequence start, PageStart(request.page_token(), newest));
  ASSIGN_OR_RETURN(const History history, store.ReadHistory(request.incident_id(), start, limits));
  if (history.events.empty() && !history.truncated) {
    return TokenError(request.page_token(), "names no event of this incident");
  }
  for (const SharedEvent& shared : history.events) {
    if (!response->add_events()->ParseFromString(*shared.bytes)) {
      return absl::DataLossError(absl::StrCat("event ", shared.sequence, " does not parse"));
    }
  }
  if (history.next != 0) {
    response->set_next_page_token(absl::StrCat(kTokenMark, absl::Hex(history.next)));
  }
  response->set_truncated(history.truncated);
  return absl::OkStatus();
}

}  // namespace incidenthub
