// The kinds of sources: which path each posts to, how its bodies are decoded and answered.

#ifndef INCIDENTHUB_COMMON_DECODE_SOURCE_KINDS_H_
#define INCIDENTHUB_COMMON_DECODE_SOURCE_KINDS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/decode/decoder.h"

namespace incidenthub::decode {

struct SourceKind {
  // In configurations, in the quarantine, and the name of the source that posts to `path`.
  absl::string_view name;
  // Of the webhook. A source of another name posts to this, a slash and its name, unless the kind
  // has app keys.
  absl::string_view path;
  DecodeFunction decode;
  // An app key in each body says which source it is of: all sources of this kind share `path`.
  bool has_app_keys = false;
  // A body may hold many items, and is answered as BigPanda's Alerts API answers; senders have
  // content types of their own.
  bool is_batch = false;
};

absl::Span<const SourceKind> SourceKinds();

// Null: there is none of this name.
const SourceKind* FindSourceKind(absl::string_view name);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_SOURCE_KINDS_H_
