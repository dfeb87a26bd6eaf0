// A port of this machine that takes connections, and never says a word.

#ifndef INCIDENTHUB_TESTS_CLIENTS_TCP_BLACK_HOLE_H_
#define INCIDENTHUB_TESTS_CLIENTS_TCP_BLACK_HOLE_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace incidenthub::testing {

class TcpBlackHole {
 public:
  TcpBlackHole() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    INCIDENTHUB_CHECK(bind(fd_, generic, size) == 0);
    INCIDENTHUB_CHECK(listen(fd_, 16) == 0);
    INCIDENTHUB_CHECK(getsockname(fd_, generic, &size) == 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  TcpBlackHole(const TcpBlackHole&) = delete;
  TcpBlackHole& operator=(const TcpBlackHole&) = delete;
  ~TcpBlackHole() { close(fd_); }

  const std::string& address() const { return address_; }

 private:
  int fd_;
  std::string address_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_CLIENTS_TCP_BLACK_HOLE_H_
