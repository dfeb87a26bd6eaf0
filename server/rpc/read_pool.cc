#include "server/rpc/read_pool.h"

#include <utility>

namespace incidenthub {

ReadPool::ReadPool(size_t threads, size_t queue_max) : queue_max_(queue_max) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

ReadPool::~ReadPool() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void ReadPool::Post(Task task) {
  absl::MutexLock lock(&mu_);
  tasks_.push_back(std::move(task));
}

bool ReadPool::TryPost(Task task) {
  absl::MutexLock lock(&mu_);
  if (tasks_.size() >= queue_max_) return false;
  tasks_.push_back(std::move(task));
  return true;
}

void ReadPool::Run() {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &ReadPool::HasWork));
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace incidenthub
