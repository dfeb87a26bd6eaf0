#include "gateway/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

// Out of file descriptors: connections wait in the backlog until some are free again.
constexpr int kNoDescriptorPauseMs = 50;

absl::StatusOr<int> Bind(const addrinfo& info) {
  const int fd =
      socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info.ai_protocol);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  const int on = 1;
  // Not SO_REUSEPORT: a second process must not share the port in silence.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, info.ai_addr, info.ai_addrlen) == 0) return fd;
  absl::Status error = absl::ErrnoToStatus(errno, "bind");
  close(fd);
  return error;
}

absl::StatusOr<int> BindAny(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(address.port);
  const int error = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(),
                                &hints, &found);
  if (error != 0) return absl::UnavailableError(gai_strerror(error));
  absl::StatusOr<int> fd = absl::UnavailableError("no such address");
  for (const addrinfo* info = found; info != nullptr && !fd.ok(); info = info->ai_next) {
    fd = Bind(*info);
  }
  freeaddrinfo(found);
  return fd;
}

int PortOf(int fd) {
  sockaddr_storage name = {};
  socklen_t size = sizeof name;
  INCIDENTHUB_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0);
  return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&name)->sin6_port
                                          : reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const HostPort& address, int backlog,
                                                          std::function<void(int fd)> on_accept) {
  const auto failed = [&address](absl::string_view cause) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", cause));
  };
  const absl::StatusOr<int> fd = BindAny(address);
  if (!fd.ok()) return failed(fd.status().message());
  if (listen(*fd, backlog) != 0) {
    const absl::Status error = failed(std::strerror(errno));
    close(*fd);
    return error;
  }
  return std::unique_ptr<Listener>(new Listener(*fd, PortOf(*fd), std::move(on_accept)));
}

Listener::Listener(int listen_fd, int port, std::function<void(int fd)> on_accept)
    : listen_fd_(listen_fd),
      stop_fd_(eventfd(0, EFD_CLOEXEC)),
      port_(port),
      on_accept_(std::move(on_accept)) {
  INCIDENTHUB_CHECK(stop_fd_ >= 0);
  thread_ = std::thread([this] { Loop(); });
}

Listener::~Listener() {
  Stop();
  close(stop_fd_);
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  INCIDENTHUB_CHECK(write(stop_fd_, &one, sizeof one) == sizeof one);
  thread_.join();
  close(listen_fd_);
}

void Listener::Loop() {
  RepeatedLine lines(kOneAMinute);
  while (true) {
    pollfd polled[] = {{listen_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents != 0) return;
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      const char* const error = std::strerror(errno);
      if (const auto left_out = lines.Next()) {
        Log(LogLevel::kError, "cannot accept connections",
            {{"error", error}, {"more_before", *left_out}});
      }
      // A wait for the stop alone, so that this does not spin.
      poll(&polled[1], 1, kNoDescriptorPauseMs);
    }
  }
}

}  // namespace incidenthub::gateway
