// Tells subscribers that there is more to read, and when to show that they are alive.
//
// The sequencer publishes and goes on; one thread of the broadcaster's own calls the subscribers.
// It holds them weakly: one that is gone is not called, and nobody waits for another's call to end.
//
// Threads: all methods, any thread. Subscribers are called with no lock held, by one thread at a
// time.

#ifndef INCIDENTHUB_SERVER_FANOUT_BROADCASTER_H_
#define INCIDENTHUB_SERVER_FANOUT_BROADCASTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/fanout/event_ring.h"
#include "server/store/store.h"

namespace incidenthub {

// Called by the broadcaster. None of these may block.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // There may be more to read.
  virtual void OnPublished() = 0;
  // Time passed; returns when to be called again at the latest.
  virtual absl::Time OnTick(absl::Time now) = 0;
  // The hub stops: say so, and end.
  virtual void OnDrain() = 0;
};

class Broadcaster {
 public:
  // Subscribers are ticked no more often than this.
  static constexpr absl::Duration kTickIntervalMin = absl::Milliseconds(100);

  // Takes the subscriber off the list when destroyed.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept { *this = std::move(other); }
    Registration& operator=(Registration&& other) noexcept {
      std::swap(broadcaster_, other.broadcaster_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Registration() {
      if (broadcaster_ != nullptr) broadcaster_->Remove(id_);
    }

   private:
    friend class Broadcaster;
    Registration(Broadcaster* broadcaster, uint64_t id) : broadcaster_(broadcaster), id_(id) {}
    Broadcaster* broadcaster_ = nullptr;
    uint64_t id_ = 0;
  };

  // `ring` and every registration's holder are done with it before it goes.
  explicit Broadcaster(EventRing* ring);
  ~Broadcaster();

  // Puts `events` on the ring and has everybody told. Never blocks on a subscriber.
  void Publish(absl::Span<const SharedEvent> events) ABSL_LOCKS_EXCLUDED(mu_);

  [[nodiscard]] Registration Add(const std::weak_ptr<Subscriber>& subscriber)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Has every subscriber drained, now and those added later.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

  size_t subscriber_count() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  EventRing* const ring_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<uint64_t, std::weak_ptr<Subscriber>> subscribers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  // The list as Run last copied it is out of date.
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool published_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_BROADCASTER_H_
