// HTTP requests to few hosts, many at once, on one thread: libcurl's multi interface.
//
// TLS is verified, against the system's authorities or those of a file. HTTPS_PROXY, HTTP_PROXY (in
// lower case) and NO_PROXY of the environment are honoured, as libcurl documents. Redirects are not
// followed. Nothing is retried: a request is sent once, on a connection of its own.
//
// Threads:  one; but Wake by any.
// Lifetime: requests that run when it is destroyed are given up, and not answered.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_HTTP_CLIENT_H_
#define INCIDENTHUB_SERVER_UPSTREAM_HTTP_CLIENT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace incidenthub {

// Of an answer: more is an error.
inline constexpr size_t kHttpAnswerBytesMax = size_t{256} << 10U;

struct HttpRequest {
  std::string url;
  // Secret.
  std::string bearer_token;
  // Empty: GET. Else POST, as JSON.
  std::string body;
};

struct HttpAnswer {
  // 0: none came; `error` says why, for people, without secrets.
  int status = 0;
  std::string body;
  std::string error;
  // Retry-After; zero: there was none.
  absl::Duration retry_after;
};

class HttpClient {
 public:
  using Done = std::function<void(const HttpAnswer&)>;

  struct Options {
    // PEM file of certificate authorities; empty: the system's.
    std::string ca_file;
    // Of a whole request.
    absl::Duration timeout = absl::Seconds(15);
  };
  // INVALID_ARGUMENT: the file of authorities cannot be read.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(const Options& options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `done` is called by a later Poll, once.
  void Start(const HttpRequest& request, Done done);

  // Moves requests on, and calls `done` of those that have ended; returns after that, or `wait`, or
  // a Wake.
  void Poll(absl::Duration wait);
  // Has a Poll return that waits, or the next one.
  void Wake();

 private:
  struct Rep;
  explicit HttpClient(const Options& options);
  std::unique_ptr<Rep> rep_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_HTTP_CLIENT_H_
