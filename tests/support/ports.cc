#include "tests/support/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <set>

#include "absl/base/const_init.h"
#include "absl/synchronization/mutex.h"
#include "common/check.h"

namespace incidenthub::testing {
namespace {

constexpr int kPortMin = 10'000;
constexpr int kPortMax = 32'767;
constexpr int kTriesMax = 10'000;

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  INCIDENTHUB_CHECK(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Through void: the socket API's own idea of a base class.
  const void* generic = &address;
  const bool free = bind(fd, static_cast<const sockaddr*>(generic), sizeof address) == 0;
  close(fd);
  return free;
}

}  // namespace

int PickPort() {
  static absl::Mutex mu(absl::kConstInit);
  static auto* const kTaken = new std::set<int>;
  int outgoing_min = 0;
  int outgoing_max = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> outgoing_min >> outgoing_max;
  std::random_device random;
  std::uniform_int_distribution<int> any(kPortMin, kPortMax);
  absl::MutexLock lock(&mu);
  for (int i = 0; i < kTriesMax; ++i) {
    const int port = any(random);
    if (port >= outgoing_min && port <= outgoing_max) continue;
    if (kTaken->count(port) == 0 && IsFree(port)) {
      kTaken->insert(port);
      return port;
    }
  }
  INCIDENTHUB_CHECK(false && "no free port");
  return 0;
}

}  // namespace incidenthub::testing
