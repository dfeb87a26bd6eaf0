#include "server/domain/generation.h"

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

}  // namespace incidenthub
