// Ports for servers that must come back on the one they had.

#ifndef INCIDENTHUB_TESTS_SUPPORT_PORTS_H_
#define INCIDENTHUB_TESTS_SUPPORT_PORTS_H_

namespace incidenthub::testing {

// A loopback port that nobody listens on, each call another one. It lies outside the range that the
// system takes outgoing ports from: while the server is away, no connection of anybody can sit on
// its port, and a client that keeps trying cannot connect to itself.
int PickPort();

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_PORTS_H_
