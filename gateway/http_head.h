// The head of an HTTP request: request line and header fields, read strictly. Pure; any thread.
//
// Why not the library's reading: the packaged cpp-httplib percent-decodes field values (a secret
// with a '%' in it would be another secret), skips lines that end in a bare LF, drops fields
// without a value, and takes several Content-Lengths, or one beside a Transfer-Encoding, without a
// word. What two programs on the way may read differently is refused here.

#ifndef INCIDENTHUB_GATEWAY_HTTP_HEAD_H_
#define INCIDENTHUB_GATEWAY_HTTP_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace incidenthub::gateway {

// Bytes of request line and fields together.
inline constexpr size_t kHeadBytesMax = size_t{32} << 10;
inline constexpr size_t kHeadFieldsMax = 100;

// How the end of the body is found.
enum class BodyFraming { kNone, kLength, kChunked };

// Views into the bytes that were parsed, which must outlive it.
struct RequestHead {
  absl::string_view method;
  // As sent; `path` is what stands before a '?', not percent-decoded.
  absl::string_view target;
  absl::string_view path;
  // The whole request line, without its end.
  absl::string_view line;
  bool is_http_1_0 = false;
  // What the client wants after the answer.
  bool keep_alive = true;
  bool expects_continue = false;
  BodyFraming framing = BodyFraming::kNone;
  // With kLength. A length that does not fit is the largest number.
  uint64_t content_length = 0;
  absl::InlinedVector<std::pair<absl::string_view, absl::string_view>, 16> fields;

  // Field names are compared without case.
  size_t CountOf(absl::string_view name) const;
  // The first value, without the blanks around it; empty if there is none.
  absl::string_view ValueOf(absl::string_view name) const;
};

// Whether a header field can have this name.
bool IsFieldName(absl::string_view text);

// `bytes` ends with the blank line.
//
// INVALID_ARGUMENT: HEAD_INVALID (grammar, version) or FRAMING_INVALID (where the body ends cannot
// be said for certain). RESOURCE_EXHAUSTED: HEADERS_TOO_MANY. The connection is of no use after
// any.
absl::StatusOr<RequestHead> ParseRequestHead(absl::string_view bytes);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_HTTP_HEAD_H_
