// The Subscribe streams that are open: for those who ask how they do, and so that a consumer has
// one of them at most.
//
// Two streams of one consumer may begin at the same time; the one with the greater number stays,
// whichever comes here first. When Add has returned, the other one begins to send nothing more.
//
// Threads: all methods, any. LiveSubscription::Supersede is called with the lock held, the others
// without.

#ifndef INCIDENTHUB_SERVER_FANOUT_LIVE_SUBSCRIPTIONS_H_
#define INCIDENTHUB_SERVER_FANOUT_LIVE_SUBSCRIPTIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/error_reasons.h"
#include "server/domain/ids.h"
#include "server/domain/matcher.h"

namespace incidenthub {

// Reason of the end of a stream that is no longer its consumer's.
inline constexpr HubReason kSubscriptionTakenOver = "SUBSCRIPTION_TAKEN_OVER";

// Who subscribes, as the caller says and as the connection does.
struct SubscriberLabel {
  std::string client;
  std::string peer;
};

// None of these may block.
class LiveSubscription {
 public:
  enum class State { kLive, kCatchingUp, kStalled };
  struct Description {
    SubscriberLabel label;
    std::shared_ptr<const Matchers> matchers;
    State state = State::kCatchingUp;
    // Everything at or below was sent, or did not match.
    Sequence sent = 0;
  };

  virtual ~LiveSubscription() = default;
  virtual Description Describe(absl::Time now) const = 0;
  // From when this returns nothing more is begun to be sent; the stream will end with `why`, unless
  // it ends otherwise before.
  virtual void Supersede(const absl::Status& why) = 0;
  // Follows Supersede: ends the stream if nobody is at work on it who would.
  virtual void EndSuperseded() = 0;
};

// Why a stream of the consumer ends: a newer one has begun at `now`. Empty `newer`: of whom is not
// known any more.
absl::Status TakenOver(absl::string_view consumer, const SubscriberLabel& newer, absl::Time now);
// Why it ends: the consumer was deleted by `peer`; empty: of whom is not known any more.
absl::Status ConsumerDeleted(absl::string_view consumer, absl::string_view peer);

class LiveSubscriptions {
 public:
  // Takes the stream off the list when destroyed.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept { *this = std::move(other); }
    Registration& operator=(Registration&& other) noexcept {
      std::swap(live_, other.live_);
      std::swap(id_, other.id_);
      std::swap(consumer_, other.consumer_);
      return *this;
    }
    ~Registration() {
      if (live_ != nullptr) live_->Remove(id_, consumer_);
    }

   private:
    friend class LiveSubscriptions;
    Registration(LiveSubscriptions* live, uint64_t id, std::string consumer)
        : live_(live), id_(id), consumer_(std::move(consumer)) {}
    LiveSubscriptions* live_ = nullptr;
    uint64_t id_ = 0;
    std::string consumer_;
  };

  // A stream of no consumer.
  [[nodiscard]] Registration Add(const std::weak_ptr<LiveSubscription>& subscription)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The stream of `consumer` with this number, begun at `now`. Ends the one that was there, or this
  // one if that is newer.
  [[nodiscard]] Registration Add(const std::shared_ptr<LiveSubscription>& subscription,
                                 const std::string& consumer, uint64_t stream, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the consumer's stream, if there is one.
  void End(absl::string_view consumer, const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  // The consumer's stream; null: none is open.
  std::shared_ptr<LiveSubscription> Find(absl::string_view consumer) const ABSL_LOCKS_EXCLUDED(mu_);

  // Streams of no consumer, in the order in which they were opened, at most `max` of those after
  // the one with number `after`; with their numbers, which begin at 1.
  std::vector<std::pair<uint64_t, std::shared_ptr<LiveSubscription>>> ListNameless(uint64_t after,
                                                                                   size_t max) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // All of them, in no order.
  std::vector<std::shared_ptr<LiveSubscription>> ListAll() const ABSL_LOCKS_EXCLUDED(mu_);

  // Streams that had to leave their consumer to a newer one.
  uint64_t takeovers() const { return takeovers_.load(std::memory_order_relaxed); }

 private:
  struct Named {
    uint64_t id = 0;
    uint64_t stream = 0;
    std::weak_ptr<LiveSubscription> subscription;
  };
  void Remove(uint64_t id, const std::string& consumer) ABSL_LOCKS_EXCLUDED(mu_);

  std::atomic<uint64_t> takeovers_{0};
  mutable absl::Mutex mu_;
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  absl::btree_map<uint64_t, std::weak_ptr<LiveSubscription>> nameless_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Named> named_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_LIVE_SUBSCRIPTIONS_H_
