// Whether what a subscriber saw is what the hub guarantees. Pure: no I/O, no threads.
//
// A history is every Subscribe stream of one subscriber, one after the other, in the form that the
// checks need. A life is what one client saw that never looks back: it begins with a stream without
// a token, or a `reset`, and goes on through resumes to the next of either. A stream that resumed
// with an older token than the newest begins another life, which shares the beginning. The checks
// are the guarantees of the contract, by name; each returns what breaks it, a line each.
//
// They hold for a subscriber that handles each message whole and resumes with its token, so that it
// sees no event twice in a life.

#ifndef INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_
#define INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
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
  // Of the whole event: the same for the same content, within a process. 0: the entry had no event.
  uint64_t fingerprint = 0;
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
  // Of `compacted`.
  uint64_t compacted_from = 0;
  uint64_t compacted_to = 0;
  // Of the stream that it came on.
  bool latest_only = false;
};

// How a stream began.
enum class StreamStart { kSnapshot, kFromNow, kToken };

inline constexpr size_t kNewestMessage = std::numeric_limits<size_t>::max();

// What became of a newer stream of the same consumer, while this one was open.
enum class NewerStream { kNone, kAskedFor, kOpened };

struct RecordedStream {
  StreamStart start = StreamStart::kSnapshot;
  bool latest_only = false;
  // With kToken: the message whose token it was, counted through the whole history from 0. Or where
  // its consumer had committed.
  size_t resumed_after = kNewestMessage;
  bool require_history = false;
  NewerStream newer = NewerStream::kNone;
  // With kOpened: the head that the newer one was told, and whether this one was still open long
  // after.
  uint64_t newer_head = 0;
  bool outlived_newer = false;
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

// The same for messages of the same content, within a process; never 0.
uint64_t FingerprintOf(const google::protobuf::Message& message);

// Every entry, in the order seen.
std::vector<RecordedEntry> Entries(const StreamHistory& history);

// See above. Points into the history.
struct Life {
  StreamStart start = StreamStart::kSnapshot;
  std::vector<const RecordedMessage*> messages;
};

std::vector<Life> Lives(const StreamHistory& history);

// What a client had seen that handled everything up to this message, counted through the whole
// history from 0. REQUIRES: there is such a message.
Life LifeUpTo(const StreamHistory& history, size_t message);

using Complaints = std::vector<std::string>;

// The form of a stream: `opened` first and once, `draining` last, heads at or above what was sent,
// `snapshot_end` once for each snapshot or `compacted`, and after nothing newer, a token with
// everything but `draining`.
Complaints CheckFramed(const StreamHistory& history);

// Sequences strictly increase through a life, over all of its streams.
Complaints CheckOrdered(const StreamHistory& history);

// No (incident id, sequence) comes twice in a life, and no sequence with two ids in any.
Complaints CheckUnique(const StreamHistory& history);

// No event was skipped: each entry's `previous_sequence` is what its incident was last seen with,
// where it was seen; nothing unknown comes with a predecessor once the snapshot is complete; and
// every event of `known` that lies between a life's snapshot and its last entry is there. In a
// filtered history an incident that enters was not held, and `known` are events that match. Where
// the hub conflates, in a snapshot, after `compacted` or with MODE_LATEST_ONLY, chains have gaps.
Complaints CheckComplete(const StreamHistory& history, const std::vector<KnownEvent>& known);

// Resumes go on: a stream that began with a token is not `reset`, unless it `may_reset`, since the
// hub forgets even that it has dropped incidents; and each stream ends with one of
// the statuses that the contract names for one that was accepted: UNAVAILABLE (the hub is gone or
// shuts down), CANCELLED (the client, or too slow), OK after `draining`, ABORTED (of a consumer's
// that a newer one was asked for), OUT_OF_RANGE (if it required history).
Complaints CheckResumable(const StreamHistory& history, bool may_reset = false);

// Every event of `answered`, which somebody was promised, was seen: itself, or where a snapshot
// covers it, the incident at this or a later sequence. REQUIRES: the subscriber was let catch up.
Complaints CheckDurable(const StreamHistory& history, const std::vector<KnownEvent>& answered);

// All but CheckResumable.
Complaints CheckGuarantees(const StreamHistory& history, const std::vector<KnownEvent>& answered);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_STREAM_VALIDATOR_H_
