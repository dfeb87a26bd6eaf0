#include "common/signals.h"

#include <unistd.h>

#include <csignal>
#include <thread>

#include "gtest/gtest.h"

namespace incidenthub {
namespace {

// Signals belong to a process, so each case has one of its own.
class SignalsTest : public ::testing::Test {
 protected:
  SignalsTest() { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(SignalsTest, SignalsAreReturnedOneByOne) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        kill(getpid(), SIGTERM);
        const bool first = shutdown.Wait() == SIGTERM;
        kill(getpid(), SIGINT);
        _exit(first && shutdown.Wait() == SIGINT ? 7 : 1);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(SignalsTest, WakeEndsEveryWait) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        std::thread waker([&shutdown] { shutdown.Wake(); });
        const bool woken = shutdown.Wait() == 0 && shutdown.Wait() == 0;
        waker.join();
        _exit(woken ? 7 : 1);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(SignalsTest, SecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        kill(getpid(), SIGTERM);
        shutdown.Wait();
        shutdown.ExitOnNext(7);
        kill(getpid(), SIGTERM);
        // Would be for ever without it.
        pause();
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(SignalsTest, WithoutASecondSignalTheEndIsOrderly) {
  EXPECT_EXIT(
      {
        {
          ShutdownSignal shutdown;
          shutdown.ExitOnNext(1);
        }
        _exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(SignalsTest, BrokenPipeIsAnError) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        int fds[2];
        const bool made = pipe(fds) == 0;
        close(fds[0]);
        _exit(made && write(fds[1], "x", 1) == -1 ? 7 : 1);
      },
      ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace incidenthub
