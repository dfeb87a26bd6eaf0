// BigPanda's API as the hub uses it: what is asked, and what an answer means. Pure.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_BIGPANDA_API_H_
#define INCIDENTHUB_SERVER_UPSTREAM_BIGPANDA_API_H_

#include <string>

#include "absl/strings/string_view.h"
#include "incidenthub/v1/incident.pb.h"
#include "server/upstream/config.h"
#include "server/upstream/http_client.h"

namespace incidenthub {

// A path that has a rate limit of its own.
enum class Endpoint { kResolve, kComment, kCallback, kEnvironments };
inline constexpr int kEndpointCount = 4;
// For metrics and texts: `resolve`, `comment`, `callback`, `environments`.
absl::string_view NameOf(Endpoint endpoint);

// Resolves the incident there; its resolution's actor and note become the comment.
HttpRequest ResolveRequest(const UpstreamSource& source, absl::string_view environment_id,
                           const v1::Incident& incident);
// Says who acknowledged it, and why.
HttpRequest CommentRequest(const UpstreamSource& source, absl::string_view environment_id,
                           const v1::Incident& incident);
// The incident has arrived: its updates may come. REQUIRES: the source has an app key.
HttpRequest CallbackRequest(const UpstreamSource& source, absl::string_view incident_id);
// Succeeds with a key that is good.
HttpRequest EnvironmentsRequest(const UpstreamSource& source);

// What an answer means.
enum class Verdict {
  kDone,
  // It was resolved there already, or is being.
  kAlready,
  // Later, maybe.
  kRetry,
  // The key is not good, or not for this environment.
  kBadKey,
  kForbidden,
  // There is no such thing; or this is the wrong region, whose host answers the same.
  kNotFound,
  // Asking again would not help.
  kRefused
};

inline constexpr int kVerdictCount = 7;
// For metrics: `done`, `already`, `retry`, ...
absl::string_view NameOf(Verdict verdict);

struct Reading {
  Verdict verdict = Verdict::kRetry;
  // What to tell people; without the source's keys. At most kUpstreamErrorBytesMax bytes of UTF-8.
  std::string text;
};

Reading ReadAnswer(const UpstreamSource& source, Endpoint endpoint, const HttpAnswer& answer);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_BIGPANDA_API_H_
