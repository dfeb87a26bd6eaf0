// A small HTTP/1.1 client for tests: one kept connection, every wait bounded, and whatever bytes a
// test wants to send.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HTTP_CLIENT_H_
#define INCIDENTHUB_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  // The first value; names are compared without case. Empty: there is none.
  std::string Header(absl::string_view name) const;
};

// Reads one response from the beginning of `bytes`. Returns how many bytes it has, 0 if it is not
// complete yet. `ended`: no more bytes will come, which is the end of a body without a length.
// 100 Continue is skipped, 204 has no body. INVALID_ARGUMENT: this is no HTTP response.
absl::StatusOr<size_t> ParseHttpResponse(absl::string_view bytes, bool ended,
                                         HttpResponse* response);

// A POST with its Content-Length.
std::string HttpPostBytes(absl::string_view path, const HttpHeaders& headers,
                          absl::string_view body);

class HttpClient {
 public:
  // Talks to 127.0.0.1. `timeout` bounds each request, connecting included.
  explicit HttpClient(int port, absl::Duration timeout = absl::Seconds(60))
      : port_(port), timeout_(timeout) {}
  ~HttpClient() { Disconnect(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Over the kept connection, or a new one if there is none or the server has closed it.
  // UNAVAILABLE: no connection could be made, or it broke before the whole response; whether the
  // server took the request is unknown then. DEADLINE_EXCEEDED likewise.
  absl::StatusOr<HttpResponse> Post(absl::string_view path, const HttpHeaders& headers,
                                    absl::string_view body);
  absl::StatusOr<HttpResponse> Get(absl::string_view path);

  // Sends `bytes` as they are and reads one response, which may come before all of them are sent.
  absl::StatusOr<HttpResponse> Exchange(absl::string_view bytes);

  void Disconnect();

 private:
  absl::Status ConnectIfNeeded(absl::Time deadline);
  // Sends until everything is sent or a response begins.
  absl::Status Send(absl::string_view bytes, absl::Time deadline);
  absl::StatusOr<HttpResponse> Receive(absl::Time deadline);

  const int port_;
  const absl::Duration timeout_;
  int fd_ = -1;
  // Received, and not taken.
  std::string in_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_HTTP_CLIENT_H_
