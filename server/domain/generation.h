// Generations: whose lives the log has seen.
//
// Every start of a writer adds one, with a random id, at the sequence after the log's head. A
// resume token names the generation that made it, so a token that comes from another log, or from a
// part of this one that was lost (a volume put back from a snapshot), is told from a token that
// merely lags behind.

#ifndef INCIDENTHUB_SERVER_DOMAIN_GENERATION_H_
#define INCIDENTHUB_SERVER_DOMAIN_GENERATION_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/domain/ids.h"

namespace incidenthub {

// Generations remembered; tokens of older ones are answered with a reset.
inline constexpr size_t kGenerationsMax = 10'000;

struct Generation {
  uint64_t id = 0;
  Sequence first_sequence = 0;
  // Sequences from `first_sequence` to here were left out, since another log may have used them; 0:
  // none was.
  Sequence skipped_to = 0;
};

// Immutable. Threads: any.
class Generations {
 public:
  // REQUIRES: not empty, by rising `first_sequence` (equal ones: the earlier wrote nothing).
  explicit Generations(std::vector<Generation> generations)
      : generations_(std::move(generations)) {}

  // The running one.
  uint64_t current() const { return generations_.back().id; }

  // Whether generation `id` can have handed out `position`, where the log now ends at `head`.
  bool Covers(uint64_t id, Sequence position, Sequence head) const;

  // How many events there are, or were, in (after, up_to].
  uint64_t CountBetween(Sequence after, Sequence up_to) const;

 private:
  std::vector<Generation> generations_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_GENERATION_H_
