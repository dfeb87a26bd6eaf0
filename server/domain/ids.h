// Small types that everything in the hub shares.

#ifndef INCIDENTHUB_SERVER_DOMAIN_IDS_H_
#define INCIDENTHUB_SERVER_DOMAIN_IDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace incidenthub {

// An event's number. 0: before all events, or none.
using Sequence = uint64_t;

// The etag of an incident whose newest event has this sequence.
inline std::string EtagOf(Sequence sequence) { return absl::StrCat(absl::Hex(sequence)); }

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_IDS_H_
