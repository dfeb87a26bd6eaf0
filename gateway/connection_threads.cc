#include "gateway/connection_threads.h"

#include <system_error>
#include <utility>

#include "common/logging.h"
#include "common/repeated_line.h"

namespace incidenthub::gateway {

ConnectionThreads::~ConnectionThreads() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

bool ConnectionThreads::Run(std::function<void()> work) {
  absl::MutexLock lock(&mu_);
  if (stopping_ || busy_ == threads_max_) return false;
  if (busy_ == threads_.size() && !AddThread()) return false;
  ++busy_;
  waiting_.push_back(std::move(work));
  return true;
}

bool ConnectionThreads::AddThread() {
  try {
    threads_.emplace_back([this] { Loop(); });
    return true;
  } catch (const std::system_error& error) {
    // The container's limit on processes may be lower than ours.
    static RepeatedLine lines(kOneAMinute);
    if (const auto left_out = lines.Next()) {
      Log(LogLevel::kError, "cannot start a thread for a connection",
          {{"threads", threads_.size()}, {"error", error.what()}, {"more_before", *left_out}});
    }
    return false;
  }
}

void ConnectionThreads::Loop() {
  absl::MutexLock lock(&mu_);
  while (true) {
    mu_.Await(absl::Condition(this, &ConnectionThreads::HasWorkOrStops));
    if (waiting_.empty()) return;
    std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    mu_.Unlock();
    work();
    work = nullptr;
    mu_.Lock();
    --busy_;
  }
}

}  // namespace incidenthub::gateway
