#include "server/core/disk_space.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::HasCode;
using testing::HasReason;

constexpr uint64_t kMin = 1000;

class DiskSpaceTest : public ::testing::Test {
 protected:
  // Waits for that many states.
  std::vector<bool> States(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto there = [this, count]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return states_.size() >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(30)));
    return states_;
  }
  void Watch(absl::Duration interval) {
    disk_.Watch(interval, [this](bool ok) {
      absl::MutexLock lock(&mu_);
      states_.push_back(ok);
    });
  }

  std::atomic<uint64_t> free_{kMin};
  std::atomic<bool> unreadable_{false};
  absl::Mutex mu_;
  std::vector<bool> states_ ABSL_GUARDED_BY(mu_);
  DiskSpace disk_{[this]() -> absl::StatusOr<uint64_t> {
                    if (unreadable_) return absl::UnavailableError("statvfs says no");
                    return free_.load();
                  },
                  {.min_free_bytes = kMin, .retry_delay = absl::Seconds(7)}};
};

TEST_F(DiskSpaceTest, BelowTheMinimumItSaysHowMuchIsThereAndWhenToComeBack) {
  EXPECT_OK(disk_.Check());
  free_ = kMin - 1;
  const absl::Status full = disk_.Check();
  EXPECT_THAT(full, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(full, HasReason("DISK_FULL"));
  EXPECT_THAT(std::string(full.message()), ::testing::HasSubstr("999 bytes free, fewer than 1000"));
  EXPECT_EQ(RetryDelay(full, absl::ZeroDuration()), absl::Seconds(7));
  EXPECT_FALSE(disk_.ok());
  free_ = kMin;
  EXPECT_OK(disk_.Check());
  EXPECT_TRUE(disk_.ok());
}

TEST_F(DiskSpaceTest, ADiskThatCannotBeAskedCountsAsFull) {
  unreadable_ = true;
  EXPECT_THAT(disk_.Check(), HasReason("DISK_FULL"));
}

TEST_F(DiskSpaceTest, AWatchBeginsWithWhatIsAndTellsEveryChangeOnce) {
  free_ = 0;
  Watch(absl::Milliseconds(1));
  EXPECT_EQ(States(1), (std::vector<bool>{false}));
  free_ = kMin;
  EXPECT_EQ(States(2), (std::vector<bool>{false, true})) << "nobody has asked meanwhile";
  free_ = 0;
  EXPECT_EQ(States(3), (std::vector<bool>{false, true, false}));
}

TEST_F(DiskSpaceTest, WhoeverFindsAChangeItIsTold) {
  Watch(absl::InfiniteDuration());
  free_ = 0;
  EXPECT_FALSE(disk_.Check().ok());
  EXPECT_FALSE(disk_.Check().ok());
  EXPECT_EQ(States(2), (std::vector<bool>{true, false}));
}

TEST_F(DiskSpaceTest, AfterItsEndAWatchTellsNothing) {
  Watch(absl::InfiniteDuration());
  disk_.StopWatch();
  free_ = 0;
  EXPECT_FALSE(disk_.Check().ok());
  EXPECT_EQ(States(1), (std::vector<bool>{true}));
}

}  // namespace
}  // namespace incidenthub
