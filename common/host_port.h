// Addresses as flags spell them: "127.0.0.1:8080", "[::1]:8080", "gateway.internal:8080", ":8080".

#ifndef INCIDENTHUB_COMMON_HOST_PORT_H_
#define INCIDENTHUB_COMMON_HOST_PORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

struct HostPort {
  std::string host;  // Without brackets. Empty: every address of this machine.
  uint16_t port = 0;

  // The spelling of the flag again.
  std::string ToString() const;
  // Whether only this machine can reach it: 127.0.0.0/8, ::1 or localhost. Other names are not
  // looked up and count as reachable.
  bool IsLoopback() const;
};

// INVALID_ARGUMENT says what is wrong with `text` and how it should look.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_HOST_PORT_H_
