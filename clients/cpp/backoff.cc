#include "clients/cpp/backoff.h"

#include <algorithm>
#include <random>
#include <utility>

namespace incidenthub::client {

Backoff::Backoff(const BackoffOptions& options, std::function<double()> random)
    : options_(options), random_(std::move(random)), ceiling_(options.initial) {}

absl::Duration Backoff::Next() {
  const absl::Duration ceiling = std::min(ceiling_, options_.max);
  ceiling_ = std::min(ceiling * 2, options_.max);
  return ceiling * random_();
}

std::function<double()> SystemRandom() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device()};
  return [engine = std::mt19937_64(seed),
          unit = std::uniform_real_distribution<double>(0, 1)]() mutable { return unit(engine); };
}

}  // namespace incidenthub::client
