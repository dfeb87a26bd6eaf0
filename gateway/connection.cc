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

// Bytes of blank lines in front of a request: left over from a sloppy end of the last body.
size_t BlankLinesBefore(absl::string_view bytes) {
  size_t size = 0;
  while (absl::StartsWith(bytes.substr(size), "\r\n")) size += 2;
  return size;
}

// Behind the blank line that ends a head; npos: it is still to come, and none begins before `from`.
// Lines that end in a bare LF end the head too; its parser refuses them, without a wait for more.
size_t EndOfHead(absl::string_view bytes, size_t from) {
  for (size_t at = bytes.find('\n', from); at != absl::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const absl::string_view next = bytes.substr(at + 1);
    if (absl::StartsWith(next, "\r\n")) return at + 3;
    if (absl::StartsWith(next, "\n")) return at + 2;
  }
  return absl::string_view::npos;
}

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

Connection::~Connection() = default;

Connection::Input Connection::TakeIn() {
  if (begin_ < end_) return Input::kSome;
  const Transfer got = transport_->Receive(buffer_.get(), kBufferBytes);
  if (got.size == 0) return got.wait_for == 0 ? Input::kEnd : Input::kNone;
  begin_ = 0;
  end_ = got.size;
  return Input::kSome;
}

bool Connection::HoldsHead() const {
  const absl::string_view held(buffer_.get() + begin_, held_bytes());
  const size_t skipped = BlankLinesBefore(held);
  return EndOfHead(held.substr(skipped), 0) != absl::string_view::npos;
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
    head->erase(0, BlankLinesBefore(*head));
    const size_t end = EndOfHead(*head, searched);
    if (end != absl::string_view::npos && end <= bytes_max) {
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
