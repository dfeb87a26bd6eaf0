#include "server/fanout/broadcaster.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/check.h"

namespace incidenthub {

Broadcaster::Broadcaster(EventRing* ring) : ring_(ring), thread_([this] { Run(); }) {}

Broadcaster::~Broadcaster() {
  {
    absl::MutexLock lock(&mu_);
    INCIDENTHUB_CHECK(subscribers_.empty());
    stopping_ = true;
  }
  thread_.join();
}

void Broadcaster::Publish(absl::Span<const SharedEvent> events) {
  ring_->Push(events);
  absl::MutexLock lock(&mu_);
  published_ = true;
}

Broadcaster::Registration Broadcaster::Add(const std::weak_ptr<Subscriber>& subscriber) {
  absl::MutexLock lock(&mu_);
  subscribers_.emplace(++last_id_, subscriber);
  changed_ = true;
  return {this, last_id_};
}

void Broadcaster::Remove(uint64_t id) {
  absl::MutexLock lock(&mu_);
  subscribers_.erase(id);
  changed_ = true;
}

void Broadcaster::Drain() {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  changed_ = true;
}

size_t Broadcaster::subscriber_count() const {
  absl::MutexLock lock(&mu_);
  return subscribers_.size();
}

bool Broadcaster::HasWork() const { return published_ || changed_ || stopping_; }

void Broadcaster::Run() {
  std::vector<std::weak_ptr<Subscriber>> subscribers;
  absl::Time next_tick = absl::InfiniteFuture();
  while (true) {
    bool published = false;
    bool changed = false;
    bool draining = false;
    {
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithDeadline(absl::Condition(this, &Broadcaster::HasWork), next_tick);
      if (stopping_) return;
      published = std::exchange(published_, false);
      changed = std::exchange(changed_, false);
      draining = draining_;
      if (changed) {
        subscribers.clear();
        for (const auto& [id, subscriber] : subscribers_) subscribers.push_back(subscriber);
      }
    }
    const absl::Time now = absl::Now();
    const bool tick = changed || now >= next_tick;
    if (tick) next_tick = absl::InfiniteFuture();
    for (const auto& weak : subscribers) {
      const std::shared_ptr<Subscriber> subscriber = weak.lock();
      if (subscriber == nullptr) continue;
      if (draining) subscriber->OnDrain();
      if (published) subscriber->OnPublished();
      if (tick) next_tick = std::min(next_tick, subscriber->OnTick(now));
    }
    if (tick) next_tick = std::max(next_tick, now + kTickIntervalMin);
  }
}

}  // namespace incidenthub
