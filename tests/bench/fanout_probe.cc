#include "tests/bench/fanout_probe.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kOpenTimeout = absl::Seconds(30);
constexpr absl::Duration kLastEventsTime = absl::Seconds(10);

}  // namespace

FanoutProbe::FanoutProbe(int hub_port, size_t subscribers, const RequestTemplate& requests)
    : requests_(requests),
      subscribers_(subscribers),
      latencies_(subscribers),
      pool_(std::make_unique<testing::SubscriberPool>(testing::SubscriberPool::Options{
          .port = hub_port,
          .subscribers = subscribers,
          .from_now = true,
          .on_response = [this](size_t subscriber, const v1::SubscribeResponse& response) {
            OnResponse(subscriber, response);
          }})) {}

absl::Status FanoutProbe::WaitUntilOpen() {
  if (pool_->WaitFor([this](const auto& totals) { return totals.opened == subscribers_; },
                     kOpenTimeout)) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(
      absl::StrCat("only ", pool_->totals().opened, " subscriptions were opened"));
}

void FanoutProbe::Expect(const Schedule& schedule, int64_t measured_from) {
  schedule_ = schedule;
  measured_from_ = measured_from;
}

Latencies FanoutProbe::Finish(uint64_t events, uint64_t* missing) {
  const uint64_t expected = events * subscribers_;
  pool_->WaitFor([expected](const auto& totals) { return totals.entries >= expected; },
                 kLastEventsTime);
  pool_->CancelAll();
  const uint64_t entries = pool_->totals().entries;
  *missing = expected > entries ? expected - entries : 0;
  Latencies all;
  for (const Latencies& latencies : latencies_) all.AddAll(latencies);
  return all;
}

void FanoutProbe::OnResponse(size_t subscriber, const v1::SubscribeResponse& response) {
  const int64_t now = NowNanos();
  for (const v1::Entry& entry : response.batch().entries()) {
    const std::optional<uint64_t> index = requests_.IndexOf(entry.event().incident());
    if (!index.has_value() || *index < schedule_.first_index) continue;
    const int64_t due = schedule_.DueNanos(*index);
    if (due >= measured_from_) latencies_[subscriber].Add(now - due);
  }
}

}  // namespace incidenthub::bench
