// What the pages of all lists have in common.

#ifndef INCIDENTHUB_SERVER_RPC_PAGING_H_
#define INCIDENTHUB_SERVER_RPC_PAGING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/error_details.h"
#include "common/strings.h"
#include "server/domain/validate.h"
#include "server/store/store.h"

namespace incidenthub {

inline constexpr int32_t kPageSizeDefault = 100;
inline constexpr int32_t kPageSizeMax = 1000;
inline constexpr size_t kPageBytesMax = size_t{1} << 20U;

inline ReadLimits PageLimitsMax() {
  return {.events = size_t{kPageSizeMax}, .bytes = kPageBytesMax};
}

// Of a request's page_size. INVALID_ARGUMENT / FIELD_INVALID if that is negative.
inline absl::StatusOr<ReadLimits> PageLimits(int32_t page_size) {
  if (page_size < 0) {
    return FieldError(kFieldInvalid, "page_size",
                      absl::StrCat("is ", page_size, "; it cannot be negative"));
  }
  const int32_t events = page_size == 0 ? kPageSizeDefault : std::min(page_size, kPageSizeMax);
  return ReadLimits{.events = static_cast<size_t>(events), .bytes = kPageBytesMax};
}

// For a page token that no page of the list ended with.
inline absl::Status BadPageToken(absl::string_view page_token) {
  return FieldError("PAGE_TOKEN_INVALID", "page_token",
                    absl::StrCat("\"", Echo(page_token),
                                 "\" is no next_page_token of this hub; leave it empty to begin"));
}

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_PAGING_H_
