#include "server/rpc/subscribe_messages.h"

#include <cstdint>
#include <string>

#include "absl/random/random.h"
#include "common/check.h"
#include "google/protobuf/duration.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/rpc/subscribe_encoder.h"

namespace incidenthub {
namespace {

using Kind = Subscription::Outgoing::Kind;

// Clients of a stream that the hub ends come back within this, spread evenly.
constexpr absl::Duration kReconnectDelayMax = absl::Seconds(2);

void SetDuration(absl::Duration duration, google::protobuf::Duration* proto) {
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

v1::SubscribeResponse ResponseOf(const Subscription& subscription) {
  v1::SubscribeResponse response;
  response.set_resume_token(subscription.Token());
  response.set_head_sequence(subscription.Head());
  return response;
}

}  // namespace

grpc::ByteBuffer EncodeOutgoing(const Subscription& subscription,
                                const Subscription::Outgoing& outgoing, Sequence floor,
                                absl::Duration heartbeat_interval) {
  if (outgoing.kind == Kind::kBatch) {
    return EncodeBatch(outgoing.entries, subscription.Token(), subscription.Head());
  }
  v1::SubscribeResponse response = ResponseOf(subscription);
  if (outgoing.kind == Kind::kOpened) {
    v1::SubscribeResponse::Opened& opened = *response.mutable_opened();
    opened.set_head_sequence(subscription.Head());
    opened.set_floor_sequence(floor);
    SetDuration(heartbeat_interval, opened.mutable_heartbeat_interval());
    for (const std::string& matcher : subscription.matchers().canonical()) {
      opened.add_matchers(matcher);
    }
  } else if (outgoing.kind == Kind::kReset) {
    response.mutable_reset()->set_reason(outgoing.reason);
  } else if (outgoing.kind == Kind::kCompacted) {
    response.mutable_compacted()->set_from_sequence(outgoing.from);
    response.mutable_compacted()->set_to_sequence(outgoing.sequence);
  } else {
    INCIDENTHUB_CHECK(outgoing.kind == Kind::kSnapshotEnd);
    response.mutable_snapshot_end()->set_sequence(outgoing.sequence);
  }
  return Encode(response);
}

grpc::ByteBuffer EncodeHeartbeat(const Subscription& subscription) {
  v1::SubscribeResponse response = ResponseOf(subscription);
  response.mutable_heartbeat();
  return Encode(response);
}

grpc::ByteBuffer EncodeDraining() {
  absl::BitGen random;
  v1::SubscribeResponse response;
  SetDuration(absl::Uniform(random, 0.0, 1.0) * kReconnectDelayMax,
              response.mutable_draining()->mutable_reconnect_delay());
  return Encode(response);
}

}  // namespace incidenthub
