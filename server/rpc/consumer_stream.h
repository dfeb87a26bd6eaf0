// What an open Subscribe has to do with its consumer: be its newest stream, durably.
//
// Threads: one at a time; Begin and Restart may wait for a disk.
// Errors:  of Consumers; ABORTED / SUBSCRIPTION_TAKEN_OVER once it is not the newest any more.

#ifndef INCIDENTHUB_SERVER_RPC_CONSUMER_STREAM_H_
#define INCIDENTHUB_SERVER_RPC_CONSUMER_STREAM_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/domain/ids.h"
#include "server/fanout/subscription.h"
#include "server/store/consumers.h"

namespace incidenthub {

class ConsumerStream {
 public:
  // To be made as the call comes in. `consumers` outlives it.
  ConsumerStream(Consumers* consumers, std::string name, ConsumerUser user)
      : consumers_(consumers),
        name_(std::move(name)),
        user_(std::move(user)),
        hash_(ConsumerHash(name_)),
        arrival_(consumers->NextArrival()) {}

  // Becomes the consumer's newest stream, and returns where it begins: as `asked`, or with
  // `at_position` at the consumer's position, which is of the same matchers, if there is one.
  // `generation` and `head` are the log's, now.
  absl::StatusOr<Subscription::Start> Begin(const Subscription::Start& asked, bool at_position,
                                            uint64_t matchers_hash, uint64_t generation,
                                            Sequence head, absl::Time now);

  // The stream begins anew: forgets the consumer's position, and has another number from here on.
  absl::Status Restart(absl::Time now);

  // OK while it is the consumer's newest.
  absl::Status CheckCurrent(absl::Time now) const;

  // What tokens carry.
  uint64_t number() const { return number_; }
  uint64_t hash() const { return hash_; }

 private:
  Consumers* const consumers_;
  const std::string name_;
  const ConsumerUser user_;
  const uint64_t hash_;
  const uint64_t arrival_;
  uint64_t number_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_CONSUMER_STREAM_H_
