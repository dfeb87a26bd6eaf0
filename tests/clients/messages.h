// Messages of a Subscribe stream, for tests of its readers.

#ifndef INCIDENTHUB_TESTS_CLIENTS_MESSAGES_H_
#define INCIDENTHUB_TESTS_CLIENTS_MESSAGES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::testing {

inline v1::SubscribeResponse Message(absl::string_view token, uint64_t head_sequence) {
  v1::SubscribeResponse message;
  message.set_resume_token(std::string(token));
  message.set_head_sequence(head_sequence);
  return message;
}

inline void SetDuration(absl::Duration duration, google::protobuf::Duration* proto) {
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

inline v1::SubscribeResponse OpenedMessage(absl::string_view token, uint64_t head_sequence,
                                           absl::Duration heartbeat_interval = absl::Seconds(10)) {
  v1::SubscribeResponse message = Message(token, head_sequence);
  message.mutable_opened()->set_head_sequence(head_sequence);
  SetDuration(heartbeat_interval, message.mutable_opened()->mutable_heartbeat_interval());
  return message;
}

inline v1::SubscribeResponse BatchMessage(absl::string_view token, std::vector<v1::Entry> entries) {
  v1::SubscribeResponse message =
      Message(token, entries.empty() ? 0 : entries.back().event().sequence());
  message.mutable_batch();
  for (v1::Entry& entry : entries) *message.mutable_batch()->add_entries() = std::move(entry);
  return message;
}

inline v1::SubscribeResponse SnapshotEndMessage(absl::string_view token, uint64_t sequence) {
  v1::SubscribeResponse message = Message(token, sequence);
  message.mutable_snapshot_end()->set_sequence(sequence);
  return message;
}

inline v1::SubscribeResponse HeartbeatMessage(absl::string_view token, uint64_t head_sequence) {
  v1::SubscribeResponse message = Message(token, head_sequence);
  message.mutable_heartbeat();
  return message;
}

inline v1::SubscribeResponse CompactedMessage(absl::string_view token, uint64_t from, uint64_t to) {
  v1::SubscribeResponse message = Message(token, to);
  message.mutable_compacted()->set_from_sequence(from);
  message.mutable_compacted()->set_to_sequence(to);
  return message;
}

inline v1::SubscribeResponse ResetMessage(absl::string_view token, absl::string_view reason) {
  v1::SubscribeResponse message = Message(token, 0);
  message.mutable_reset()->set_reason(std::string(reason));
  return message;
}

inline v1::SubscribeResponse DrainingMessage(absl::Duration reconnect_delay) {
  v1::SubscribeResponse message;
  SetDuration(reconnect_delay, message.mutable_draining()->mutable_reconnect_delay());
  return message;
}

// An entry with an open incident.
inline v1::Entry MakeEntry(v1::Membership membership, absl::string_view id, uint64_t sequence,
                           v1::EventType type = v1::EVENT_TYPE_UPDATED) {
  v1::Entry entry;
  entry.set_membership(membership);
  entry.mutable_event()->set_sequence(sequence);
  entry.mutable_event()->set_type(type);
  v1::Incident* incident = entry.mutable_event()->mutable_incident();
  incident->set_id(std::string(id));
  incident->set_sequence(sequence);
  incident->set_state(v1::STATE_OPEN);
  return entry;
}

// An incident that left without its event.
inline v1::Entry MakeBriefLeft(absl::string_view id, uint64_t sequence) {
  v1::Entry entry;
  entry.set_membership(v1::MEMBERSHIP_LEFT);
  entry.set_incident_id(std::string(id));
  entry.set_sequence(sequence);
  entry.set_state(v1::STATE_RESOLVED);
  return entry;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_CLIENTS_MESSAGES_H_
