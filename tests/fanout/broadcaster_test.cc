#include "server/fanout/broadcaster.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/fanout/fake_event_source.h"

namespace incidenthub {
namespace {

using testing::MakeSharedEvent;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Counts what it is called for.
class CountingSubscriber final : public Subscriber {
 public:
  void OnPublished() override {
    absl::MutexLock lock(&mu_);
    ++published_;
  }
  absl::Time OnTick(absl::Time now) override {
    absl::MutexLock lock(&mu_);
    ticks_.push_back(now);
    return now + tick_interval_;
  }
  void OnDrain() override {
    absl::MutexLock lock(&mu_);
    ++drained_;
  }

  void SetTickInterval(absl::Duration interval) {
    absl::MutexLock lock(&mu_);
    tick_interval_ = interval;
  }
  [[nodiscard]] bool AwaitPublished(int count) { return Await(&published_, count); }
  [[nodiscard]] bool AwaitDrained() { return Await(&drained_, 1); }
  [[nodiscard]] bool AwaitTicks(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto ticked = [this, count]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ticks_.size() >= count; };
    return mu_.AwaitWithTimeout(absl::Condition(&ticked), kPatience);
  }
  int published() const {
    absl::MutexLock lock(&mu_);
    return published_;
  }
  std::vector<absl::Time> ticks() const {
    absl::MutexLock lock(&mu_);
    return ticks_;
  }

 private:
  bool Await(const int* counter, int count) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto reached = [counter, count] { return *counter >= count; };
    return mu_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
  }

  mutable absl::Mutex mu_;
  absl::Duration tick_interval_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  int published_ ABSL_GUARDED_BY(mu_) = 0;
  int drained_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<absl::Time> ticks_ ABSL_GUARDED_BY(mu_);
};

// Stays in OnPublished until it is let go.
class BlockingSubscriber final : public Subscriber {
 public:
  void OnPublished() override {
    if (entered.HasBeenNotified()) return;
    entered.Notify();
    go.WaitForNotification();
  }
  absl::Time OnTick(absl::Time) override { return absl::InfiniteFuture(); }
  void OnDrain() override {}

  absl::Notification entered;
  absl::Notification go;
};

class BroadcasterTest : public ::testing::Test {
 protected:
  void Publish(Sequence sequence) {
    broadcaster_.Publish(std::vector<SharedEvent>{MakeSharedEvent("a", sequence)});
  }

  EventRing ring_{1'000'000, 0};
  Broadcaster broadcaster_{&ring_};
};

TEST_F(BroadcasterTest, PublishPutsEventsOnTheRingAndTellsEverybody) {
  std::vector<std::shared_ptr<CountingSubscriber>> subscribers;
  std::vector<Broadcaster::Registration> registrations;
  for (int i = 0; i < 20; ++i) {
    subscribers.push_back(std::make_shared<CountingSubscriber>());
    registrations.push_back(broadcaster_.Add(subscribers.back()));
  }
  EXPECT_EQ(broadcaster_.subscriber_count(), 20U);
  Publish(1);
  EXPECT_EQ(ring_.head(), 1U) << "before Publish returns";
  for (const auto& subscriber : subscribers) EXPECT_TRUE(subscriber->AwaitPublished(1));
  Publish(2);
  for (const auto& subscriber : subscribers) EXPECT_TRUE(subscriber->AwaitPublished(2));
}

TEST_F(BroadcasterTest, ARegistrationThatIsGoneTakesItsSubscriberOffTheList) {
  const auto gone = std::make_shared<CountingSubscriber>();
  const auto here = std::make_shared<CountingSubscriber>();
  const Broadcaster::Registration stays = broadcaster_.Add(here);
  {
    const Broadcaster::Registration registration = broadcaster_.Add(gone);
    EXPECT_EQ(broadcaster_.subscriber_count(), 2U);
  }
  EXPECT_EQ(broadcaster_.subscriber_count(), 1U);
  Publish(1);
  ASSERT_TRUE(here->AwaitPublished(1));
  Publish(2);
  ASSERT_TRUE(here->AwaitPublished(2));
  EXPECT_EQ(gone->published(), 0);
}

TEST_F(BroadcasterTest, ARegistrationMovesAndIsGivenBackOnce) {
  const auto subscriber = std::make_shared<CountingSubscriber>();
  Broadcaster::Registration outer;
  {
    Broadcaster::Registration inner = broadcaster_.Add(subscriber);
    outer = std::move(inner);
  }
  EXPECT_EQ(broadcaster_.subscriber_count(), 1U);
  const Broadcaster::Registration last(std::move(outer));
  EXPECT_EQ(broadcaster_.subscriber_count(), 1U);
  Publish(1);
  EXPECT_TRUE(subscriber->AwaitPublished(1));
}

