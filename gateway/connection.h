// One accepted connection: buffered reads under a deadline, writes collected and sent at once.
//
// Invariants: (1) no call blocks longer than its timeout or the read deadline; (2) what was read
//             beyond one request is the beginning of the next (pipelining); (3) output is sent
//             before any read that waits, so a peer that waits for it (100 Continue) gets it.
// Threads:    one at a time; StopReading() and Abort(): any.

#ifndef INCIDENTHUB_GATEWAY_CONNECTION_H_
#define INCIDENTHUB_GATEWAY_CONNECTION_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/http_body.h"
#include "gateway/transport.h"

namespace incidenthub::gateway {

class Connection final : public ByteSource {
 public:
  explicit Connection(std::unique_ptr<Transport> transport);
  // Closes at once. A peer that is still sending gets a reset, and may not see its answer: see
  // LingeringCloser.
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Before anything else. As Transport::Handshake().
  absl::Status Handshake(absl::Time deadline) { return transport_->Handshake(deadline); }

  // Takes in what has arrived, without a wait, if nothing of what came before is left.
  enum class Input { kSome, kNone, kEnd };
  Input TakeIn();
  // Bytes that were taken in and not read.
  size_t held_bytes() const { return end_ - begin_; }
  // Whether there may be more at hand without anything new in the socket; TakeIn() finds out.
  bool HasInput() const { return held_bytes() > 0 || transport_->HoldsInput(); }
  // Whether ReadHead() would not wait.
  bool HoldsHead() const;

  // Reads past it fail.
  void set_read_deadline(absl::Time deadline) { read_deadline_ = deadline; }

  // Everything up to and including the next blank line, into `*head`. RESOURCE_EXHAUSTED,
  // HEADERS_TOO_LARGE: there is none within `bytes_max`. Otherwise as Read().
  absl::Status ReadHead(size_t bytes_max, std::string* head);

  // DEADLINE_EXCEEDED, REQUEST_TIMEOUT: the read deadline has passed. CANCELLED: the peer is gone.
  absl::StatusOr<size_t> Read(char* to, size_t size) override;

  // What is to be sent is collected here.
  std::string* out() { return &out_; }
  // Sends what was collected. False: the peer is gone, or does not read.
  bool Flush();
  // Sends what can be sent without a wait. False: something is left.
  bool FlushSome();

  // The socket, which is the caller's from now on, after the transport's own end was sent. Nothing
  // else may be called any more.
  int Release();
  int fd() const { return transport_->fd(); }

  // Makes reads end as if the peer had closed, once what has arrived is used up. Writes go on.
  void StopReading();
  // Makes every read and write fail.
  void Abort();

 private:
  // Into the buffer, which is empty. At least one byte if OK.
  absl::Status Fill();
  // From the transport; waits until the deadline.
  absl::StatusOr<size_t> Receive(char* to, size_t size);
  // As FlushSome(); also says what has to be waited for if something is left, 0: the peer is gone.
  bool SendSome(short* wait_for);

  const std::unique_ptr<Transport> transport_;
  absl::Time read_deadline_ = absl::InfiniteFuture();
  // Bytes [begin_, end_) were read and not taken.
  const std::unique_ptr<char[]> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::string out_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_CONNECTION_H_
