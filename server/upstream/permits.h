// A rate limit that holds where requests arrive, not where they leave: a permit is taken before a
// request and comes back a second after its answer. So in no second do more requests arrive than
// there are permits, however long each is on its way.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_PERMITS_H_
#define INCIDENTHUB_SERVER_UPSTREAM_PERMITS_H_

#include <cstddef>
#include <deque>

#include "absl/time/time.h"

namespace incidenthub {

class Permits {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  explicit Permits(size_t count) : free_(count) {}

  bool Take(absl::Time now) {
    // One that is too far away was put there before the clock went back.
    while (!returning_.empty() &&
           (returning_.front() <= now || returning_.front() > now + kInterval)) {
      returning_.pop_front();
      ++free_;
    }
    if (free_ == 0) return false;
    --free_;
    return true;
  }
  // The request has ended.
  void Return(absl::Time now) { returning_.push_back(now + kInterval); }
  // There was no request.
  void ReturnUnused() { ++free_; }

  // When there is one at the latest of those that are on their way back; InfiniteFuture: none is.
  absl::Time next() const {
    return free_ > 0            ? absl::InfinitePast()
           : returning_.empty() ? absl::InfiniteFuture()
                                : returning_.front();
  }

 private:
  size_t free_;
  std::deque<absl::Time> returning_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_PERMITS_H_