TEST_F(BroadcasterTest, ASubscriberThatIsDestroyedIsNotCalled) {
  const auto here = std::make_shared<CountingSubscriber>();
  auto gone = std::make_shared<CountingSubscriber>();
  const std::weak_ptr<CountingSubscriber> watched = gone;
  // It goes before its registration does.
  const Broadcaster::Registration first = broadcaster_.Add(gone);
  const Broadcaster::Registration second = broadcaster_.Add(here);
  Publish(1);
  ASSERT_TRUE(here->AwaitPublished(1));
  gone.reset();
  Publish(2);
  ASSERT_TRUE(here->AwaitPublished(2));
  Publish(3);
  ASSERT_TRUE(here->AwaitPublished(3));
  EXPECT_TRUE(watched.expired()) << "the broadcaster kept it alive";
}

TEST_F(BroadcasterTest, ASubscriberMayGoWhileItIsBeingCalled) {
  const auto blocked = std::make_shared<BlockingSubscriber>();
  {
    const Broadcaster::Registration registration = broadcaster_.Add(blocked);
    Publish(1);
    ASSERT_TRUE(blocked->entered.WaitForNotificationWithTimeout(kPatience));
  }
  EXPECT_EQ(broadcaster_.subscriber_count(), 0U) << "nobody waits for a call to end";
  blocked->go.Notify();
}

TEST_F(BroadcasterTest, PublishNeverWaitsForASubscriber) {
  const auto blocked = std::make_shared<BlockingSubscriber>();
  const Broadcaster::Registration registration = broadcaster_.Add(blocked);
  Publish(1);
  ASSERT_TRUE(blocked->entered.WaitForNotificationWithTimeout(kPatience));
  for (Sequence sequence = 2; sequence <= 100; ++sequence) Publish(sequence);
  EXPECT_EQ(ring_.head(), 100U);
  blocked->go.Notify();
}

TEST_F(BroadcasterTest, DrainReachesEverybodyNowAndThoseAddedLater) {
  const auto before = std::make_shared<CountingSubscriber>();
  const Broadcaster::Registration first = broadcaster_.Add(before);
  broadcaster_.Drain();
  EXPECT_TRUE(before->AwaitDrained());
  const auto after = std::make_shared<CountingSubscriber>();
  const Broadcaster::Registration second = broadcaster_.Add(after);
  EXPECT_TRUE(after->AwaitDrained());
}

TEST_F(BroadcasterTest, ASubscriberIsTickedWhenItAskedToBe) {
  const auto subscriber = std::make_shared<CountingSubscriber>();
  const absl::Duration interval = absl::Milliseconds(150);
  subscriber->SetTickInterval(interval);
  const Broadcaster::Registration registration = broadcaster_.Add(subscriber);
  ASSERT_TRUE(subscriber->AwaitTicks(4));
  const std::vector<absl::Time> ticks = subscriber->ticks();
  for (size_t i = 1; i < ticks.size(); ++i) {
    EXPECT_GE(ticks[i] - ticks[i - 1], interval - absl::Milliseconds(1));
  }
}

TEST_F(BroadcasterTest, HoweverOftenASubscriberAsksTicksKeepTheirDistance) {
  const auto subscriber = std::make_shared<CountingSubscriber>();
  subscriber->SetTickInterval(absl::ZeroDuration());
  const Broadcaster::Registration registration = broadcaster_.Add(subscriber);
  ASSERT_TRUE(subscriber->AwaitTicks(4));
  const std::vector<absl::Time> ticks = subscriber->ticks();
  for (size_t i = 1; i < ticks.size(); ++i) {
    EXPECT_GE(ticks[i] - ticks[i - 1], Broadcaster::kTickIntervalMin - absl::Milliseconds(1));
  }
}

TEST_F(BroadcasterTest, ASubscriberAddedLaterIsTickedInTimeThoughOthersWaitLong) {
  const auto patient = std::make_shared<CountingSubscriber>();
  const Broadcaster::Registration first = broadcaster_.Add(patient);
  ASSERT_TRUE(patient->AwaitTicks(1));
  const auto eager = std::make_shared<CountingSubscriber>();
  eager->SetTickInterval(absl::Milliseconds(100));
  const Broadcaster::Registration second = broadcaster_.Add(eager);
  EXPECT_TRUE(eager->AwaitTicks(3));
}

// Everything at once: who stays hears of the last event, who goes is never called into its grave.
TEST_F(BroadcasterTest, AddingRemovingAndPublishingAtOnceLosesNobody) {
  const auto stays = std::make_shared<CountingSubscriber>();
  const Broadcaster::Registration registration = broadcaster_.Add(stays);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 300; ++i) {
        const auto subscriber = std::make_shared<CountingSubscriber>();
        const Broadcaster::Registration mine = broadcaster_.Add(subscriber);
      }
    });
  }
  for (Sequence sequence = 1; sequence <= 2000; ++sequence) Publish(sequence);
  for (std::thread& thread : threads) thread.join();
  const int before = stays->published();
  Publish(2001);
  EXPECT_TRUE(stays->AwaitPublished(before + 1));
  EXPECT_EQ(broadcaster_.subscriber_count(), 1U);
}

}  // namespace
}  // namespace incidenthub
