// What a request is called: for the log, for its sender, and for those whom its incidents reach.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_REQUEST_IDS_H_
#define INCIDENTHUB_GATEWAY_REQUEST_IDS_H_

#include <cstddef>
#include <string>

#include "gateway/http_head.h"

namespace incidenthub::gateway {

// Of the header by which a request is called, in requests and in answers.
inline constexpr char kRequestIdHeader[] = "X-Request-Id";
inline constexpr size_t kRequestIdBytesMax = 64;

struct RequestIds {
  // As the request says, if it does so once, in 1 to kRequestIdBytesMax bytes of printable ASCII;
  // else a new one.
  std::string request_id;
  // See common/trace_context.h: a span of the gateway's own, of the trace that the request says it
  // is of, or of a new one.
  std::string traceparent;
};

RequestIds IdsOf(const RequestHead& head);

std::string NewRequestId();

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_REQUEST_IDS_H_
