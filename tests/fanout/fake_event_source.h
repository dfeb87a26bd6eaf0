// Log, store and ring of a hub, as far as a subscription sees them, in memory.
//
// Threads: one.

#ifndef INCIDENTHUB_TESTS_FANOUT_FAKE_EVENT_SOURCE_H_
#define INCIDENTHUB_TESTS_FANOUT_FAKE_EVENT_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/ids.h"
#include "server/fanout/event_ring.h"
#include "server/fanout/event_source.h"
#include "server/store/store.h"

namespace incidenthub::testing {

// An event with its bytes, as the sequencer publishes it.
inline SharedEvent MakeSharedEvent(const std::string& incident_id, Sequence sequence,
                                   Sequence previous_sequence = 0, v1::State state = v1::STATE_OPEN,
                                   v1::EventType type = v1::EVENT_TYPE_UPDATED) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_type(previous_sequence == 0 ? v1::EVENT_TYPE_OPENED : type);
  event.set_previous_sequence(previous_sequence);
  event.mutable_incident()->set_id(incident_id);
  event.mutable_incident()->set_sequence(sequence);
  event.mutable_incident()->set_state(state);
  return {sequence, previous_sequence,
          std::make_shared<const std::string>(event.SerializeAsString())};
}

class FakeEventSource final : public EventSource {
 public:
  struct Record {
    std::string incident_id;
    SharedEvent event;
    v1::State state = v1::STATE_OPEN;
    // A forgotten tombstone: of the incident as if it had never been.
    bool forgotten = false;
    // Not to be read any more.
    bool dropped = false;
  };
  // All events that were committed, by sequence.
  using History = std::vector<Record>;
  // Sequence of each incident's newest event.
  using Incidents = std::map<std::string, Sequence>;
  // What retention did.
  struct Dropped {
    Sequence floor = 0;
    Sequence forgotten = 0;
    Sequence cursor = 0;
  };

  explicit FakeEventSource(size_t ring_bytes)
      : ring_bytes_(ring_bytes), ring_(std::make_unique<EventRing>(ring_bytes, 0)) {}

  // Logs and applies an event of this incident; it is not published yet.
  Sequence Commit(const std::string& incident_id, Sequence gap = 1,
                  v1::State state = v1::STATE_OPEN) {
    const Sequence sequence = applied() + gap;
    const Sequence previous = NewestOf(incident_id);
    history_.push_back(
        {incident_id, MakeSharedEvent(incident_id, sequence, previous, state), state});
    history_.back().event.after_tombstone = previous != 0 && At(previous).event.tombstone;
    return sequence;
  }
  // Logs and applies a PURGED of this incident, which exists.
  Sequence Purge(const std::string& incident_id) {
    const Sequence sequence = applied() + 1;
    history_.push_back({incident_id,
                        MakeSharedEvent(incident_id, sequence, NewestOf(incident_id),
                                        v1::STATE_RESOLVED, v1::EVENT_TYPE_PURGED),
                        v1::STATE_RESOLVED});
    history_.back().event.tombstone = true;
    return sequence;
  }
  // As EventTrimmer, up to here.
  void Trim(Sequence up_to) {
    for (Record& record : history_) {
      if (record.event.sequence <= dropped_.cursor || record.event.sequence > up_to) continue;
      dropped_.cursor = record.event.sequence;
      if (record.event.previous_sequence == 0) continue;
      Find(record.event.previous_sequence)->dropped = true;
      dropped_.floor = record.event.sequence;
    }
  }
  // Forgets the oldest tombstone that may be forgotten, if there is one.
  void Forget() {
    for (Record& record : history_) {
      if (!record.event.tombstone || record.forgotten ||
          NewestOf(record.incident_id) != record.event.sequence) {
        continue;
      }
      if (record.event.sequence > dropped_.cursor) return;
      record.forgotten = record.dropped = true;
      dropped_.forgotten = std::max(dropped_.forgotten, record.event.sequence);
      dropped_.floor = std::max(dropped_.floor, record.event.sequence);
      return;
    }
  }
  const Dropped& dropped() const { return dropped_; }
  // Puts what was committed on the ring.
  void Publish() {
    std::vector<SharedEvent> events;
    for (const Record& record : After(ring_->head())) events.push_back(record.event);
    ring_->Push(events);
  }
  Sequence CommitAndPublish(const std::string& incident_id, v1::State state = v1::STATE_OPEN) {
    const Sequence sequence = Commit(incident_id, /*gap=*/1, state);
    Publish();
    return sequence;
  }

