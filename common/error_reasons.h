// Every reason that an error of ours may carry, in two tables: the hub's, as in ErrorInfo.reason of
// gRPC errors, and the gateway's own, as in the bodies of HTTP answers.
//
// A reason that is in neither table does not compile. To add one, add its row, and have
// `make docs` write proto/ERRORS.md anew. Names are part of the contract: rows are added and their
// texts improved, names and codes stay.

#ifndef INCIDENTHUB_COMMON_ERROR_REASONS_H_
#define INCIDENTHUB_COMMON_ERROR_REASONS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

// Whether the same request can succeed later.
enum class Retry {
  kNever,       // only another request can
  kAfterRead,   // once the caller has read again and decided anew
  kAfterDelay,  // yes; the error says after how long (RetryInfo)
  kLater,       // yes, once somebody has seen to the hub
};

// Texts are Markdown for people: whole sentences, without line ends and bars.
struct HubReasonRow {
  absl::string_view name;
  absl::StatusCode code;
  // Which rpcs answer it.
  absl::string_view from;
  absl::string_view meaning;
  absl::string_view action;
  Retry retry;
};

struct HttpReasonRow {
  absl::string_view name;
  // One or more statuses.
  absl::string_view status;
  absl::string_view meaning;
  absl::string_view action;
};

