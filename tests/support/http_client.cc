#include "tests/support/http_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {
namespace {

constexpr size_t kReadBytes = 65536;

absl::Status Broken(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// DEADLINE_EXCEEDED: nothing of `events` happened.
absl::StatusOr<int16_t> Poll(int fd, int16_t events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
    pollfd poll_fd{fd, events, 0};
    const int count = poll(
        &poll_fd, 1,
        static_cast<int>(absl::ToInt64Milliseconds(left)) + (left > absl::ZeroDuration() ? 1 : 0));
    if (count > 0) return poll_fd.revents;
    if (count == 0) return absl::DeadlineExceededError("no answer in time");
    if (errno != EINTR) return Broken("poll");
  }
}

absl::StatusOr<size_t> ParseLength(const HttpResponse& response, bool* has_length) {
  const std::string text = response.Header("Content-Length");
  *has_length = !text.empty();
  uint64_t length = 0;
  if (*has_length && !absl::SimpleAtoi(text, &length)) {
    return absl::InvalidArgumentError(absl::StrCat("Content-Length ", text));
  }
  return length;
}

}  // namespace

std::string HttpResponse::Header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

absl::StatusOr<size_t> ParseHttpResponse(absl::string_view bytes, bool ended,
                                         HttpResponse* response) {
  *response = {};
  const size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == absl::string_view::npos) return 0;
  const size_t body_begin = head_end + 4;
  const std::vector<absl::string_view> lines = absl::StrSplit(bytes.substr(0, head_end), "\r\n");
  const absl::string_view status_line = lines.front();
  if (!absl::StartsWith(status_line, "HTTP/1.") || status_line.size() < 12 ||
      !absl::SimpleAtoi(status_line.substr(9, 3), &response->status)) {
    return absl::InvalidArgumentError(absl::StrCat("no HTTP response: ", status_line));
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    response->headers.emplace_back(std::string(field.first),
                                   std::string(absl::StripAsciiWhitespace(field.second)));
  }
  if (response->status == 100) {
    ASSIGN_OR_RETURN(const size_t size,
                     ParseHttpResponse(bytes.substr(body_begin), ended, response));
    return size == 0 ? 0 : body_begin + size;
  }
  if (response->status == 204) return body_begin;
  bool has_length = false;
  ASSIGN_OR_RETURN(const size_t length, ParseLength(*response, &has_length));
  const absl::string_view rest = bytes.substr(body_begin);
  if (has_length ? rest.size() < length : !ended) return 0;
  response->body = std::string(has_length ? rest.substr(0, length) : rest);
  return body_begin + response->body.size();
}

std::string HttpPostBytes(absl::string_view path, const HttpHeaders& headers,
                          absl::string_view body) {
  std::string request = absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  for (const auto& [name, value] : headers) absl::StrAppend(&request, name, ": ", value, "\r\n");
  absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n\r\n", body);
  return request;
}

absl::StatusOr<HttpResponse> HttpClient::Post(absl::string_view path, const HttpHeaders& headers,
                                              absl::string_view body) {
  return Exchange(HttpPostBytes(path, headers, body));
}

absl::StatusOr<HttpResponse> HttpClient::Get(absl::string_view path) {
  return Exchange(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
}

absl::StatusOr<HttpResponse> HttpClient::Exchange(absl::string_view bytes) {
  const absl::Time deadline = absl::Now() + timeout_;
  RETURN_IF_ERROR(ConnectIfNeeded(deadline));
  // A server that refuses early may answer and close before it has read everything: the answer
  // counts, not that sending failed.
  const absl::Status sent = Send(bytes, deadline);
  absl::StatusOr<HttpResponse> response = Receive(deadline);
  if (!response.ok() || response->Header("Connection") == "close") Disconnect();
  if (!response.ok() && !sent.ok()) return sent;
  return response;
}

absl::Status HttpClient::ConnectIfNeeded(absl::Time deadline) {
  if (fd_ >= 0) {
    char byte = 0;
    const ssize_t size = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Only a connection that is open and silent can take the next request.
    if (size < 0 && errno == EAGAIN) return absl::OkStatus();
    Disconnect();
  }
  ASSIGN_OR_RETURN(fd_, ConnectTcp(port_, deadline - absl::Now()));
  return absl::OkStatus();
}

absl::Status HttpClient::Send(absl::string_view bytes, absl::Time deadline) {
  while (!bytes.empty()) {
    const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Broken("sending");
    ASSIGN_OR_RETURN(const int16_t events, Poll(fd_, POLLIN | POLLOUT, deadline));
    if ((events & POLLIN) != 0) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<HttpResponse> HttpClient::Receive(absl::Time deadline) {
  HttpResponse response;
  bool ended = false;
  while (true) {
    ASSIGN_OR_RETURN(const size_t size, ParseHttpResponse(in_, ended, &response));
    if (size > 0) {
      in_.erase(0, size);
      return response;
    }
    if (ended) return absl::UnavailableError("the connection ended before a response");
    ASSIGN_OR_RETURN([[maybe_unused]] const int16_t events, Poll(fd_, POLLIN, deadline));
    std::array<char, kReadBytes> buffer;
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Broken("receiving");
    if (count == 0) ended = true;
    in_.append(buffer.data(), static_cast<size_t>(count));
  }
}

void HttpClient::Disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  in_.clear();
}

}  // namespace incidenthub::testing
