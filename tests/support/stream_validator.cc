#include "tests/support/stream_validator.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

// Where a message of the history is: which life, and how many messages are before it there.
struct Place {
  size_t life = 0;
  size_t index = 0;
};

// The place of the newest message of the last life that has a token.
Place NewestToken(const std::vector<Life>& lives) {
  const Life& life = lives.back();
  size_t index = life.messages.size();
  while (index > 0 && life.messages[index - 1]->token.empty()) --index;
  return {.life = lives.size() - 1, .index = index == 0 ? 0 : index - 1};
}

// The life of the first `place.index` + 1 messages there.
Life Beginning(const Life& life, const Place& place) {
  const auto end = life.messages.begin() + static_cast<std::ptrdiff_t>(place.index) + 1;
  return {.start = life.start, .messages = {life.messages.begin(), end}};
}

// Calls `f` with all lives so far and the newest message's place, for each message.
template <typename F>
std::vector<Life> WalkLives(const StreamHistory& history, F f) {
  std::vector<Life> lives;
  std::vector<Place> places;
  for (const RecordedStream& stream : history.streams) {
    if (lives.empty() || stream.start != StreamStart::kToken) {
      lives.push_back({.start = stream.start, .messages = {}});
    } else if (stream.resumed_after < places.size()) {
      const Place& from = places[stream.resumed_after];
      const Place newest = NewestToken(lives);
      if (from.life != newest.life || from.index != newest.index) {
        Life branch = Beginning(lives[from.life], from);
        lives.push_back(std::move(branch));
      }
    }
    for (const RecordedMessage& message : stream.messages) {
      if (message.kind == Kind::kReset) {
        lives.push_back({.start = StreamStart::kSnapshot, .messages = {}});
      }
      lives.back().messages.push_back(&message);
      places.push_back({.life = lives.size() - 1, .index = lives.back().messages.size() - 1});
      f(lives, places);
    }
  }
  return lives;
}

template <typename F>
void ForEachEntry(const Life& life, F f) {
  for (const RecordedMessage* message : life.messages) {
    for (const RecordedEntry& entry : message->entries) f(entry);
  }
}

std::string Name(const RecordedEntry& entry) {
  return absl::StrCat(entry.incident_id, " at ", entry.sequence);
}

void Append(Complaints&& more, Complaints* all) {
  std::move(more.begin(), more.end(), std::back_inserter(*all));
}

Complaints CheckStreamFramed(const RecordedStream& stream, size_t index) {
  Complaints complaints;
  const auto complain = [&](const auto&... what) {
    complaints.push_back(absl::StrCat("framed: stream ", index, ": ", what...));
  };
  bool draining = false;
  for (size_t i = 0; i < stream.messages.size(); ++i) {
    const RecordedMessage& message = stream.messages[i];
    if ((message.kind == Kind::kOpened) != (i == 0)) {
      complain("message ", i, i == 0 ? " is not `opened`" : " is a second `opened`");
    }
    if (draining) complain("message ", i, " comes after `draining`");
    draining |= message.kind == Kind::kDraining;
    if (message.kind != Kind::kDraining && message.token.empty()) {
      complain("message ", i, " has no token");
    }
    if (message.kind == Kind::kBatch && message.entries.empty()) {
      complain("message ", i, " is a batch of nothing");
    }
    for (const RecordedEntry& entry : message.entries) {
      if (entry.sequence > message.head_sequence) {
        complain(Name(entry), " is above the head, ", message.head_sequence);
      }
    }
  }
  return complaints;
}

Complaints CheckLifeFramed(const Life& life) {
  Complaints complaints;
  bool due = life.start == StreamStart::kSnapshot;
  bool ended = false;
  uint64_t last = 0;
  for (const RecordedMessage* message : life.messages) {
    if (message->kind == Kind::kCompacted) {
      due = true;
      if (message->compacted_from > message->compacted_to) {
        complaints.push_back(absl::StrCat("framed: `compacted` from ", message->compacted_from,
                                          " to ", message->compacted_to));
      }
    }
    if (message->kind == Kind::kSnapshotEnd) {
      if (!due) {
        complaints.emplace_back(ended ? "framed: a second `snapshot_end`"
                                      : "framed: `snapshot_end` without a snapshot");
      }
      due = false;
      ended = true;
      if (last > message->snapshot_sequence) {
        complaints.push_back(absl::StrCat("framed: `snapshot_end` at ", message->snapshot_sequence,
                                          " comes after ", last));
      }
      last = message->snapshot_sequence;
    }
    for (const RecordedEntry& entry : message->entries) {
      if (ended && entry.sequence <= last) {
        complaints.push_back(absl::StrCat("framed: ", Name(entry), " comes after ", last));
      }
      last = std::max(last, entry.sequence);
    }
  }
  return complaints;
}

