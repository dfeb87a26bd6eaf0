#include "common/decode/source_kinds.h"

#include "common/decode/alerts.h"
#include "common/decode/apono.h"
#include "common/decode/bigpanda.h"

namespace incidenthub::decode {
namespace {

constexpr SourceKind kSourceKinds[] = {
    {.name = "bigpanda", .path = "/v1/webhooks/bigpanda", .decode = DecodeBigPandaBody},
    {.name = "alerts",
     .path = "/data/v2/alerts",
     .decode = DecodeAlertsBody,
     .has_app_keys = true,
     .is_batch = true},
    {.name = "apono", .path = "/v1/webhooks/apono", .decode = DecodeAponoBody},
};

}  // namespace

absl::Span<const SourceKind> SourceKinds() { return kSourceKinds; }

const SourceKind* FindSourceKind(absl::string_view name) {
  for (const SourceKind& kind : kSourceKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace incidenthub::decode
