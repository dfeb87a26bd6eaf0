#include "server/domain/rank.h"

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace incidenthub {
namespace {

constexpr absl::string_view kReopen = "incident#reopen";

std::optional<int64_t> NewestEventTime(const v1::Delivery& delivery) {
  std::optional<int64_t> newest;
  for (const auto& event : delivery.event_types()) {
    if (!event.has_time()) continue;
    const int64_t time = ToUnixNanos(event.time());
    newest = newest.has_value() ? std::max(*newest, time) : time;
  }
  return newest;
}

}  // namespace

int64_t ToUnixNanos(const google::protobuf::Timestamp& time) {
  // absl::Time's own conversion saturates, where arithmetic on a hostile number of seconds would
  // overflow.
  return absl::ToUnixNanos(TimeOf(time));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

google::protobuf::Timestamp FromUnixNanos(int64_t nanos) {
  return ToTimestamp(absl::FromUnixNanos(nanos));
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

Rank RankOf(const v1::Delivery& delivery, absl::Time now) {
  const v1::Incident& incident = delivery.incident();
  Rank rank;
  const int64_t received =
      delivery.has_receive_time() ? ToUnixNanos(delivery.receive_time()) : absl::ToUnixNanos(now);
  rank.event_time_nanos = NewestEventTime(delivery).value_or(received);
  rank.change_time_nanos =
      incident.has_change_time() ? ToUnixNanos(incident.change_time()) : rank.event_time_nanos;
  rank.update_time_nanos =
      incident.has_update_time() ? ToUnixNanos(incident.update_time()) : rank.change_time_nanos;
  return rank;
}

bool HasSourceTime(const v1::Delivery& delivery) {
  return delivery.incident().has_update_time() || delivery.incident().has_change_time() ||
         NewestEventTime(delivery).has_value();
}

bool CarriesReopen(const v1::Delivery& delivery) {
  const std::optional<int64_t> newest = NewestEventTime(delivery);
  return std::any_of(delivery.event_types().begin(), delivery.event_types().end(),
                     [&newest](const v1::SourceEvent& event) {
                       return event.name() == kReopen &&
                              (!event.has_time() || ToUnixNanos(event.time()) == newest);
                     });
}

Rank FromProto(const internal::v1::Rank& proto) {
  return {proto.update_time_nanos(), proto.change_time_nanos(), proto.event_time_nanos()};
}

internal::v1::Rank ToProto(const Rank& rank) {
  internal::v1::Rank proto;
  proto.set_update_time_nanos(rank.update_time_nanos);
  proto.set_change_time_nanos(rank.change_time_nanos);
  proto.set_event_time_nanos(rank.event_time_nanos);
  return proto;
}

}  // namespace incidenthub
