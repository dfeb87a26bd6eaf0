#include "gateway/input_poller.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/support/tcp.h"

namespace incidenthub::gateway {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// One end waits for input; the test has the other.
struct Pair : InputPoller::Waiter {
  explicit Pair(std::array<int, 2> ends) : Waiter(ends[0]), own(ends[0]), other(ends[1]) {}

  static std::unique_ptr<Pair> Make() {
    std::array<int, 2> ends = {};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return std::make_unique<Pair>(ends);
  }
  void Say() const { EXPECT_EQ(write(other.get(), "x", 1), 1); }

  const testing::OwnedFd own;
  testing::OwnedFd other;
};

class InputPollerTest : public ::testing::Test {
 protected:
  using Calls = std::vector<std::pair<InputPoller::Waiter*, bool>>;

  std::unique_ptr<InputPoller> Start(absl::Duration idle_timeout) {
    return std::make_unique<InputPoller>(idle_timeout,
                                         [this](InputPoller::Waiter* waiter, bool timed_out) {
                                           absl::MutexLock lock(&mu_);
                                           calls_.emplace_back(waiter, timed_out);
                                         });
  }

  // As soon as there are so many.
  Calls AwaitCalls(size_t count) {
    absl::MutexLock lock(&mu_);
    wanted_ = count;
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(
                                         +[](InputPollerTest* self) {
                                           self->mu_.AssertHeld();
                                           return self->calls_.size() >= self->wanted_;
                                         },
                                         this),
                                     kPatience));
    return calls_;
  }

 private:
  absl::Mutex mu_;
  Calls calls_ ABSL_GUARDED_BY(mu_);
  size_t wanted_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_F(InputPollerTest, InputIsToldOnceForEachWait) {
  const std::unique_ptr<Pair> pair = Pair::Make();
  const std::unique_ptr<Pair> other = Pair::Make();
  const auto poller = Start(kPatience);
  ASSERT_TRUE(poller->Await(pair.get()));
  ASSERT_TRUE(poller->Await(other.get()));
  pair->Say();
  EXPECT_EQ(AwaitCalls(1), (Calls{{pair.get(), false}}));
  // Nobody reads it, and nobody is told again, before the next wait: the other one comes first.
  pair->Say();
  other->Say();
  EXPECT_EQ(AwaitCalls(2)[1].first, other.get());
  ASSERT_TRUE(poller->Await(pair.get()));
  EXPECT_EQ(AwaitCalls(3)[2].first, pair.get());
}

TEST_F(InputPollerTest, TheEndOfInputIsInput) {
  const std::unique_ptr<Pair> gone = Pair::Make();
  const std::unique_ptr<Pair> shut = Pair::Make();
  const auto poller = Start(kPatience);
  ASSERT_TRUE(poller->Await(gone.get()));
  gone->other = testing::OwnedFd();
  EXPECT_EQ(AwaitCalls(1), (Calls{{gone.get(), false}}));
  ASSERT_TRUE(poller->Await(shut.get()));
  shutdown(shut->own.get(), SHUT_RD);
  EXPECT_EQ(AwaitCalls(2)[1], (Calls::value_type{shut.get(), false}));
}

TEST_F(InputPollerTest, WhoeverIsSilentForTooLongIsToldSoTheFirstFirst) {
  const std::unique_ptr<Pair> first = Pair::Make();
  const std::unique_ptr<Pair> second = Pair::Make();
  const std::unique_ptr<Pair> speaks = Pair::Make();
  const absl::Duration timeout = absl::Milliseconds(200);
  const auto poller = Start(timeout);
  const absl::Time start = absl::Now();
  ASSERT_TRUE(poller->Await(first.get()));
  ASSERT_TRUE(poller->Await(speaks.get()));
  ASSERT_TRUE(poller->Await(second.get()));
  speaks->Say();
  const Calls calls = AwaitCalls(3);
  EXPECT_GE(absl::Now() - start, timeout);
  EXPECT_EQ(calls, (Calls{{speaks.get(), false}, {first.get(), true}, {second.get(), true}}));
}

TEST_F(InputPollerTest, ABurstOfMoreThanComeAtOnceIsServedWhole) {
  constexpr size_t kMany = 200;
  std::vector<std::unique_ptr<Pair>> pairs;
  const auto poller = Start(kPatience);
  for (size_t i = 0; i < kMany; ++i) {
    pairs.push_back(Pair::Make());
    pairs.back()->Say();
  }
  for (const auto& pair : pairs) ASSERT_TRUE(poller->Await(pair.get()));
  EXPECT_EQ(AwaitCalls(kMany).size(), kMany);
}

}  // namespace
}  // namespace incidenthub::gateway
