// Operations on internal.v1.SeenDeliveries: digests side by side, with the sequences that they
// became.

#ifndef INCIDENTHUB_SERVER_DOMAIN_SEEN_DELIVERIES_H_
#define INCIDENTHUB_SERVER_DOMAIN_SEEN_DELIVERIES_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/domain/ids.h"

namespace incidenthub::seen {

// Bytes of a digest that are kept: enough to tell deliveries of one incident apart.
inline constexpr size_t kKeptDigestBytes = 16;

// REQUIRES, in all: `digest` has kKeptDigestBytes or more.

// The sequence under `digest`; 0 if there is none.
Sequence Find(const internal::v1::SeenDeliveries& list, absl::string_view digest);
// Likewise, of the last one alone.
Sequence FindLast(const internal::v1::SeenDeliveries& list, absl::string_view digest);

void Add(absl::string_view digest, Sequence sequence, internal::v1::SeenDeliveries* list);

// Leaves the `keep` newest in `from` and appends the rest to `to`.
void MoveOldest(int keep, internal::v1::SeenDeliveries* from, internal::v1::SeenDeliveries* to);
// Leaves the `keep` newest.
void DropOldest(int keep, internal::v1::SeenDeliveries* list);

}  // namespace incidenthub::seen

#endif  // INCIDENTHUB_SERVER_DOMAIN_SEEN_DELIVERIES_H_
