#include "server/domain/seen_deliveries.h"

#include <algorithm>

#include "common/check.h"

namespace incidenthub::seen {
namespace {

using internal::v1::SeenDeliveries;

absl::string_view DigestAt(const SeenDeliveries& list, int index) {
  return absl::string_view(list.digests())
      .substr(static_cast<size_t>(index) * kKeptDigestBytes, kKeptDigestBytes);
}

absl::string_view Kept(absl::string_view digest) {
  INCIDENTHUB_CHECK(digest.size() >= kKeptDigestBytes);
  return digest.substr(0, kKeptDigestBytes);
}

int CountBeyond(const SeenDeliveries& list, int keep) {
  return std::max(0, list.sequences_size() - keep);
}

}  // namespace

Sequence Find(const SeenDeliveries& list, absl::string_view digest) {
  for (int i = 0; i < list.sequences_size(); ++i) {
    if (DigestAt(list, i) == Kept(digest)) return list.sequences(i);
  }
  return 0;
}

Sequence FindLast(const SeenDeliveries& list, absl::string_view digest) {
  const int last = list.sequences_size() - 1;
  return last >= 0 && DigestAt(list, last) == Kept(digest) ? list.sequences(last) : 0;
}

void Add(absl::string_view digest, Sequence sequence, SeenDeliveries* list) {
  const absl::string_view kept = Kept(digest);
  list->mutable_digests()->append(kept.data(), kept.size());
  list->add_sequences(sequence);
}

void MoveOldest(int keep, SeenDeliveries* from, SeenDeliveries* to) {
  const int leaving = CountBeyond(*from, keep);
  for (int i = 0; i < leaving; ++i) Add(DigestAt(*from, i), from->sequences(i), to);
  DropOldest(keep, from);
}

void DropOldest(int keep, SeenDeliveries* list) {
  const int leaving = CountBeyond(*list, keep);
  if (leaving == 0) return;
  list->mutable_digests()->erase(0, static_cast<size_t>(leaving) * kKeptDigestBytes);
  auto* sequences = list->mutable_sequences();
  sequences->erase(sequences->begin(), sequences->begin() + leaving);
}

}  // namespace incidenthub::seen
