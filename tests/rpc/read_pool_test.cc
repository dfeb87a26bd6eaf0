#include "server/rpc/read_pool.h"

#include <atomic>
#include <memory>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

TEST(ReadPoolTest, TasksRunBesideEachOther) {
  ReadPool pool(2, 10);
  absl::BlockingCounter both(2);
  absl::Notification done;
  for (int i = 0; i < 2; ++i) {
    pool.Post([&both, &done] {
      // Only a second thread can bring this to an end.
      both.DecrementCount();
      done.WaitForNotification();
    });
  }
  both.Wait();
  done.Notify();
}

TEST(ReadPoolTest, PastItsBoundTryPostIsRefusedAndPostIsNot) {
  std::atomic<int> ran{0};
  {
    absl::Notification busy;
    absl::Notification go;
    ReadPool pool(1, 2);
    pool.Post([&] {
      busy.Notify();
      go.WaitForNotification();
    });
    busy.WaitForNotification();
    EXPECT_TRUE(pool.TryPost([&ran] { ++ran; }));
    EXPECT_TRUE(pool.TryPost([&ran] { ++ran; }));
    EXPECT_FALSE(pool.TryPost([&ran] { ran += 100; }));
    pool.Post([&ran] { ++ran; });
    EXPECT_FALSE(pool.TryPost([&ran] { ran += 100; }));
    go.Notify();
  }
  EXPECT_EQ(ran, 3) << "what was posted runs before the pool ends, what was refused never";
}

}  // namespace
}  // namespace incidenthub
