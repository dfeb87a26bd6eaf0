#include "server/fanout/live_subscriptions.h"

#include "absl/strings/str_cat.h"
#include "common/error_details.h"

namespace incidenthub {

absl::Status TakenOver(absl::string_view consumer, const SubscriberLabel& newer, absl::Time now) {
  const std::string who =
      newer.peer.empty()
          ? "a newer Subscribe"
          : absl::StrCat("a newer Subscribe of client \"", newer.client, "\" at ", newer.peer,
                         ", at ", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone()));
  return ReasonError(kSubscriptionTakenOver,
                     absl::StrCat("consumer \"", consumer, "\" was taken over by ", who,
                                  "; a consumer has one stream: stop one of the two, or give each "
                                  "a name of its own"),
                     {{"consumer", consumer}});
}

absl::Status ConsumerDeleted(absl::string_view consumer, absl::string_view peer) {
  return ReasonError(kSubscriptionTakenOver,
                     absl::StrCat("consumer \"", consumer, "\" was deleted",
                                  peer.empty() ? "" : absl::StrCat(" by ", peer),
                                  "; a Subscribe makes it anew, with a snapshot"),
                     {{"consumer", consumer}});
}

LiveSubscriptions::Registration LiveSubscriptions::Add(
    const std::weak_ptr<LiveSubscription>& subscription) {
  absl::MutexLock lock(&mu_);
  nameless_.emplace(++last_id_, subscription);
  return {this, last_id_, ""};
}

LiveSubscriptions::Registration LiveSubscriptions::Add(
    const std::shared_ptr<LiveSubscription>& subscription, const std::string& consumer,
    uint64_t stream, absl::Time now) {
  // Let go, and the one that ends woken, without the lock.
  std::shared_ptr<LiveSubscription> other;
  std::shared_ptr<LiveSubscription> older;
  uint64_t id = 0;
  {
    absl::MutexLock lock(&mu_);
    id = ++last_id_;
    Named& slot = named_[consumer];
    other = slot.subscription.lock();
    const bool newest = other == nullptr || slot.stream < stream;
    older = newest ? other : subscription;
    if (older != nullptr) {
      const LiveSubscription& newer = newest ? *subscription : *other;
      older->Supersede(TakenOver(consumer, newer.Describe(now).label, now));
      takeovers_.fetch_add(1, std::memory_order_relaxed);
    }
    if (newest) slot = {id, stream, subscription};
  }
  if (older != nullptr) older->EndSuperseded();
  return {this, id, consumer};
}

void LiveSubscriptions::Remove(uint64_t id, const std::string& consumer) {
  absl::MutexLock lock(&mu_);
  if (consumer.empty()) {
    nameless_.erase(id);
    return;
  }
  const auto found = named_.find(consumer);
  // A newer one stays.
  if (found != named_.end() && found->second.id == id) named_.erase(found);
}

void LiveSubscriptions::End(absl::string_view consumer, const absl::Status& why) {
  std::shared_ptr<LiveSubscription> ending;
  {
    absl::MutexLock lock(&mu_);
    const auto found = named_.find(consumer);
    if (found == named_.end()) return;
    ending = found->second.subscription.lock();
    if (ending == nullptr) return;
    ending->Supersede(why);
  }
  ending->EndSuperseded();
}

std::shared_ptr<LiveSubscription> LiveSubscriptions::Find(absl::string_view consumer) const {
  absl::MutexLock lock(&mu_);
  const auto found = named_.find(consumer);
  return found == named_.end() ? nullptr : found->second.subscription.lock();
}

std::vector<std::pair<uint64_t, std::shared_ptr<LiveSubscription>>> LiveSubscriptions::ListNameless(
    uint64_t after, size_t max) const {
  std::vector<std::pair<uint64_t, std::shared_ptr<LiveSubscription>>> subscriptions;
  absl::MutexLock lock(&mu_);
  for (auto it = nameless_.upper_bound(after); it != nameless_.end() && subscriptions.size() < max;
       ++it) {
    std::shared_ptr<LiveSubscription> subscription = it->second.lock();
    if (subscription != nullptr) subscriptions.emplace_back(it->first, std::move(subscription));
  }
  return subscriptions;
}

std::vector<std::shared_ptr<LiveSubscription>> LiveSubscriptions::ListAll() const {
  std::vector<std::shared_ptr<LiveSubscription>> subscriptions;
  absl::MutexLock lock(&mu_);
  subscriptions.reserve(nameless_.size() + named_.size());
  for (const auto& [id, weak] : nameless_) {
    if (auto subscription = weak.lock()) subscriptions.push_back(std::move(subscription));
  }
  for (const auto& [name, named] : named_) {
    if (auto subscription = named.subscription.lock()) {
      subscriptions.push_back(std::move(subscription));
    }
  }
  return subscriptions;
}

}  // namespace incidenthub
