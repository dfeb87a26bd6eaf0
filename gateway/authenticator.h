// One way in which a sender proves to be a source.

#ifndef INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_
#define INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_

#include <string>

#include "gateway/http_head.h"

namespace incidenthub::gateway {

// Threads: any.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // Whether the request's head holds a valid credential. Takes the same time for whatever is wrong
  // with a secret value, and logs none.
  virtual bool Accepts(const RequestHead& head) = 0;

  // What senders are told that none of it is valid: "the header Authorization".
  virtual std::string Place() const = 0;
  // For WWW-Authenticate: `Bearer realm="incidenthub"`; empty if HTTP has no name for it.
  virtual std::string Challenge() const = 0;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_
