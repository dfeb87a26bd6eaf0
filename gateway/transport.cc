#include "gateway/transport.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace incidenthub::gateway {
namespace {

class PlainTransport final : public Transport {
 public:
  using Transport::Transport;

  Transfer Receive(char* to, size_t size) override {
    return ToTransfer([&] { return recv(fd(), to, size, MSG_DONTWAIT); }, POLLIN);
  }

  Transfer Send(absl::string_view bytes) override {
    return ToTransfer(
        [&] { return send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); },
        POLLOUT);
  }

 private:
  template <typename Call>
  static Transfer ToTransfer(Call call, short wait_for) {
    while (true) {
      const ssize_t size = call();
      if (size >= 0) return {.size = static_cast<size_t>(size)};
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {.wait_for = wait_for};
      if (errno != EINTR) return {};
    }
  }
};

}  // namespace

Transport::Transport(int fd) : fd_(fd) {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Transport::~Transport() {
  if (fd_ >= 0) close(fd_);
}

absl::Status Transport::Handshake(absl::Time /*deadline*/) { return absl::OkStatus(); }

int Transport::Release() { return std::exchange(fd_, -1); }

std::unique_ptr<Transport> NewPlainTransport(int fd) {
  return std::make_unique<PlainTransport>(fd);
}

std::string PeerOf(int fd) {
  sockaddr_storage name = {};
  socklen_t size = sizeof name;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  // Through void: the socket API's own idea of a base class.
  void* const generic = &name;
  auto* const address = static_cast<sockaddr*>(generic);
  if (getpeername(fd, address, &size) != 0 ||
      getnameinfo(address, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "gone";
  }
  return absl::StrCat(host, " port ", port);
}

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

}  // namespace incidenthub::gateway
