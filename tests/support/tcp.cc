#include "tests/support/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace incidenthub::testing {
namespace {

absl::Status ConnectError(int port, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot connect to port ", port, ": ", std::strerror(error)));
}

// The result of a connect() that is under way.
int AwaitConnected(int fd, absl::Duration timeout) {
  pollfd poll_fd{fd, POLLOUT, 0};
  const int count = poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  if (count == 0) return ETIMEDOUT;
  if (count < 0) return errno;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (fd_ >= 0 && fd_ != other.fd_) close(fd_);
  fd_ = other.release();
  return *this;
}

int OwnedFd::release() { return std::exchange(fd_, -1); }

absl::StatusOr<int> ConnectTcp(int port, absl::Duration timeout, const std::string& source) {
  OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return ConnectError(port, errno);
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Through void: the socket API's own idea of a base class.
  const void* generic = &address;
  if (!source.empty()) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    const void* generic_from = &from;
    if (inet_pton(AF_INET, source.c_str(), &from.sin_addr) != 1) {
      return absl::InvalidArgumentError(absl::StrCat(source, " is no address"));
    }
    if (bind(fd.get(), static_cast<const sockaddr*>(generic_from), sizeof from) != 0) {
      return ConnectError(port, errno);
    }
  }
  if (connect(fd.get(), static_cast<const sockaddr*>(generic), sizeof address) != 0) {
    const int error = errno == EINPROGRESS ? AwaitConnected(fd.get(), timeout) : errno;
    if (error == ETIMEDOUT) return absl::DeadlineExceededError(absl::StrCat("port ", port));
    if (error != 0) return ConnectError(port, error);
  }
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return ConnectError(port, errno);
  }
  return fd.release();
}

absl::Status SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      return absl::UnavailableError(absl::StrCat("sending: ", std::strerror(errno)));
    }
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

}  // namespace incidenthub::testing
