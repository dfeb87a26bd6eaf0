// The fields of an encoded message, found without decoding what is in them.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_DOMAIN_WIRE_FIELDS_H_
#define INCIDENTHUB_SERVER_DOMAIN_WIRE_FIELDS_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

struct WireField {
  size_t number = 0;
  // It is text, bytes, a message, or numbers side by side.
  bool has_length = false;
  // With its tag.
  absl::string_view whole;
  // What stands behind the length; empty without one.
  absl::string_view content;
};

// Hands every field of `message` to `visit`, in order. False: it is no message, or one with a group
// or a number that is longer than needs be, which no encoder of ours makes: the library may still
// be able to decode it.
bool VisitFields(absl::string_view message, absl::FunctionRef<void(const WireField&)> visit);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_WIRE_FIELDS_H_
