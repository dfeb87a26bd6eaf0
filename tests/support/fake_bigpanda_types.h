// What tests say to a FakeBigPanda, and what it tells them.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_TYPES_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

// Each has a rate limit, faults and records of its own.
enum class BigPandaEndpoint { kResolve, kComments, kCallback, kEnvironments, kUnknown };
inline constexpr size_t kBigPandaEndpointCount = 5;
// "resolve", "comments", "callback", "environments", "unknown".
absl::string_view BigPandaEndpointName(BigPandaEndpoint endpoint);

struct BigPandaEnvironment {
  std::string id;
  std::string name;
};

// Of the documented sample.
inline constexpr char kBigPandaEnvironmentId[] = "6a0b1c2d3e4f5061728394a5";
inline constexpr char kBigPandaEnvironmentName[] = "Production EU";
inline constexpr char kBigPandaApiKey[] = "test-api-key-Zm9v";
inline constexpr char kBigPandaAppKey[] = "test-app-key-YmFy";

struct FakeBigPandaOptions {
  // On 127.0.0.1; 0: any.
  int port = 0;
  // PEM files; both empty: plain HTTP.
  std::string tls_certificate_file;
  std::string tls_key_file;

  std::string api_key = kBigPandaApiKey;
  // Of the webhook integration; the callback sends it.
  std::string app_key = kBigPandaAppKey;
  // Nobody knows what BigPanda answers to a wrong one.
  int wrong_app_key_status = 403;
  std::vector<BigPandaEnvironment> environments = {
      {kBigPandaEnvironmentId, kBigPandaEnvironmentName}};

  // Requests of an endpoint that are let through in any one second; 0: all.
  int rate_limit = 5;
  // The Retry-After of a 429, in seconds; empty: it has none.
  std::string rate_limit_retry_after;

  // From the 202 of a resolve to the incident's being closed.
  absl::Duration echo_delay = absl::Milliseconds(50);
  // Updates of a new incident are held back until its callback comes, or for `lock_timeout`.
  bool lock = true;
  absl::Duration lock_timeout = absl::Minutes(5);
  // Whether a comment made over the API is told to the webhook; BigPanda's default is not.
  bool tell_comments = false;
  // Times in webhooks are whole seconds. True: each of an incident's is at least a second after the
  // one before, however fast they come, so that their order shows. False: as the clock says.
  bool times_move_on = true;

  // http://HOST:PORT/PATH; empty: webhooks are recorded, not sent.
  std::string webhook_url;
  // Sent with each webhook; an empty name: none.
  std::string webhook_header_name;
  std::string webhook_header_value;
  // Whether BigPanda tries again is unknown; 1: it does not.
  int webhook_attempts = 3;
  absl::Duration webhook_pause = absl::Milliseconds(50);
  absl::Duration webhook_timeout = absl::Seconds(10);
};

// What goes wrong with an answer. Made by the functions below.
struct BigPandaFault {
  enum class Kind { kStatus, kDelay, kHang, kReset, kGarbage, kHugeBody, kDrip };
  Kind kind = Kind::kStatus;
  // kStatus. An empty body: the usual one of an error.
  int status = 503;
  std::string body;
  std::string retry_after;
  // kDelay: before the answer. kDrip: between two bytes.
  absl::Duration pause;
  // kReset: bytes of the answer that are sent. kHugeBody: bytes of the body.
  size_t bytes = 0;
  // kReset: with a TCP reset instead of an ordinary end.
  bool reset = true;
  // Whether the request is carried out, and only its answer suffers. False: nothing is done, and
  // whatever is sent of an answer is of a 500, or the status of kStatus.
  bool takes_effect = true;
};

inline constexpr size_t kBigPandaHugeBodyBytes = size_t{1} << 30;

// Answered with `status`, and nothing done.
BigPandaFault StatusFault(int status, std::string retry_after = "", std::string body = "");
// Done at once, answered later.
BigPandaFault DelayFault(absl::Duration pause);
// Done, and never answered: until the client gives up, or the fake stops.
BigPandaFault HangFault();
// Done, and the connection breaks after so many bytes of the answer.
BigPandaFault ResetFault(size_t bytes = 20);
// Done, and the answer is no HTTP.
BigPandaFault GarbageFault();
// Done, and the answer does not end before so many bytes.
BigPandaFault HugeBodyFault(size_t bytes = kBigPandaHugeBodyBytes);
// Done, and the answer comes a byte at a time.
BigPandaFault DripFault(absl::Duration pause);

// A request to the API as it came.
struct BigPandaRequest {
  absl::Time time;
  BigPandaEndpoint endpoint = BigPandaEndpoint::kUnknown;
  std::string method;
  // As sent, still percent-encoded.
  std::string path;
  std::string environment_id;
  std::string incident_id;
  std::string body;
  // `comments` of a resolve, `comment` of a comment.
  std::string comment;
  // Of a callback.
  std::string event_type;
  std::string app_key;
  // What was answered, or would have been, had no fault swallowed it.
  int status = 0;
  bool faulty = false;
};

// An incident as BigPanda holds it; times are epoch seconds.
struct BigPandaIncident {
  std::string id;
  std::string environment_id;
  // "Critical", "Warning", "Unknown", "Ok".
  std::string status;
  std::string severity;
  bool resolved = false;
  int64_t started_on = 0;
  int64_t changed_on = 0;
  int64_t updated_on = 0;
  // 0: still open.
  int64_t ended_on = 0;
  // Of comments and of resolves, in order.
  std::vector<std::string> comments;
  // Updates wait for the callback; so many do.
  bool locked = false;
  size_t held_back = 0;
};

// A webhook that was sent, or given up.
struct BigPandaWebhook {
  std::string incident_id;
  // "incident#new" and so on.
  std::string event;
  std::string body;
  // The answer to each attempt; 0: there was none.
  std::vector<int> answers;
  // The last answer was a 2xx.
  bool taken = false;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_TYPES_H_