inline constexpr HubReasonRow kHubReasons[] = {
    {"FIELD_INVALID", absl::StatusCode::kInvalidArgument, "all rpcs",
     "A field is missing, too long, or has a value that it cannot have.",
     "Correct the field that `BadRequest` names.", Retry::kNever},
    {"CREDENTIAL_MISSING", absl::StatusCode::kUnauthenticated, "all rpcs",
     "The hub asks who calls (`--access_config`), and the call has neither a token nor a client "
     "certificate.",
     "Send the metadata `authorization: Bearer TOKEN`, or dial with a client certificate.",
     Retry::kNever},
    {"CREDENTIAL_INVALID", absl::StatusCode::kUnauthenticated, "all rpcs",
     "The token, or the client certificate's names, are not among those that the hub was given. A "
     "wrong token is refused also if the certificate is right.",
     "Take the newest token or certificate; ask whoever runs the hub for one.", Retry::kNever},
    {"CREDENTIAL_EXPIRED", absl::StatusCode::kUnauthenticated, "all rpcs",
     "The token was good until its `expire_time`.", "Ask whoever runs the hub for a new one.",
     Retry::kNever},
    {"ROLE_MISSING", absl::StatusCode::kPermissionDenied, "all rpcs",
     "The caller is known, and does not have the role that the rpc takes.",
     "Ask whoever runs the hub for the role; `proto/ACCESS.md` has what each rpc takes.",
     Retry::kNever},
    {"CONSUMER_OF_OTHER", absl::StatusCode::kPermissionDenied, "Subscribe, Commit, DeleteConsumer",
     "The consumer belongs to another principal.",
     "Use a name of your own; an `admin` can delete the consumer.", Retry::kNever},
    {"MATCHER_INVALID", absl::StatusCode::kInvalidArgument, "Subscribe, ListIncidents",
     "A matcher does not parse, names no label, or needs too much memory; or there are too many.",
     "Correct the matcher that `BadRequest` names, at the byte that the message names.",
     Retry::kNever},
    {"RESUME_TOKEN_INVALID", absl::StatusCode::kInvalidArgument, "Subscribe, Commit",
     "The resume token is no text that a hub made: it is cut off, or changed.",
     "Send a token exactly as a response carried it, or begin with a snapshot.", Retry::kNever},
    {"RESUME_TOKEN_OTHER_MATCHERS", absl::StatusCode::kInvalidArgument, "Subscribe",
     "The resume token was made by a stream with other matchers.",
     "Resume with the matchers of that stream, or begin with a snapshot.", Retry::kNever},
    {"PAGE_TOKEN_INVALID", absl::StatusCode::kInvalidArgument,
     "ListIncidents, ListEvents, ListConsumers, ListUpstream, ListQuarantined",
     "The page token is no `next_page_token` of this list.",
     "Leave it empty to begin with the first page.", Retry::kNever},
    {"REQUEST_ID_REUSED", absl::StatusCode::kInvalidArgument, "Ack, Unack, Resolve",
     "Another command had this `request_id` in the last 24 hours.",
     "Give every command an id of its own, and only a repeat the same one.", Retry::kNever},
    {"BATCH_TOO_LARGE", absl::StatusCode::kInvalidArgument, "Ingest, ReplayQuarantined",
     "A message has more than 1,024 deliveries; the stream ends. A body that is to be replayed "
     "holds "
     "more than that, or more than 4 MiB of them; it stays in quarantine.",
     "Spread them over several messages. Of a body: take it with `GetQuarantined`, and post it to "
     "a "
     "gateway in pieces.",
     Retry::kNever},
    {"EVENT_TOO_LARGE", absl::StatusCode::kInvalidArgument,
     "Ingest (in a receipt), Ack, Resolve, ReplayQuarantined",
     "The incident would have more than 3 MiB encoded, with what was said or done.",
     "Send less: fewer or shorter alerts and tags.", Retry::kNever},
    {"INCIDENT_NOT_FOUND", absl::StatusCode::kNotFound,
     "Ack, Unack, Resolve, GetIncident, ListEvents", "No incident has this id.",
     "Check the id; `ListIncidents` reads those there are.", Retry::kNever},
    {"CONSUMER_NOT_FOUND", absl::StatusCode::kNotFound, "Commit, DeleteConsumer",
     "No consumer has this name: it was never made, or was deleted.",
     "Subscribe with the name, which makes it; `ListConsumers` reads those there are.",
     Retry::kNever},
    {"QUARANTINED_NOT_FOUND", absl::StatusCode::kNotFound, "GetQuarantined, ReplayQuarantined",
     "The quarantine has no body of this number: it never had, or the body was replayed, or it "
     "left "
     "for its age or for newer ones.",
     "Check the number; `ListQuarantined` reads those there are.", Retry::kNever},
    {"STILL_UNMAPPED", absl::StatusCode::kFailedPrecondition, "ReplayQuarantined",
     "Nothing in the body maps to an incident, as this version of the hub reads it; the message "
     "says "
     "why. Nothing happened, and the body stays.",
     "Correct its sender, or replay it once the hub is of a version that reads it.", Retry::kLater},
    {"SUBSCRIPTION_TAKEN_OVER", absl::StatusCode::kAborted, "Subscribe",
     "A newer stream has the consumer, which has one at a time; or the consumer was deleted.",
     "Find out which of the two should run. Do not retry by program, or they fight for ever.",
     Retry::kNever},
    {"TOO_MANY_CONSUMERS", absl::StatusCode::kResourceExhausted, "Subscribe",
     "10,000 consumers have a name already.",
     "Delete those that are not needed any more: `incidentctl consumers delete`. Send it again "
     "after "
     "the delay.",
     Retry::kAfterDelay},
    {"INCIDENT_RESOLVED", absl::StatusCode::kFailedPrecondition, "Ack, Unack",
     "The incident is resolved, so there is nothing to acknowledge or to take back.",
     "Nothing; it is over until its source opens it again.", Retry::kNever},
    {"ETAG_MISMATCH", absl::StatusCode::kAborted, "Ack, Unack, Resolve",
     "The incident has changed since the caller read it; `current_etag` in the metadata is its "
     "etag "
     "now.",
     "Read it again, decide again, and send the new etag.", Retry::kAfterRead},
    {"TOO_MANY_STREAMS", absl::StatusCode::kResourceExhausted, "Subscribe",
     "As many Subscribe streams are open as `--max_streams` allows.",
     "Come back after the delay; if it lasts, look for clients that open streams and forget them.",
     Retry::kAfterDelay},
    {"TOO_MANY_INGEST_STREAMS", absl::StatusCode::kResourceExhausted, "Ingest",
     "64 Ingest streams are open already; a gateway needs one.",
     "Come back after the delay; run fewer gateways.", Retry::kAfterDelay},
    {"QUEUE_FULL", absl::StatusCode::kResourceExhausted, "all rpcs but Subscribe",
     "Too many commands, or reads, wait already. Nothing happened.",
     "Send it again after the delay.", Retry::kAfterDelay},
    {"DISK_FULL", absl::StatusCode::kUnavailable,
     "Ingest (in a receipt), Ack, Unack, Resolve, ReplayQuarantined, Commit, DeleteConsumer; "
     "Subscribe with a consumer",
     "The hub's disk has less than `--min_free_bytes` free. Nothing happened; reads and streams go "
     "on.",
     "Send it again after the delay. Whoever runs the hub has to make room; it goes on by itself.",
     Retry::kAfterDelay},
    {"SHUTTING_DOWN", absl::StatusCode::kUnavailable,
     "Subscribe, Ingest, Ack, Unack, Resolve, ReplayQuarantined, Commit, DeleteConsumer",
     "The hub is being stopped. Nothing happened.",
     "Connect again after the delay; a stream resumes with its newest token.", Retry::kAfterDelay},
    {"HISTORY_COMPACTED", absl::StatusCode::kOutOfRange, "Subscribe",
     "The caller asked for `require_history`, and retention has dropped events that it has not "
     "seen; `floor` and `head` are in the metadata.",
     "Resume without `require_history`: the newest event of each incident comes instead.",
     Retry::kNever},
    {"HUB_BEHIND_TOKEN", absl::StatusCode::kUnavailable, "Subscribe",
     "The hub has not come as far as the resume token within 5 seconds.",
     "Resume with the same token after the delay.", Retry::kAfterDelay},
    {"LOG_OUTCOME_UNKNOWN", absl::StatusCode::kUnavailable,
     "Ingest (in a receipt), Ack, Unack, Resolve, ReplayQuarantined, Commit, DeleteConsumer; "
     "Subscribe with a consumer",
     "A write to disk failed, and whether the command took effect is known only after the hub's "
     "restart, which it now begins.",
     "Send it again after the delay: commands are idempotent, deliveries are known by their "
     "digest.",
     Retry::kAfterDelay},
    {"BACKUP_DIR_NOT_SET", absl::StatusCode::kFailedPrecondition, "CreateBackup",
     "The hub was started without `--backup_dir`.",
     "Start it with `--backup_dir=DIRECTORY`, best on another disk.", Retry::kLater},
    {"BACKUP_EXISTS", absl::StatusCode::kAlreadyExists, "CreateBackup",
     "There is a backup, or something else, of this name.", "Choose another name.", Retry::kNever},
    {"TOO_MANY_BACKUPS", absl::StatusCode::kResourceExhausted, "CreateBackup",
     "100 backups are in `--backup_dir`; the hub deletes none.",
     "Delete or move those that are not needed any more.", Retry::kLater},
    {"BACKUP_FAILED", absl::StatusCode::kUnavailable, "CreateBackup",
     "The backup could not be written, and is not there; the message has what the machine says.",
     "See to the disk that `--backup_dir` is on.", Retry::kLater},
    {"DATA_DAMAGED", absl::StatusCode::kDataLoss, "all rpcs that read",
     "Something on the hub's disk is not as it was written.",
     "Whoever runs the hub looks at its log, and at the disk, and restores a backup.",
     Retry::kLater},
    {"STORAGE_FAILED", absl::StatusCode::kUnavailable, "all rpcs that read",
     "The hub's disk could not be read.", "Whoever runs the hub looks at its log, and at the disk.",
     Retry::kLater},
    {"INTERNAL", absl::StatusCode::kInternal, "all rpcs",
     "Something failed that should not; it is a defect of the hub.",
     "Report it, with the message and the hub's log.", Retry::kLater},
};

