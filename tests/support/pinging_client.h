// A client of HTTP/2 that has nothing to say, and pings.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_SUPPORT_PINGING_CLIENT_H_
#define INCIDENTHUB_TESTS_SUPPORT_PINGING_CLIENT_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {

class PingingClient {
 public:
  static absl::StatusOr<PingingClient> Connect(int port);

  // Pings, and waits for the answer. ABORTED: the server sends the client away; the message is what
  // it says to that. UNAVAILABLE: it hung up. DEADLINE_EXCEEDED: it says nothing.
  absl::Status Ping(absl::Duration timeout);

  // Does not ping for so long. OK: the server has not sent the client away meanwhile.
  absl::Status KeepSilent(absl::Duration duration);

 private:
  explicit PingingClient(OwnedFd fd) : fd_(std::move(fd)) {}
  // Reads frames until one answers a ping; errors as of Ping.
  absl::Status AwaitAnswer(absl::Time deadline);

  OwnedFd fd_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_PINGING_CLIENT_H_
