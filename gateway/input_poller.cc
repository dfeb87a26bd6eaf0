#include "gateway/input_poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/time/clock.h"
#include "common/check.h"

namespace incidenthub::gateway {
namespace {

// Events taken from the kernel at once.
constexpr int kEventsAtOnceMax = 64;
// No sleep is longer: the clock may be set.
constexpr absl::Duration kLongestSleep = absl::Minutes(1);

}  // namespace

InputPoller::InputPoller(absl::Duration idle_timeout, OnInput on_input)
    : idle_timeout_(idle_timeout),
      on_input_(std::move(on_input)),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  INCIDENTHUB_CHECK(epoll_fd_ >= 0 && stop_fd_ >= 0);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  INCIDENTHUB_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stop_fd_, &event) == 0);
  thread_ = std::thread([this] { Loop(); });
}

InputPoller::~InputPoller() {
  const uint64_t one = 1;
  INCIDENTHUB_CHECK(write(stop_fd_, &one, sizeof one) == sizeof one);
  thread_.join();
  close(stop_fd_);
  close(epoll_fd_);
}

bool InputPoller::Await(Waiter* waiter) {
  const int operation = waiter->is_known_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  waiter->is_known_ = true;
  epoll_event event = {};
  // Once: until it waits again nobody calls, whatever arrives.
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
  event.data.ptr = waiter;
  // Under the lock, so that it is in the list before it can be called.
  absl::MutexLock lock(&mu_);
  waiter->deadline_ = absl::Now() + idle_timeout_;
  waiter->place_ = waiting_.insert(waiting_.end(), waiter);
  if (epoll_ctl(epoll_fd_, operation, waiter->fd_, &event) == 0) return true;
  // ENOMEM, ENOSPC (the user's limit on watches).
  waiting_.erase(waiter->place_);
  return false;
}

int InputPoller::WaitMilliseconds(absl::Time now) {
  absl::MutexLock lock(&mu_);
  // Whoever begins to wait while this thread sleeps may do so for longer than it sleeps, so there
  // is no need to wake it for that.
  const absl::Duration left =
      waiting_.empty() ? idle_timeout_
                       : std::max(waiting_.front()->deadline_ - now, absl::ZeroDuration());
  return static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kLongestSleep))) + 1;
}

InputPoller::Waiter* InputPoller::TakeOverdue(absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (waiting_.empty() || waiting_.front()->deadline_ > now) return nullptr;
  Waiter* const first = waiting_.front();
  waiting_.pop_front();
  return first;
}

void InputPoller::Loop() {
  std::array<epoll_event, kEventsAtOnceMax> events;
  bool stop = false;
  while (!stop) {
    const int count =
        epoll_wait(epoll_fd_, events.data(), kEventsAtOnceMax, WaitMilliseconds(absl::Now()));
    INCIDENTHUB_CHECK(count >= 0 || errno == EINTR);
    {
      absl::MutexLock lock(&mu_);
      for (int i = 0; i < count; ++i) {
        auto* const waiter = static_cast<Waiter*>(events[static_cast<size_t>(i)].data.ptr);
        if (waiter != nullptr) waiting_.erase(waiter->place_);
      }
    }
    for (int i = 0; i < count; ++i) {
      auto* const waiter = static_cast<Waiter*>(events[static_cast<size_t>(i)].data.ptr);
      if (waiter == nullptr) {
        stop = true;
      } else {
        on_input_(waiter, /*timed_out=*/false);
      }
    }
    const absl::Time now = absl::Now();
    while (Waiter* const overdue = TakeOverdue(now)) on_input_(overdue, /*timed_out=*/true);
  }
}

}  // namespace incidenthub::gateway