// Walks a life and holds the incidents as its subscriber does.
Complaints CheckChain(const Life& life, bool filtered) {
  Complaints complaints;
  absl::flat_hash_map<std::string, uint64_t> held;
  // Incidents that are gone, with their last event.
  absl::flat_hash_map<std::string, uint64_t> gone;
  bool knows_all = false;
  bool compacted = false;
  for (const RecordedMessage* message : life.messages) {
    if (message->kind == Kind::kSnapshotEnd) knows_all = true;
    if (message->kind == Kind::kCompacted) compacted = true;
    if (message->kind == Kind::kSnapshotEnd) compacted = false;
    const bool chained = !filtered && !message->latest_only && !compacted;
    for (const RecordedEntry& entry : message->entries) {
      const auto it = held.find(entry.incident_id);
      if (chained && it != held.end() && it->second != entry.previous_sequence) {
        complaints.push_back(absl::StrCat("complete: ", Name(entry), " follows ",
                                          entry.previous_sequence, ", but ", it->second,
                                          " was seen last"));
      }
      const auto left = gone.find(entry.incident_id);
      const bool returns = left != gone.end() && left->second == entry.previous_sequence;
      if (chained && it == held.end() && knows_all && entry.previous_sequence != 0 && !returns) {
        complaints.push_back(absl::StrCat("complete: ", Name(entry), " follows ",
                                          entry.previous_sequence, ", which was never seen"));
      }
      const bool entered = entry.membership == v1::MEMBERSHIP_ENTERED;
      if (it != held.end() && entered) {
        complaints.push_back(absl::StrCat("complete: ", Name(entry), " enters, and was there"));
      }
      if (entry.membership == v1::MEMBERSHIP_LEFT) {
        held.erase(entry.incident_id);
        gone[entry.incident_id] = entry.sequence;
      } else {
        held[entry.incident_id] = entry.sequence;
      }
    }
  }
  return complaints;
}

}  // namespace

void StreamHistory::Add(const v1::SubscribeResponse& response) {
  RecordedMessage message;
  message.kind = response.message_case();
  message.time = absl::Now();
  message.token = response.resume_token();
  message.head_sequence = response.head_sequence();
  message.latest_only = streams.back().latest_only;
  for (const v1::Entry& entry : response.batch().entries()) {
    const v1::Event& event = entry.event();
    const bool brief = !entry.has_event();
    message.entries.push_back({.membership = entry.membership(),
                               .type = event.type(),
                               .state = brief ? entry.state() : event.incident().state(),
                               .incident_id = brief ? entry.incident_id() : event.incident().id(),
                               .sequence = brief ? entry.sequence() : event.sequence(),
                               .previous_sequence = event.previous_sequence(),
                               .update_seconds = event.incident().update_time().seconds(),
                               .fingerprint = brief ? 0 : FingerprintOf(event)});
    last_sequence = message.entries.back().sequence;
    ++entry_count;
  }
  if (response.has_snapshot_end()) {
    message.snapshot_sequence = response.snapshot_end().sequence();
    last_sequence = message.snapshot_sequence;
    ++snapshot_end_count;
  }
  if (response.has_compacted()) {
    message.compacted_from = response.compacted().from_sequence();
    message.compacted_to = response.compacted().to_sequence();
  }
  if (response.has_heartbeat()) ++heartbeat_count;
  if (response.has_reset()) ++reset_count;
  if (response.has_draining()) ++draining_count;
  if (!message.token.empty()) last_token = message.token;
  streams.back().messages.push_back(std::move(message));
}

uint64_t FingerprintOf(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    // Maps have no order of their own.
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return std::max<uint64_t>(1, std::hash<std::string>()(bytes));
}

std::vector<Life> Lives(const StreamHistory& history) {
  return WalkLives(history, [](const std::vector<Life>&, const std::vector<Place>&) {});
}

Life LifeUpTo(const StreamHistory& history, size_t message) {
  Life life;
  WalkLives(history, [&](const std::vector<Life>& lives, const std::vector<Place>& places) {
    if (places.size() == message + 1) life = Beginning(lives.back(), places.back());
  });
  return life;
}

std::vector<RecordedEntry> Entries(const StreamHistory& history) {
  std::vector<RecordedEntry> entries;
  for (const Life& life : Lives(history)) {
    ForEachEntry(life, [&entries](const RecordedEntry& entry) { entries.push_back(entry); });
  }
  return entries;
}

Complaints CheckFramed(const StreamHistory& history) {
  Complaints complaints;
  for (size_t i = 0; i < history.streams.size(); ++i) {
    Append(CheckStreamFramed(history.streams[i], i), &complaints);
  }
  for (const Life& life : Lives(history)) Append(CheckLifeFramed(life), &complaints);
  return complaints;
}

