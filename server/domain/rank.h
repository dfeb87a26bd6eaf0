// Rank: how new a delivery is, as its source sees it.

#ifndef INCIDENTHUB_SERVER_DOMAIN_RANK_H_
#define INCIDENTHUB_SERVER_DOMAIN_RANK_H_

#include <compare>
#include <cstdint>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub {

// (update_time, change_time, newest event-type time), in nanoseconds since 1970. What a delivery
// lacks falls back to the next one, at last to the time it was received.
struct Rank {
  int64_t update_time_nanos = 0;
  int64_t change_time_nanos = 0;
  int64_t event_time_nanos = 0;

  auto operator<=>(const Rank&) const = default;
};

// Rank of `delivery`, which has an incident; `now` stands in for a missing receive time.
Rank RankOf(const v1::Delivery& delivery, absl::Time now);

// Whether the source reported any of the times that rank a delivery.
bool HasSourceTime(const v1::Delivery& delivery);

// Whether the delivery says that its newest news is a reopening: an `incident#reopen` that no event
// type is newer than.
bool CarriesReopen(const v1::Delivery& delivery);

Rank FromProto(const internal::v1::Rank& proto);
internal::v1::Rank ToProto(const Rank& rank);

// Saturates at the ends of int64 nanoseconds (years 1677 and 2262).
int64_t ToUnixNanos(const google::protobuf::Timestamp& time);
google::protobuf::Timestamp ToTimestamp(absl::Time time);
google::protobuf::Timestamp FromUnixNanos(int64_t nanos);
absl::Time TimeOf(const google::protobuf::Timestamp& time);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_RANK_H_