  // The event of this sequence; it exists.
  const Record& At(Sequence sequence) const {
    return *std::find_if(history_.begin(), history_.end(), [sequence](const Record& record) {
      return record.event.sequence == sequence;
    });
  }

  // Begins anew with this history, as a process that just started.
  void Restart(History history) { Restart(std::move(history), Dropped()); }
  void Restart(History history, const Dropped& dropped) {
    history_ = std::move(history);
    dropped_ = dropped;
    ring_ = std::make_unique<EventRing>(ring_bytes_, applied());
  }
  void Restart() { Restart(history_, dropped_); }

  // Called in the middle of each ReadLatest: the reading is made, and not returned yet.
  std::function<void()> during_read_latest;
  // The same for ReadEvents.
  std::function<void()> during_read_events;
  // If not OK, what readings of the store end with.
  absl::Status store_error;

  const History& history() const { return history_; }
  History After(Sequence sequence) const {
    History later;
    std::copy_if(history_.begin(), history_.end(), std::back_inserter(later),
                 [sequence](const Record& record) { return record.event.sequence > sequence; });
    return later;
  }
  // Without those that are purged.
  Incidents IncidentsAsOf(Sequence sequence) const {
    Incidents incidents;
    for (const Record& record : history_) {
      if (record.event.sequence > sequence) break;
      if (record.event.tombstone) {
        incidents.erase(record.incident_id);
      } else {
        incidents[record.incident_id] = record.event.sequence;
      }
    }
    return incidents;
  }
  // Sequence of the newest event of this incident, which may be a tombstone; 0: it has none.
  Sequence NewestOf(const std::string& incident_id) const {
    for (auto record = history_.rbegin(); record != history_.rend(); ++record) {
      if (record->incident_id == incident_id) return record->forgotten ? 0 : record->event.sequence;
    }
    return 0;
  }

  Sequence head() const override { return ring_->head(); }
  Sequence applied() const override {
    return history_.empty() ? 0 : history_.back().event.sequence;
  }
  Sequence floor() const override { return dropped_.floor; }
  Sequence forgotten() const override { return dropped_.forgotten; }
  bool ReadRecent(Sequence after, const ReadLimits& limits,
                  std::vector<SharedEvent>* events) const override {
    return ring_->ReadAfter(after, limits, events);
  }
  bool FindRecent(Sequence sequence, SharedEvent* event) const override {
    return ring_->Find(sequence, event);
  }
  absl::StatusOr<std::vector<SharedEvent>> ReadEvents(Sequence after,
                                                      const ReadLimits& limits) const override {
    if (!store_error.ok()) return store_error;
    std::vector<SharedEvent> events;
    for (const Record& record : After(after)) {
      if (!record.dropped && !Take(record.event, limits, &events)) break;
    }
    if (during_read_events) during_read_events();
    return events;
  }
  absl::StatusOr<std::optional<SharedEvent>> ReadEvent(Sequence sequence) const override {
    if (!store_error.ok()) return store_error;
    for (const Record& record : history_) {
      if (record.event.sequence == sequence && !record.dropped) return record.event;
    }
    return std::nullopt;
  }
  absl::StatusOr<std::vector<SharedEvent>> ReadLatest(Sequence after, Sequence up_to,
                                                      const ReadLimits& limits,
                                                      bool* complete) const override {
    if (!store_error.ok()) return store_error;
    std::vector<SharedEvent> events;
    *complete = true;
    for (const Record& record : After(after)) {
      if (record.event.sequence > up_to) break;
      if (NewestOf(record.incident_id) != record.event.sequence) continue;
      if (Take(record.event, limits, &events)) continue;
      *complete = false;
      break;
    }
    if (during_read_latest) during_read_latest();
    return events;
  }

 private:
  // False, and nothing happens, if `events` is full.
  static bool Take(const SharedEvent& event, const ReadLimits& limits,
                   std::vector<SharedEvent>* events) {
    size_t bytes = event.bytes->size();
    for (const SharedEvent& taken : *events) bytes += taken.bytes->size();
    if (!events->empty() && (bytes > limits.bytes || events->size() >= limits.events)) return false;
    events->push_back(event);
    return true;
  }

  Record* Find(Sequence sequence) {
    return &*std::find_if(history_.begin(), history_.end(), [sequence](const Record& record) {
      return record.event.sequence == sequence;
    });
  }

  const size_t ring_bytes_;
  std::unique_ptr<EventRing> ring_;
  Dropped dropped_;
  History history_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_FANOUT_FAKE_EVENT_SOURCE_H_
