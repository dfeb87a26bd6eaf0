#include "tests/e2e/follower.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace incidenthub::testing {
namespace {

client::SubscriptionOptions MakeOptions() {
  client::SubscriptionOptions options;
  options.heartbeat_interval = absl::Seconds(1);
  options.backoff = {.initial = absl::Milliseconds(20), .max = absl::Milliseconds(200)};
  return options;
}

}  // namespace

Follower::Follower(int port)
    : client_({.address = absl::StrCat("127.0.0.1:", port), .name = "e2e-follower"}),
      subscription_(client_.Subscribe(MakeOptions(), Handler())),
      thread_([this] { end_ = subscription_->Run(); }) {}

Follower::~Follower() { Stop().IgnoreError(); }

bool Follower::WaitFor(absl::FunctionRef<bool(const Record&)> done, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (!done(record_)) {
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) return done(record_);
  }
  return true;
}

std::unique_ptr<Follower::Seen> Follower::WaitForSequence(uint64_t sequence,
                                                          absl::Duration timeout) const {
  std::unique_ptr<Seen> found;
  WaitFor(
      [&](const Record& record) {
        for (const Seen& seen : record.entries) {
          if (seen.entry.event().sequence() == sequence) found = std::make_unique<Seen>(seen);
        }
        return found != nullptr;
      },
      timeout);
  return found;
}

absl::Status Follower::Stop() {
  subscription_->Stop();
  if (thread_.joinable()) thread_.join();
  return end_;
}

std::vector<Follower::Seen> Follower::entries() const {
  absl::MutexLock lock(&mu_);
  return record_.entries;
}

template <typename F>
void Follower::Change(F change) {
  absl::MutexLock lock(&mu_);
  change(&record_);
  changed_.SignalAll();
}

client::SubscriptionHandler Follower::Handler() {
  client::SubscriptionHandler handler;
  handler.on_reset = [this](const std::string&, const client::Position&) {
    Change([](Record* record) { record->incidents.Clear(); });
  };
  handler.on_entry = [this](const v1::Entry& entry, const client::Position& position) {
    const absl::Time now = absl::Now();
    Change([&](Record* record) {
      record->entries.push_back({entry, now});
      record->incidents.Apply(entry);
      record->entry_token = position.resume_token;
      record->heartbeats_since_entry = 0;
    });
  };
  handler.on_snapshot_end = [this](uint64_t, const client::Position&) {
    Change([](Record* record) { ++record->snapshot_ends; });
  };
  handler.on_heartbeat = [this](const client::Position& position) {
    Change([&position](Record* record) {
      record->heartbeat_token = position.resume_token;
      ++record->heartbeats_since_entry;
    });
  };
  return handler;
}

}  // namespace incidenthub::testing
