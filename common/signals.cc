#include "common/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "common/check.h"

namespace incidenthub {

ShutdownSignal::ShutdownSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  INCIDENTHUB_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  // A peer that hangs up is an error of the write, not the end of the process.
  INCIDENTHUB_CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  INCIDENTHUB_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0);
}

ShutdownSignal::~ShutdownSignal() {
  Wake();
  if (exit_thread_.joinable()) exit_thread_.join();
  close(signal_fd_);
  close(wake_fd_);
}

int ShutdownSignal::Wait() {
  while (true) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      INCIDENTHUB_CHECK(errno == EINTR);
      continue;
    }
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof info) == sizeof info)
      return static_cast<int>(info.ssi_signo);
    // The count stays unread, so that every waiter sees it.
    if ((fds[1].revents & POLLIN) != 0) return 0;
  }
}

void ShutdownSignal::Wake() {
  const uint64_t one = 1;
  // Can only fail by overflow, and then it reads as woken already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void ShutdownSignal::ExitOnNext(int exit_code) {
  INCIDENTHUB_CHECK(!exit_thread_.joinable());
  exit_thread_ = std::thread([this, exit_code] {
    if (Wait() != 0) _exit(exit_code);
  });
}

}  // namespace incidenthub
