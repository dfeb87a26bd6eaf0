#include "tests/support/fake_bigpanda_faults.h"

#include <algorithm>
#include <utility>

namespace incidenthub::testing {
namespace {

void Forget(absl::Time until, std::deque<absl::Time>* times) {
  while (!times->empty() && times->front() <= until) times->pop_front();
}

BigPandaFault Fault(BigPandaFault::Kind kind) {
  BigPandaFault fault;
  fault.kind = kind;
  return fault;
}

}  // namespace

BigPandaFault StatusFault(int status, std::string retry_after, std::string body) {
  BigPandaFault fault = Fault(BigPandaFault::Kind::kStatus);
  fault.status = status;
  fault.retry_after = std::move(retry_after);
  fault.body = std::move(body);
  fault.takes_effect = false;
  return fault;
}

BigPandaFault DelayFault(absl::Duration pause) {
  BigPandaFault fault = Fault(BigPandaFault::Kind::kDelay);
  fault.pause = pause;
  return fault;
}

BigPandaFault HangFault() { return Fault(BigPandaFault::Kind::kHang); }

BigPandaFault ResetFault(size_t bytes) {
  BigPandaFault fault = Fault(BigPandaFault::Kind::kReset);
  fault.bytes = bytes;
  return fault;
}

BigPandaFault GarbageFault() { return Fault(BigPandaFault::Kind::kGarbage); }

BigPandaFault HugeBodyFault(size_t bytes) {
  BigPandaFault fault = Fault(BigPandaFault::Kind::kHugeBody);
  fault.bytes = bytes;
  return fault;
}

BigPandaFault DripFault(absl::Duration pause) {
  BigPandaFault fault = Fault(BigPandaFault::Kind::kDrip);
  fault.pause = pause;
  return fault;
}

bool RateMeter::Arrive(absl::Time now, int limit) {
  Forget(now - absl::Seconds(1), &all_);
  Forget(now - absl::Seconds(1), &let_through_);
  all_.push_back(now);
  most_ = std::max(most_, all_.size());
  if (limit > 0 && let_through_.size() >= static_cast<size_t>(limit)) return false;
  let_through_.push_back(now);
  return true;
}

void FaultPlan::Add(BigPandaFault fault, int count) {
  if (count > 0) planned_.push_back({std::move(fault), count});
}

void FaultPlan::SetRandom(BigPandaFault fault, double probability, uint64_t seed) {
  random_.emplace(Random{std::move(fault),
                         std::bernoulli_distribution(std::clamp(probability, 0.0, 1.0)),
                         std::mt19937_64(seed)});
}

void FaultPlan::Clear() {
  planned_.clear();
  random_.reset();
}

std::optional<BigPandaFault> FaultPlan::Next() {
  if (!planned_.empty()) {
    Planned& next = planned_.front();
    BigPandaFault fault = next.fault;
    if (--next.count == 0) planned_.pop_front();
    return fault;
  }
  if (random_.has_value() && random_->happens(random_->engine)) return random_->fault;
  return std::nullopt;
}

}  // namespace incidenthub::testing
