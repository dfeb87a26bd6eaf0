// W3C Trace Context: the `traceparent` that says which trace a request is of. Pure but for the
// randomness that it is given; any thread.
//
// Only version 00 is taken, exactly as the recommendation writes it: 00-<32 hex>-<16 hex>-<2 hex>,
// lower case, ids not all zero. Whatever else somebody sends is as if it were not there.

#ifndef INCIDENTHUB_COMMON_TRACE_CONTEXT_H_
#define INCIDENTHUB_COMMON_TRACE_CONTEXT_H_

#include <cstddef>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

// The name of the HTTP header, and of gRPC's metadata.
inline constexpr char kTraceparentKey[] = "traceparent";
inline constexpr size_t kTraceparentBytes = 55;

bool IsTraceparent(absl::string_view text);

// The trace's id, 32 hexadecimal digits, for the log; empty if `traceparent` is of another form.
absl::string_view TraceIdOf(absl::string_view traceparent);

// The same trace with a span of its own, if `parent` is of the form; else a new trace, whose flags
// are 00: nobody records spans here, so it is for those who continue it to say that it is sampled.
std::string ContinueTrace(absl::string_view parent, absl::BitGenRef random);

// 16 hexadecimal digits, not all zero: a span's id, or what a request is called.
std::string RandomId(absl::BitGenRef random);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_TRACE_CONTEXT_H_
