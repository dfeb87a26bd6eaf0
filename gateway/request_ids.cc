#include "gateway/request_ids.h"

#include "absl/algorithm/container.h"
#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "common/trace_context.h"

namespace incidenthub::gateway {
namespace {

// Costs more to make than to use.
absl::BitGen& Random() {
  thread_local absl::BitGen random;
  return random;
}

// The value of a field that is there once; else empty.
absl::string_view OnlyValueOf(const RequestHead& head, absl::string_view name) {
  return head.CountOf(name) == 1 ? head.ValueOf(name) : absl::string_view();
}

bool IsRequestId(absl::string_view text) {
  return !text.empty() && text.size() <= kRequestIdBytesMax && absl::c_all_of(text, [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
}

}  // namespace

RequestIds IdsOf(const RequestHead& head) {
  const absl::string_view sent = OnlyValueOf(head, kRequestIdHeader);
  return {IsRequestId(sent) ? std::string(sent) : NewRequestId(),
          ContinueTrace(OnlyValueOf(head, kTraceparentKey), Random())};
}

std::string NewRequestId() { return RandomId(Random()); }

}  // namespace incidenthub::gateway
