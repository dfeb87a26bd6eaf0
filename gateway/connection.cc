#include "gateway/connection.h"

#include <sys/socket.h>

#include <algorithm>
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

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

Connection::~Connection() = default;

absl::Status Connection::WaitForInput() {
  if (begin_ < end_) return absl::OkStatus();
  const Transfer got = transport_->ReceiveOrWait(buffer_.get(), kBufferBytes);
  if (got.size == 0) {
    return got.wait_for == 0 ? PeerGone() : absl::DeadlineExceededError("the peer is silent");
  }
  begin_ = 0;
  end_ = got.size;
  return absl::OkStatus();
}

absl::StatusOr<size_t> Connection::Receive(char* to, size_t size) {
  while (true) {
    const Transfer got = transport_->Receive(to, size);
    if (got.size > 0) return got.size;
    if (got.wait_for == 0 || !Flush()) return PeerGone();
    if (!PollUntil(transport_->fd(), got.wait_for, read_deadline_)) {
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

bool Connection::SendSome(short* wait_for) {
  size_t sent = 0;
  while (sent < out_.size()) {
    const Transfer transfer = transport_->Send(absl::string_view(out_).substr(sent));
    *wait_for = transfer.wait_for;
    if (transfer.size == 0) break;
    sent += transfer.size;
  }
  out_.erase(0, sent);
  return out_.empty();
}

bool Connection::FlushSome() {
  short ignored = 0;
  return SendSome(&ignored);
}

bool Connection::Flush() {
  const absl::Time deadline = absl::Now() + kWriteTimeout;
  short wait_for = 0;
  while (!SendSome(&wait_for)) {
    if (wait_for == 0 || !PollUntil(transport_->fd(), wait_for, deadline)) return false;
  }
  return true;
}

int Connection::Release() {
  transport_->SendEnd();
  return transport_->Release();
}

void Connection::StopReading() { shutdown(transport_->fd(), SHUT_RD); }

void Connection::Abort() { shutdown(transport_->fd(), SHUT_RDWR); }

}  // namespace incidenthub::gateway
