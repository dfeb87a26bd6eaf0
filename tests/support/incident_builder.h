// Deliveries as a gateway sends them, each in one line.
//
//   DeliveryBuilder("i-1").Inactive().UpdateTime(At(30)).Comment("over").Build()
//
// A builder that was told nothing but an id gives a complete, valid, ACTIVE delivery of a source
// that reports its times.

#ifndef INCIDENTHUB_TESTS_SUPPORT_INCIDENT_BUILDER_H_
#define INCIDENTHUB_TESTS_SUPPORT_INCIDENT_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/v1/incident.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::testing {

// So many seconds into the day on which every test happens.
inline absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(1'767'312'000 + seconds); }

inline google::protobuf::Timestamp Stamp(absl::Time time) {
  google::protobuf::Timestamp stamp;
  stamp.set_seconds(absl::ToUnixSeconds(time));
  stamp.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(stamp.seconds()))));
  return stamp;
}

// 16 bytes that differ for different texts: FNV-1a, twice.
inline std::string DigestOf(absl::string_view text) {
  std::string digest;
  for (uint64_t hash : {uint64_t{0xcbf29ce484222325U}, uint64_t{0x9ae16a3b2f90404fU}}) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    for (unsigned shift = 0; shift < 64; shift += 8) {
      digest.push_back(static_cast<char>((hash >> shift) & 0xFFU));
    }
  }
  return digest;
}

class DeliveryBuilder {
 public:
  explicit DeliveryBuilder(std::string incident_id = "i-1") {
    delivery_.set_id(1);
    delivery_.set_source("bigpanda");
    delivery_.set_activity(v1::ACTIVITY_ACTIVE);
    delivery_.mutable_incident()->set_id(std::move(incident_id));
    UpdateTime(At(0));
  }

  DeliveryBuilder& Id(uint64_t id) {
    delivery_.set_id(id);
    return *this;
  }
  DeliveryBuilder& Source(std::string source) {
    delivery_.set_source(std::move(source));
    return *this;
  }
  DeliveryBuilder& Activity(v1::Activity activity) {
    delivery_.set_activity(activity);
    return *this;
  }
  DeliveryBuilder& Inactive() { return Activity(v1::ACTIVITY_INACTIVE); }
  DeliveryBuilder& Unchanged() { return Activity(v1::ACTIVITY_UNCHANGED); }
  DeliveryBuilder& UpdateTime(absl::Time time) {
    *incident()->mutable_update_time() = Stamp(time);
    return *this;
  }
  DeliveryBuilder& ChangeTime(absl::Time time) {
    *incident()->mutable_change_time() = Stamp(time);
    return *this;
  }
  DeliveryBuilder& EventType(std::string name, std::optional<absl::Time> time = std::nullopt) {
    v1::SourceEvent* event = delivery_.add_event_types();
    event->set_name(std::move(name));
    if (time.has_value()) *event->mutable_time() = Stamp(*time);
    return *this;
  }
  DeliveryBuilder& ReceiveTime(absl::Time time) {
    *delivery_.mutable_receive_time() = Stamp(time);
    return *this;
  }
  // The source reports no time at all; ranks by when it was received.
  DeliveryBuilder& Timeless(absl::Time receive_time) {
    incident()->clear_update_time();
    incident()->clear_change_time();
    delivery_.clear_event_types();
    return ReceiveTime(receive_time);
  }
  DeliveryBuilder& Comment(std::string text) {
    delivery_.mutable_comment()->set_text(std::move(text));
    return *this;
  }
  // What `edit` does to the incident.
  template <typename Edit>
  DeliveryBuilder& With(Edit edit) {
    edit(incident());
    return *this;
  }
  DeliveryBuilder& StatusText(std::string text) {
    incident()->set_status_text(std::move(text));
    return *this;
  }
  DeliveryBuilder& Environment(std::string id) {
    incident()->mutable_environment()->set_id(std::move(id));
    return *this;
  }
  // An incident that takes about `bytes` encoded.
  DeliveryBuilder& Padded(size_t bytes) {
    (*incident()->mutable_extra())["/padding"] = std::string(bytes, 'x');
    return *this;
  }
  // Else a digest of what the source sent: of everything but stream id and receive time.
  DeliveryBuilder& Digest(absl::string_view text) {
    delivery_.set_digest(DigestOf(text));
    return *this;
  }

  v1::Delivery Build() const {
    v1::Delivery delivery = delivery_;
    if (!delivery.digest().empty()) return delivery;
    v1::Delivery sent = delivery;
    sent.clear_id();
    sent.clear_receive_time();
    delivery.set_digest(DigestOf(sent.SerializeAsString()));
    return delivery;
  }

 private:
  v1::Incident* incident() { return delivery_.mutable_incident(); }

  v1::Delivery delivery_;
};

// A body that maps to no incident.
inline v1::Delivery UnmappedDelivery(uint64_t id, std::string raw,
                                     std::string reason = "/incident/id: is missing") {
  v1::Delivery delivery;
  delivery.set_id(id);
  delivery.set_source("bigpanda");
  delivery.set_digest(DigestOf(raw));
  delivery.mutable_unmapped()->set_raw(std::move(raw));
  delivery.mutable_unmapped()->set_reason(std::move(reason));
  return delivery;
}

inline v1::AckRequest AckOf(std::string incident_id, std::string actor = "ada",
                            std::string etag = "") {
  v1::AckRequest request;
  request.set_incident_id(std::move(incident_id));
  request.set_actor(std::move(actor));
  request.set_note("looking");
  request.set_etag(std::move(etag));
  return request;
}

// An Ack that is to end at `expiry`.
inline v1::AckRequest AckUntil(std::string incident_id, absl::Time expiry) {
  v1::AckRequest request = AckOf(std::move(incident_id));
  *request.mutable_expire_time() = Stamp(expiry);
  return request;
}

inline v1::UnackRequest UnackOf(std::string incident_id, std::string actor = "ada",
                                std::string etag = "") {
  v1::UnackRequest request;
  request.set_incident_id(std::move(incident_id));
  request.set_actor(std::move(actor));
  request.set_note("not me");
  request.set_etag(std::move(etag));
  return request;
}

inline v1::ResolveRequest ResolveOf(std::string incident_id, std::string actor = "ada",
                                    std::string etag = "") {
  v1::ResolveRequest request;
  request.set_incident_id(std::move(incident_id));
  request.set_actor(std::move(actor));
  request.set_note("fixed");
  request.set_etag(std::move(etag));
  return request;
}

// `request` with an id.
template <typename Request>
Request WithRequestId(Request request, std::string request_id) {
  request.set_request_id(std::move(request_id));
  return request;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_INCIDENT_BUILDER_H_
