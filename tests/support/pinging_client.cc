#include "tests/support/pinging_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/support/http2_frames.h"

namespace incidenthub::testing {
namespace {

struct Frame {
  char type = 0;
  char flags = 0;
  std::string payload;
};

absl::StatusOr<std::string> Read(int fd, size_t bytes, absl::Time deadline) {
  std::string read;
  while (read.size() < bytes) {
    pollfd readable{fd, POLLIN, 0};
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (poll(&readable, 1, static_cast<int>(std::max<int64_t>(left, 0))) == 0) {
      return absl::DeadlineExceededError("the server says nothing");
    }
    std::string part(bytes - read.size(), '\0');
    const ssize_t size = recv(fd, part.data(), part.size(), 0);
    if (size <= 0) return absl::UnavailableError("the server hung up");
    read.append(part, 0, static_cast<size_t>(size));
  }
  return read;
}

absl::StatusOr<Frame> ReadFrame(int fd, absl::Time deadline) {
  constexpr size_t kTypeAt = 3;
  constexpr size_t kFlagsAt = 4;
  ASSIGN_OR_RETURN(const std::string head, Read(fd, http2::kFrameHeadBytes, deadline));
  size_t size = 0;
  for (size_t i = 0; i < kTypeAt; ++i) size = size << 8U | static_cast<unsigned char>(head[i]);
  Frame frame;
  frame.type = head[kTypeAt];
  frame.flags = head[kFlagsAt];
  ASSIGN_OR_RETURN(frame.payload, Read(fd, size, deadline));
  return frame;
}

}  // namespace

absl::StatusOr<PingingClient> PingingClient::Connect(int port) {
  constexpr absl::Duration kTimeout = absl::Seconds(10);
  ASSIGN_OR_RETURN(const int fd, ConnectTcp(port, kTimeout));
  PingingClient client{OwnedFd(fd)};
  RETURN_IF_ERROR(SendAll(
      fd, absl::StrCat(http2::kPreface, http2::Frame(http2::kSettings, http2::kNoFlags, 0, ""))));
  // Pings are counted from the last frame on that the server had to say by itself; this is it.
  const absl::Time deadline = absl::Now() + kTimeout;
  while (true) {
    ASSIGN_OR_RETURN(const Frame frame, ReadFrame(fd, deadline));
    if (frame.type == http2::kWindowUpdate) return client;
  }
}

absl::Status PingingClient::Ping(absl::Duration timeout) {
  RETURN_IF_ERROR(SendAll(fd_.get(), http2::Frame(http2::kPing, http2::kNoFlags, 0,
                                                  std::string(http2::kPingBytes, 'p'))));
  return AwaitAnswer(absl::Now() + timeout);
}

absl::Status PingingClient::KeepSilent(absl::Duration duration) {
  const absl::Status status = AwaitAnswer(absl::Now() + duration);
  return absl::IsDeadlineExceeded(status) ? absl::OkStatus() : status;
}

absl::Status PingingClient::AwaitAnswer(absl::Time deadline) {
  // The last stream, and the code of the error.
  constexpr size_t kBeforeText = 8;
  while (true) {
    ASSIGN_OR_RETURN(const Frame frame, ReadFrame(fd_.get(), deadline));
    if (frame.type == http2::kGoAway) {
      return absl::AbortedError(frame.payload.substr(std::min(kBeforeText, frame.payload.size())));
    }
    if (frame.type == http2::kPing && frame.flags == http2::kAck) return absl::OkStatus();
  }
}

}  // namespace incidenthub::testing
