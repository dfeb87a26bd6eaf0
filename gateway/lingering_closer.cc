#include "gateway/lingering_closer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>

#include "absl/time/clock.h"
#include "common/check.h"

namespace incidenthub::gateway {
namespace {

constexpr size_t kDropBytes = size_t{64} << 10;
// Reads of one socket before the others have their turn.
constexpr int kReadsPerTurn = 16;

// Reads and drops. True: nothing more will come.
bool Drop(int fd) {
  static thread_local char dropped[kDropBytes];
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t got = recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return errno != EAGAIN && errno != EWOULDBLOCK;
  }
  return false;
}

}  // namespace

LingeringCloser::LingeringCloser() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  INCIDENTHUB_CHECK(wake_fd_ >= 0);
  thread_ = std::thread([this] { Loop(); });
}

LingeringCloser::~LingeringCloser() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  close(wake_fd_);
}

void LingeringCloser::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is awake.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void LingeringCloser::Close(int fd) {
  shutdown(fd, SHUT_WR);
  {
    absl::MutexLock lock(&mu_);
    if (stopping_ || open_ == kLingeringMax) {
      close(fd);
      return;
    }
    ++open_;
    incoming_.push_back({fd, absl::Now() + kLingerTime});
  }
  Wake();
}

void LingeringCloser::Loop() {
  std::vector<Lingering> lingering;
  std::vector<pollfd> polled;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      lingering.insert(lingering.end(), incoming_.begin(), incoming_.end());
      incoming_.clear();
      if (stopping_) break;
    }
    // The oldest is in front.
    int timeout_ms = -1;
    if (!lingering.empty()) {
      const absl::Duration left = lingering.front().deadline - absl::Now();
      timeout_ms = static_cast<int>(std::max<int64_t>(0, absl::ToInt64Milliseconds(left) + 1));
    }
    polled.assign(1, {wake_fd_, POLLIN, 0});
    for (const Lingering& one : lingering) polled.push_back({one.fd, POLLIN, 0});
    if (poll(polled.data(), polled.size(), timeout_ms) < 0) continue;
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof count);

    const absl::Time now = absl::Now();
    size_t closed = 0;
    size_t index = 0;
    const auto is_over = [&](const Lingering& one) {
      const bool readable = polled[++index].revents != 0;
      if (now < one.deadline && !(readable && Drop(one.fd))) return false;
      close(one.fd);
      ++closed;
      return true;
    };
    lingering.erase(std::remove_if(lingering.begin(), lingering.end(), is_over), lingering.end());
    absl::MutexLock lock(&mu_);
    open_ -= closed;
  }
  for (const Lingering& one : lingering) close(one.fd);
}

}  // namespace incidenthub::gateway
