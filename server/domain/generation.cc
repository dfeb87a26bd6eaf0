#include "server/domain/generation.h"

#include <algorithm>

namespace incidenthub {

bool Generations::Covers(uint64_t id, Sequence position, Sequence head) const {
  for (size_t i = 0; i < generations_.size(); ++i) {
    if (generations_[i].id != id) continue;
    const bool running = i + 1 == generations_.size();
    const Sequence last = running ? head : generations_[i + 1].first_sequence - 1;
    return position <= last;
  }
  return false;
}

uint64_t Generations::CountBetween(Sequence after, Sequence up_to) const {
  if (after >= up_to) return 0;
  uint64_t count = up_to - after;
  // Of one that wrote nothing, the next leaves out the same ones.
  Sequence counted = after;
  for (const Generation& generation : generations_) {
    if (generation.skipped_to < generation.first_sequence) continue;
    const Sequence from = std::max(counted, generation.first_sequence - 1);
    const Sequence to = std::min(up_to, generation.skipped_to);
    if (from >= to) continue;
    count -= to - from;
    counted = to;
  }
  return count;
}

}  // namespace incidenthub