inline constexpr HttpReasonRow kHttpReasons[] = {
    {"HEAD_INVALID", "400", "The request line or a header line is not HTTP/1.1.",
     "Correct the sender."},
    {"FRAMING_INVALID", "400",
     "Two programs could disagree on where the body ends: several lengths, length and chunks, "
     "broken chunks.",
     "Correct the sender, or the proxy before the gateway."},
    {"ENCODING_INVALID", "400", "The compressed body is broken or cut off.", "Correct the sender."},
    {"BODY_EMPTY", "400", "There is no body.", "Send one JSON object."},
    {"NOT_UTF8", "400", "The body is not UTF-8 at the byte that the message names.",
     "Send JSON encoded in UTF-8."},
    {"NOT_JSON", "400", "The body is not JSON at the byte that the message names.",
     "Send one whole JSON text."},
    {"TOO_DEEP", "400", "Objects and arrays nest too deep.", "Send it flatter."},
    {"TLS_REQUIRED", "400",
     "The request came without TLS, and the gateway was given a certificate (`--tls_cert_file`).",
     "Send it to `https://`."},
    {"BAD_REQUEST", "400", "The request cannot be read.", "Correct the sender."},
    {"UNAUTHENTICATED", "401", "No, another, or more than one credential.",
     "Send one that the gateway was given: `--bigpanda_secret_file`, `--sources_config`."},
    {"PATH_UNKNOWN", "404", "Nothing is behind this path.",
     "`gateway/README.md` has the paths of the sources."},
    {"METHOD_NOT_ALLOWED", "405", "Only POST is taken here.", "POST."},
    {"REQUEST_TIMEOUT", "408", "The request was not there within `--body_timeout`.",
     "Send it again, and faster."},
    {"BODY_TOO_LARGE", "413", "The body has more than 16 MiB, before or after decompression.",
     "Send less at once."},
    {"TOO_MANY_VALUES", "422",
     "The body holds more JSON values than are looked at. Senders see `UNMAPPED`.",
     "Send less at once."},
    {"EVENT_TOO_LARGE", "413, 422", "The incident has more than 3 MiB once encoded.",
     "Send less: fewer or shorter alerts and tags."},
    {"CONTENT_TYPE_UNSUPPORTED", "415", "The Content-Type is not JSON.", "Send application/json."},
    {"ENCODING_UNSUPPORTED", "415", "The Content-Encoding is neither gzip nor deflate.",
     "Send gzip, deflate, or none."},
    {"UNMAPPED", "422",
     "It is JSON, and no incident; the hub keeps it in quarantine. Of a batch: nothing in it is.",
     "See in the message which field is missing; `incidentctl quarantine` shows what is kept."},
    {"DELIVERY_INVALID", "422", "The hub refuses the delivery.", "See the message."},
    {"HEADERS_TOO_LARGE", "431", "The head has more than 32 KiB.", "Send fewer headers."},
    {"HEADERS_TOO_MANY", "431", "The head has more than 100 lines.", "Send fewer headers."},
    {"HUB_UNAVAILABLE", "503",
     "The hub was away for `--hold`. What was decoded is kept, and handed over when it is back.",
     "Send it again after `Retry-After`; a repeat is recognised."},
    {"OVERLOADED", "503", "Too many connections, large bodies, or deliveries without a receipt.",
     "Send it again after `Retry-After`."},
    {"OUT_OF_MEMORY", "503", "There is no memory to read a body of this size now.",
     "Send it again after `Retry-After`."},
    {"DRAINING", "503", "The gateway is being stopped.", "Send it again after `Retry-After`."},
    {"HUB_ERROR", "503", "The hub did not take the delivery, and gave no reason.",
     "Send it again after `Retry-After`; see the hub's log."},
    {"OUTCOME_UNKNOWN", "504",
     "The hub has not confirmed the delivery within `--answer_timeout`; it is kept, and may have "
     "been stored.",
     "Send it again; a repeat is recognised."},
};

