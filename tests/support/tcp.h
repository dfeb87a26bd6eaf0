// Bare TCP connections to loopback.

#ifndef INCIDENTHUB_TESTS_SUPPORT_TCP_H_
#define INCIDENTHUB_TESTS_SUPPORT_TCP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

// A connected socket with TCP_NODELAY, in blocking mode, to be closed by the caller. UNAVAILABLE:
// nobody listens there. DEADLINE_EXCEEDED: no answer.
// `source`: the address of loopback to connect from, "127.0.0.2" say; empty: the usual one.
absl::StatusOr<int> ConnectTcp(int port, absl::Duration timeout, const std::string& source = "");

// Closes a socket at the end of its scope.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;

  int get() const { return fd_; }
  int release();

 private:
  int fd_;
};

// Sends all of it, without a deadline. UNAVAILABLE: the peer is gone.
absl::Status SendAll(int fd, absl::string_view bytes);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_TCP_H_
