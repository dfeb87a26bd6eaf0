// What a connection reads from and writes to: its socket as it is, or TLS on it.
//
// Nothing here waits, but for Handshake().
//
// Threads: one at a time.

#ifndef INCIDENTHUB_GATEWAY_TRANSPORT_H_
#define INCIDENTHUB_GATEWAY_TRANSPORT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub::gateway {

// What came of one try.
struct Transfer {
  // Bytes.
  size_t size = 0;
  // If there were none: what to poll the socket for before the next try, POLLIN or POLLOUT, whether
  // it was to read or to write. 0: there will be no more; the peer is gone.
  short wait_for = 0;
};

class Transport {
 public:
  // Takes over `fd`, a connected socket in blocking mode, and closes it at its end.
  explicit Transport(int fd);
  virtual ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // What has to come before anything else. DEADLINE_EXCEEDED; CANCELLED: the peer has closed before
  // it said anything; INVALID_ARGUMENT: it does not speak as it has to, in words for the log;
  // with the reason TLS_REQUIRED, it speaks HTTP without TLS, and nothing was sent to it.
  virtual absl::Status Handshake(absl::Time deadline);

  virtual Transfer Receive(char* to, size_t size) = 0;
  // Whether Receive() may have something for which nothing new has to arrive at the socket; not any
  // more once it has said what to wait for.
  virtual bool HoldsInput() const { return false; }

  // A part that was not sent has to come first the next time; more may be behind it.
  virtual Transfer Send(absl::string_view bytes) = 0;

  // Tells the peer that nothing will come any more, if there is a way to.
  virtual void SendEnd() {}

  int fd() const { return fd_; }
  // The socket, which is the caller's from now on. Nothing else may be called any more.
  int Release();

 private:
  int fd_;
};

// The socket as it is.
std::unique_ptr<Transport> NewPlainTransport(int fd);

// The other end's numeric address and port, for the log.
std::string PeerOf(int fd);

// Waits for `events`, or an error, which shows at the next try. False: `deadline` passed.
bool PollUntil(int fd, short events, absl::Time deadline);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_TRANSPORT_H_