namespace error_reasons {

constexpr bool Same(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// Null: no row has this name.
template <typename Row, size_t kSize>
constexpr const Row* Find(const Row (&rows)[kSize], absl::string_view name) {
  for (const Row& row : rows) {
    if (Same(row.name, name)) return &row;
  }
  return nullptr;
}

// Not constexpr: the compiler names it where a reason is used that has no row.
inline void ReasonHasNoRowInTheTable() {}

}  // namespace error_reasons

// A reason of the hub, from its name in quotes.
class HubReason {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a name in quotes is a reason.
  consteval HubReason(const char* name) : row_(error_reasons::Find(kHubReasons, name)) {
    if (row_ == nullptr) error_reasons::ReasonHasNoRowInTheTable();
  }
  constexpr absl::string_view name() const { return row_->name; }
  constexpr absl::StatusCode code() const { return row_->code; }

 private:
  const HubReasonRow* row_;
};

// A reason of the gateway or the hub, from its name in quotes.
class Reason {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a name in quotes is a reason.
  consteval Reason(const char* name) : name_(name) {
    if (error_reasons::Find(kHubReasons, name_) == nullptr &&
        error_reasons::Find(kHttpReasons, name_) == nullptr) {
      error_reasons::ReasonHasNoRowInTheTable();
    }
  }
  constexpr absl::string_view name() const { return name_; }

 private:
  absl::string_view name_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_ERROR_REASONS_H_
