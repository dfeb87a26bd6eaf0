// Whether what a subscriber saw is what the hub guarantees. Pure: no I/O, no threads.
//
// A history is every Subscribe stream of one subscriber, one after the other, in the form that the
// checks need. A life is a part of it: from a stream that began without a token, or from a `reset`,
// to the next of either. The checks are the guarantees of the contract, by name; each returns what
// breaks it, a line each.
//
// They hold for a subscriber that handles each message whole and resumes with its token, so that it
// sees no event twice.

#ifndef INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_
#define INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::testing {

// An entry without its incident.
struct RecordedEntry {
  v1::Membership membership = v1::MEMBERSHIP_UNSPECIFIED;
  v1::EventType type = v1::EVENT_TYPE_UNSPECIFIED;
  v1::State state = v1::STATE_UNSPECIFIED;
  std::string incident_id;
  uint64_t sequence = 0;
  uint64_t previous_sequence = 0;
  // Of the incident, in seconds since 1970: what tells one delivery of it from another.
  int64_t update_seconds = 0;
};

struct RecordedMessage {
  v1::SubscribeResponse::MessageCase kind = v1::SubscribeResponse::MESSAGE_NOT_SET;
  absl::Time time;
  std::string token;
  uint64_t head_sequence = 0;
  // Of a batch.
  std::vector<RecordedEntry> entries;
  // Of a snapshot_end.
  uint64_t snapshot_sequence = 0;
};

// How a stream began.
enum class StreamStart { kSnapshot, kFromNow, kToken };

struct RecordedStream {
  StreamStart start = StreamStart::kSnapshot;
  std::vector<RecordedMessage> messages;
  absl::Status end;
};

struct StreamHistory {
  std::vector<RecordedStream> streams;
  // The subscriber has matchers: it is told nothing of some events.
  bool filtered = false;

  // Adds a message to the last stream.
  void Add(const v1::SubscribeResponse& response);

  // Of the last entry, or snapshot_end, of all.
  uint64_t last_sequence = 0;
  size_t entry_count = 0;
  size_t reset_count = 0;
  size_t snapshot_end_count = 0;
  size_t heartbeat_count = 0;
  size_t draining_count = 0;
  // Of the last message that had one.
  std::string last_token;
};

// An event that is known to exist.
struct KnownEvent {
  std::string incident_id;
  uint64_t sequence = 0;
};

// Every entry, in the order seen.
std::vector<RecordedEntry> Entries(const StreamHistory& history);

using Complaints = std::vector<std::string>;

// The form of a stream: `opened` first and once, `draining` last, heads at or above what was sent,
// `snapshot_end` once and after nothing newer, a token with everything but `draining`.
Complaints CheckFramed(const StreamHistory& history);

// Sequences strictly increase through a life, over all of its streams.
Complaints CheckOrdered(const StreamHistory& history);

// No (incident id, sequence) comes twice in a life, and no sequence with two ids in any.
Complaints CheckUnique(const StreamHistory& history);

// No event was skipped: each entry's `previous_sequence` is what its incident was last seen with,
// where it was seen; nothing unknown comes with a predecessor once the snapshot is complete; and
// every event of `known` that lies between a life's snapshot and its last entry is there. In a
// filtered history an incident that enters was not held, and `known` are events that match.
Complaints CheckComplete(const StreamHistory& history, const std::vector<KnownEvent>& known);

// Every event of `answered`, which somebody was promised, was seen: itself, or where a snapshot
// covers it, the incident at this or a later sequence. REQUIRES: the subscriber was let catch up.
Complaints CheckDurable(const StreamHistory& history, const std::vector<KnownEvent>& answered);

// All of them.
Complaints CheckGuarantees(const StreamHistory& history, const std::vector<KnownEvent>& answered);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_
