#include "common/decode/unmapped.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"

namespace incidenthub::decode {

absl::StatusOr<v1::Delivery> UnmappedDelivery(absl::string_view kind, absl::string_view raw,
                                              absl::string_view source, absl::string_view problem) {
  if (raw.size() > kDeliveryBytesMax) {
    return ReasonError(
        absl::StatusCode::kResourceExhausted, "EVENT_TOO_LARGE",
        absl::StrCat("the body of ", raw.size(), " bytes is no incident that can be carried (",
                     problem, "), and above ", kDeliveryBytesMax,
                     " bytes it cannot be kept either; send less"));
  }
  v1::Delivery delivery;
  delivery.set_source(source.data(), source.size());
  v1::Unmapped* const unmapped = delivery.mutable_unmapped();
  unmapped->set_raw(raw.data(), raw.size());
  unmapped->set_reason(problem.data(), problem.size());
  unmapped->set_kind(kind.data(), kind.size());
  return delivery;
}

std::string TooLargeProblem(absl::string_view what, size_t size) {
  return absl::StrCat(what, ": makes a delivery of ", size, " bytes, more than ",
                      kDeliveryBytesMax);
}

Item ItemOf(v1::Delivery delivery, absl::string_view raw) {
  Item item;
  item.outcome = delivery.has_unmapped() ? Item::Outcome::kUnmapped : Item::Outcome::kIncident;
  item.raw = raw;
  item.delivery = std::move(delivery);
  return item;
}

}  // namespace incidenthub::decode
