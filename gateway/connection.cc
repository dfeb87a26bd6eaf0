#include "gateway/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

constexpr size_t kBufferBytes = size_t{16} << 10;
// A peer that does not take its answer for this long is given up.
constexpr absl::Duration kWriteTimeout = absl::Seconds(10);

absl::Status PeerGone() { return absl::CancelledError("the peer has closed the connection"); }

// False: `deadline` passed.
bool PollUntil(int fd, short events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    // Rounded up, so that the last round does not spin.
    const int64_t milliseconds = std::min<int64_t>(absl::ToInt64Milliseconds(left), 60'000) + 1;
    pollfd polled = {fd, events, 0};
    const int ready = poll(&polled, 1, static_cast<int>(milliseconds));
    // An error shows at the read or write that follows.
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

}  // namespace

Connection::Connection(int fd, absl::Duration idle_timeout)
    : fd_(fd), buffer_(std::make_unique<char[]>(kBufferBytes)) {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval timeout = absl::ToTimeval(idle_timeout);
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

absl::Status Connection::WaitForInput() {
  if (begin_ < end_) return absl::OkStatus();
  ssize_t got = 0;
  do {
    // Blocks, for SO_RCVTIMEO at most: one system call where poll and recv would be two.
    got = recv(fd_, buffer_.get(), kBufferBytes, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return absl::DeadlineExceededError("the peer is silent");
  }
  if (got <= 0) return PeerGone();
  begin_ = 0;
  end_ = static_cast<size_t>(got);
  return absl::OkStatus();
}

absl::StatusOr<size_t> Connection::Receive(char* to, size_t size) {
  while (true) {
    const ssize_t got = recv(fd_, to, size, MSG_DONTWAIT);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) return PeerGone();
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return PeerGone();
    if (!Flush()) return PeerGone();
    if (!PollUntil(fd_, POLLIN, read_deadline_)) {
      return ReasonError(absl::StatusCode::kDeadlineExceeded, "REQUEST_TIMEOUT",
                         "the request did not arrive in time");
    }
  }
}

absl::Status Connection::Fill() {
  ASSIGN_OR_RETURN(end_, Receive(buffer_.get(), kBufferBytes));
  begin_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<size_t> Connection::Read(char* to, size_t size) {
  if (begin_ == end_) {
    if (size >= kBufferBytes) return Receive(to, size);
    RETURN_IF_ERROR(Fill());
  }
  const size_t taken = std::min(size, end_ - begin_);
  std::memcpy(to, buffer_.get() + begin_, taken);
  begin_ += taken;
  return taken;
}

absl::Status Connection::ReadHead(size_t bytes_max, std::string* head) {
  head->clear();
  size_t searched = 0;
  while (true) {
    if (begin_ == end_) RETURN_IF_ERROR(Fill());
    head->append(buffer_.get() + begin_, end_ - begin_);
    begin_ = end_;
    // A blank line in front of a request is left over from a sloppy end of the last body.
    while (absl::StartsWith(*head, "\r\n")) head->erase(0, 2);
    // Lines that end in a bare LF end the head too; its parser refuses them, without a wait for
    // more.
    for (size_t at = head->find('\n', searched); at != std::string::npos;
         at = head->find('\n', at + 1)) {
      const absl::string_view next = absl::string_view(*head).substr(at + 1);
      const size_t blank = absl::StartsWith(next, "\r\n") ? 2
                           : absl::StartsWith(next, "\n") ? 1
                                                          : 0;
      if (blank == 0) continue;
      const size_t end = at + 1 + blank;
      if (end > bytes_max) break;
      // What follows came with this read, so it is still in the buffer.
      begin_ = end_ - (head->size() - end);
      head->resize(end);
      return absl::OkStatus();
    }
    if (head->size() > bytes_max) {
      return ReasonError(absl::StatusCode::kResourceExhausted, "HEADERS_TOO_LARGE",
                         absl::StrCat("the request's head is larger than ", bytes_max, " bytes"));
    }
    // The blank line may have come in part.
    searched = head->size() < 3 ? 0 : head->size() - 3;
  }
}

bool Connection::FlushSome() {
  size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n =
        send(fd_, out_.data() + sent, out_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    sent += static_cast<size_t>(n);
  }
  out_.erase(0, sent);
  return out_.empty();
}

bool Connection::Flush() {
  const absl::Time deadline = absl::Now() + kWriteTimeout;
  while (!FlushSome()) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (!PollUntil(fd_, POLLOUT, deadline)) return false;
  }
  return true;
}

int Connection::Release() { return std::exchange(fd_, -1); }

void Connection::StopReading() { shutdown(fd_, SHUT_RD); }

void Connection::Abort() { shutdown(fd_, SHUT_RDWR); }

}  // namespace incidenthub::gateway