Complaints CheckOrdered(const StreamHistory& history) {
  Complaints complaints;
  for (const Life& life : Lives(history)) {
    uint64_t last = 0;
    ForEachEntry(life, [&](const RecordedEntry& entry) {
      if (entry.sequence <= last) {
        complaints.push_back(absl::StrCat("ordered: ", Name(entry), " comes after ", last));
      }
      last = entry.sequence;
    });
  }
  return complaints;
}

Complaints CheckUnique(const StreamHistory& history) {
  Complaints complaints;
  absl::flat_hash_map<uint64_t, std::string> owners;
  for (const Life& life : Lives(history)) {
    absl::flat_hash_set<uint64_t> seen;
    ForEachEntry(life, [&](const RecordedEntry& entry) {
      if (!seen.insert(entry.sequence).second) {
        complaints.push_back(absl::StrCat("unique: ", Name(entry), " comes twice"));
      }
      const auto [owner, is_new] = owners.emplace(entry.sequence, entry.incident_id);
      if (!is_new && owner->second != entry.incident_id) {
        complaints.push_back(absl::StrCat("unique: ", Name(entry), " was ", owner->second));
      }
    });
  }
  return complaints;
}

Complaints CheckComplete(const StreamHistory& history, const std::vector<KnownEvent>& known) {
  Complaints complaints;
  for (const Life& life : Lives(history)) {
    Append(CheckChain(life, history.filtered), &complaints);
    // The events phase, as far as this life has come.
    uint64_t begin = 0;
    bool complete = false;
    uint64_t last = 0;
    std::set<std::pair<std::string, uint64_t>> seen;
    for (const RecordedMessage* message : life.messages) {
      if (message->kind == Kind::kSnapshotEnd) {
        begin = message->snapshot_sequence;
        complete = true;
      }
      for (const RecordedEntry& entry : message->entries) {
        last = std::max(last, entry.sequence);
        seen.emplace(entry.incident_id, entry.sequence);
      }
    }
    if (!complete) continue;
    for (const KnownEvent& event : known) {
      if (event.sequence <= begin || event.sequence > last) continue;
      if (seen.count({event.incident_id, event.sequence}) == 0) {
        complaints.push_back(
            absl::StrCat("complete: ", event.incident_id, " at ", event.sequence, " was skipped"));
      }
    }
  }
  return complaints;
}

Complaints CheckResumable(const StreamHistory& history, bool may_reset) {
  Complaints complaints;
  for (size_t i = 0; i < history.streams.size(); ++i) {
    const RecordedStream& stream = history.streams[i];
    bool draining = false;
    for (const RecordedMessage& message : stream.messages) {
      draining |= message.kind == Kind::kDraining;
      if (!may_reset && message.kind == Kind::kReset && stream.start == StreamStart::kToken) {
        complaints.push_back(absl::StrCat("resumable: stream ", i, " was reset"));
      }
    }
    const bool as_documented =
        absl::IsUnavailable(stream.end) || absl::IsCancelled(stream.end) ||
        (draining && stream.end.ok()) ||
        (stream.newer != NewerStream::kNone && absl::IsAborted(stream.end)) ||
        (stream.require_history && absl::IsOutOfRange(stream.end));
    if (!as_documented) {
      complaints.push_back(
          absl::StrCat("resumable: stream ", i, " ended with ", stream.end.ToString()));
    }
  }
  return complaints;
}

Complaints CheckDurable(const StreamHistory& history, const std::vector<KnownEvent>& answered) {
  Complaints complaints;
  const std::vector<Life> lives = Lives(history);
  // A snapshot conflates, so only what a life tells after it has to be there itself.
  uint64_t snapshot = 0;
  std::set<std::pair<std::string, uint64_t>> seen;
  absl::flat_hash_map<std::string, uint64_t> newest;
  if (!lives.empty()) {
    for (const RecordedMessage* message : lives.back().messages) {
      if (message->kind == Kind::kSnapshotEnd) snapshot = message->snapshot_sequence;
    }
    ForEachEntry(lives.back(), [&](const RecordedEntry& entry) {
      seen.emplace(entry.incident_id, entry.sequence);
      newest[entry.incident_id] = std::max(newest[entry.incident_id], entry.sequence);
    });
  }
  for (const KnownEvent& event : answered) {
    if (seen.count({event.incident_id, event.sequence}) != 0) continue;
    const auto it = newest.find(event.incident_id);
    if (event.sequence <= snapshot && it != newest.end() && it->second > event.sequence) continue;
    complaints.push_back(absl::StrCat("durable: ", event.incident_id, " at ", event.sequence,
                                      " was promised, and never seen"));
  }
  return complaints;
}

Complaints CheckGuarantees(const StreamHistory& history, const std::vector<KnownEvent>& answered) {
  Complaints complaints = CheckFramed(history);
  Append(CheckOrdered(history), &complaints);
  Append(CheckUnique(history), &complaints);
  Append(CheckComplete(history, answered), &complaints);
  Append(CheckDurable(history, answered), &complaints);
  return complaints;
}

}  // namespace incidenthub::testing
