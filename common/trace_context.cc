#include "common/trace_context.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace incidenthub {
namespace {

constexpr absl::string_view kVersion = "00-";
constexpr absl::string_view kNotSampled = "-00";
constexpr size_t kTraceIdBytes = 32;
constexpr size_t kSpanIdBytes = 16;
constexpr size_t kSpanIdAt = kVersion.size() + kTraceIdBytes + 1;
constexpr size_t kFlagsAt = kSpanIdAt + kSpanIdBytes + 1;
static_assert(kFlagsAt + 2 == kTraceparentBytes);

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

bool IsTraceparent(absl::string_view text) {
  return text.size() == kTraceparentBytes && text.substr(0, kVersion.size()) == kVersion &&
         text[kSpanIdAt - 1] == '-' && text[kFlagsAt - 1] == '-' &&
         IsId(text.substr(kVersion.size(), kTraceIdBytes)) &&
         IsId(text.substr(kSpanIdAt, kSpanIdBytes)) && IsLowerHex(text.substr(kFlagsAt));
}

absl::string_view TraceIdOf(absl::string_view traceparent) {
  if (!IsTraceparent(traceparent)) return "";
  return traceparent.substr(kVersion.size(), kTraceIdBytes);
}

std::string ContinueTrace(absl::string_view parent, absl::BitGenRef random) {
  if (IsTraceparent(parent)) {
    return absl::StrCat(parent.substr(0, kSpanIdAt), RandomId(random), parent.substr(kFlagsAt - 1));
  }
  return absl::StrCat(kVersion, RandomId(random), RandomId(random), "-", RandomId(random),
                      kNotSampled);
}

std::string RandomId(absl::BitGenRef random) {
  const auto id = absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1,
                                          std::numeric_limits<uint64_t>::max());
  return absl::StrCat(absl::Hex(id, absl::kZeroPad16));
}

}  // namespace incidenthub
