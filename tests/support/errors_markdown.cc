#include "tests/support/errors_markdown.h"

#include "absl/strings/str_cat.h"
#include "common/error_reasons.h"

namespace incidenthub::testing {
namespace {

constexpr absl::string_view kBegin = R"(# Errors

<!-- Written by `make docs` from common/error_reasons.h; a test fails when the two differ. -->

## Of the hub's rpcs
Every error carries a `google.rpc.ErrorInfo` with the domain `incidenthub` and one of these
reasons, and its message says the same in words. A field at fault is named by a
`google.rpc.BadRequest`; when to come back by a `google.rpc.RetryInfo`. Deliveries that are
`rejected` in a receipt of `Ingest` carry the same inside the receipt. `grpcurl` shows all of it:

```
ERROR:
  Code: NotFound
  Message: no incident has the id "x"
  Details:
  1)	{
    	  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    	  "domain": "incidenthub",
    	  "metadata": {
    	    "incident_id": "x"
    	  },
    	  "reason": "INCIDENT_NOT_FOUND"
    	}
```

Decide by the reason, not by the message: reasons and their codes stay, new ones come. Errors
without a reason are gRPC's own: `UNAVAILABLE` when there is no connection, `UNIMPLEMENTED` for an
rpc that this hub does not have, `RESOURCE_EXHAUSTED` for a message that is too large, `CANCELLED`
for a stream whose client took nothing for `--stuck_write_timeout`.

| Reason | Code | Of | Means | Do | Try again |
| --- | --- | --- | --- | --- | --- |
)";

constexpr absl::string_view kHttp = R"(
## Of the gateway's HTTP answers
`{"status":"error","error":{"code":400,"reason":"NOT_JSON","message":"..."}}`. What the hub
rejects has the hub's reason: 422 where it would be rejected again, otherwise 503. Below 500 the
same request fails again; from 500 on, send it again.

| Reason | Status | Means | Do |
| --- | --- | --- | --- |
)";

absl::string_view TextOf(Retry retry) {
  switch (retry) {
    case Retry::kNever:
      return "no";
    case Retry::kAfterRead:
      return "after reading again";
    case Retry::kAfterDelay:
      return "yes, after the delay in `RetryInfo`";
    case Retry::kLater:
      return "later";
  }
  return "";
}

}  // namespace

std::string ErrorsMarkdown() {
  std::string text(kBegin);
  for (const HubReasonRow& row : kHubReasons) {
    absl::StrAppend(&text, "| `", row.name, "` | `", absl::StatusCodeToString(row.code), "` | ",
                    row.from, " | ", row.meaning, " | ", row.action, " | ", TextOf(row.retry),
                    " |\n");
  }
  absl::StrAppend(&text, kHttp);
  for (const HttpReasonRow& row : kHttpReasons) {
    absl::StrAppend(&text, "| `", row.name, "` | ", row.status, " | ", row.meaning, " | ",
                    row.action, " |\n");
  }
  return text;
}

}  // namespace incidenthub::testing
