// Where a subscription reads from: the ring for what is new, the store for everything else.

#ifndef INCIDENTHUB_SERVER_FANOUT_EVENT_SOURCE_H_
#define INCIDENTHUB_SERVER_FANOUT_EVENT_SOURCE_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/ids.h"
#include "server/fanout/event_ring.h"
#include "server/store/store.h"

namespace incidenthub {

// Threads: all.
class EventSource {
 public:
  virtual ~EventSource() = default;

  // The last event published.
  virtual Sequence head() const = 0;
  // The last event that a reading of the store may reflect; at or above head().
  virtual Sequence applied() const = 0;
  // As in Store: every event above floor() is in it; no tombstone above forgotten() is missing.
  virtual Sequence floor() const = 0;
  virtual Sequence forgotten() const = 0;
  // As EventRing::ReadAfter: never waits for a disk.
  virtual bool ReadRecent(Sequence after, const ReadLimits& limits,
                          std::vector<SharedEvent>* events) const = 0;
  // As EventRing::Find.
  virtual bool FindRecent(Sequence sequence, SharedEvent* event) const = 0;
  // As in Store: may wait for a disk.
  virtual absl::StatusOr<std::vector<SharedEvent>> ReadEvents(Sequence after,
                                                              const ReadLimits& limits) const = 0;
  virtual absl::StatusOr<std::optional<SharedEvent>> ReadEvent(Sequence sequence) const = 0;
  virtual absl::StatusOr<std::vector<SharedEvent>> ReadLatest(Sequence after, Sequence up_to,
                                                              const ReadLimits& limits,
                                                              bool* complete) const = 0;
};

// Both outlive it.
class HubEventSource final : public EventSource {
 public:
  HubEventSource(const EventRing* ring, const Store* store) : ring_(ring), store_(store) {}

  Sequence head() const override { return ring_->head(); }
  Sequence applied() const override { return store_->applied(); }
  Sequence floor() const override { return store_->floor(); }
  Sequence forgotten() const override { return store_->forgotten(); }
  bool ReadRecent(Sequence after, const ReadLimits& limits,
                  std::vector<SharedEvent>* events) const override {
    return ring_->ReadAfter(after, limits, events);
  }
  bool FindRecent(Sequence sequence, SharedEvent* event) const override {
    return ring_->Find(sequence, event);
  }
  absl::StatusOr<std::vector<SharedEvent>> ReadEvents(Sequence after,
                                                      const ReadLimits& limits) const override {
    return store_->ReadEvents(after, limits);
  }
  absl::StatusOr<std::optional<SharedEvent>> ReadEvent(Sequence sequence) const override {
    return store_->ReadEvent(sequence);
  }
  absl::StatusOr<std::vector<SharedEvent>> ReadLatest(Sequence after, Sequence up_to,
                                                      const ReadLimits& limits,
                                                      bool* complete) const override {
    return store_->ReadLatest(after, up_to, limits, complete);
  }

 private:
  const EventRing* const ring_;
  const Store* const store_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_EVENT_SOURCE_H_
