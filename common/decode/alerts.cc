#include "common/decode/alerts.h"

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/decode/alert_incident.h"
#include "common/decode/app_keys.h"
#include "common/decode/batch_splitter.h"
#include "common/decode/decimal.h"
#include "common/decode/extra.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "common/decode/json_scan.h"
#include "common/decode/unmapped.h"
#include "common/error_details.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kKind = "alerts";
constexpr BatchShape kShape = {.items_key = "alerts", .item_key = "status"};

// Says nothing that could get lost.
bool SaysNothing(const JsonValue& value) {
  switch (value.type()) {
    case JsonType::kNull:
      return true;
    case JsonType::kString:
      return value.raw() == "\"\"";
    case JsonType::kArray:
    case JsonType::kObject:
      return value.IsEmptyContainer();
    default:
      return false;
  }
}

// Whether no value begins in the way that `text` does, or it is a string without an end: what lines
// of no JSON at all are, as a rule. Telling them takes far less than parsing them and saying what
// is wrong, and a body may be millions of them. Also a byte order mark in front of an item.
bool BeginsNoValue(absl::string_view text) {
  if (text.empty()) return true;
  if (text[0] == '{' || text[0] == '[') return false;
  if (text[0] == '"') return SkipJsonString(text, 0) != text.size();
  return text != "null" && text != "true" && text != "false" && !IsJsonNumber(text);
}

const absl::Status& NoValueError() {
  static const auto* const kError = new absl::Status(
      ReasonError(absl::StatusCode::kInvalidArgument, "NOT_JSON",
                  "the body is not JSON: expected an object; send one whole JSON text (RFC 8259)"));
  return *kError;
}

class AlertsDecoder {
 public:
  AlertsDecoder(std::string* body, const SourceContext& context, ItemSink sink)
      : body_(*body), context_(context), sink_(sink) {}

  absl::Status Run() {
    Split();
    if (starts_again_) {
      is_anything_read_ = true;
      items_ = 0;
      Split();
    }
    if (!out_of_memory_.ok()) return out_of_memory_;
    return is_anything_read_ ? absl::OkStatus() : WholeError();
  }

 private:
  void Split() {
    outer_ = {};
    SplitBatch(body_, kShape, [this](const BatchPiece& piece) {
      switch (piece.kind) {
        case BatchPiece::Kind::kItem:
          return Give(Decode(piece.text, piece.offset));
        case BatchPiece::Kind::kWrapperBegin:
          outer_ = ReadAppKey(piece.wrapper.Members());
          return true;
        case BatchPiece::Kind::kWrapperEnd:
          outer_ = {};
          return EndWrapper(piece);
      }
      return false;
    });
  }

  // What is broken is held back until something is not: a body of nothing else is an error, and
  // holding the items themselves would take more than the body.
  bool Give(Item item) {
    if (!out_of_memory_.ok()) return false;
    item.index = items_++;
    if (!is_anything_read_) {
      if (item.outcome == Item::Outcome::kBroken) return true;
      starts_again_ = item.index > 0;
      if (starts_again_) return false;
      is_anything_read_ = true;
    }
    return sink_(std::move(item));
  }

  // Why nothing was read.
  absl::Status WholeError() {
    absl::Status whole = JsonDocument::Parse(&body_).status();
    if (whole.code() == absl::StatusCode::kUnavailable) return whole;
    // Nothing but blanks, or batches without items.
    if (items_ == 0) return ErrorReason(whole) == "BODY_EMPTY" ? whole : absl::OkStatus();
    return whole.code() == absl::StatusCode::kInvalidArgument ? whole : first_error_;
  }

  Item Broken(const absl::Status& status, size_t offset) {
    if (first_error_.ok()) first_error_ = status;
    if (status.code() == absl::StatusCode::kUnavailable) out_of_memory_ = status;
    Item item;
    item.outcome = Item::Outcome::kBroken;
    item.delivery.set_source(context_.source.data(), context_.source.size());
    item.problem = absl::StrCat("from byte ", offset, ": ",
                                absl::StrReplaceAll(status.message(), {{"the body", "the item"}}));
    return item;
  }

  Item Unmapped(absl::string_view text, size_t offset, absl::string_view source,
                absl::string_view problem) {
    const absl::string_view raw = BlankAppKeys(text, AppKeyDepth::kAny, &raw_);
    absl::StatusOr<v1::Delivery> delivery = UnmappedDelivery(kKind, raw, source, problem);
    if (!delivery.ok()) return Broken(delivery.status(), offset);
    return ItemOf(*std::move(delivery), raw);
  }

  Item Decode(absl::string_view text, size_t offset) {
    if (BeginsNoValue(text)) return Broken(NoValueError(), offset);
    text_.assign(text.data(), text.size());
    const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&text_);
    if (!document.ok()) {
      if (ErrorReason(document.status()) != "TOO_MANY_VALUES")
        return Broken(document.status(), offset);
      return Unmapped(text, offset, context_.source, document.status().message());
    }
    const JsonPointer root_at;
    if (document->root().type() != JsonType::kObject) {
      return Unmapped(text, offset, context_.source,
                      absl::StrCat("the alert: is ", DescribeJsonType(document->root().type()),
                                   "; expected an object"));
    }
    Findings findings;
    v1::Delivery delivery;
    Extra extra(delivery.mutable_incident()->mutable_extra(), root_at, &findings);
    std::string source(context_.source);
    const AppKey own = ReadAppKey(document->root().Members());
    FindSource(own.is_sent ? own : outer_, extra, &source);
    delivery.set_source(source);
    DecodeAlert(document->root(), extra, &delivery);
    if (!findings.problem.empty()) return Unmapped(text, offset, source, findings.problem);
    const size_t size = delivery.ByteSizeLong();
    if (size > kDeliveryBytesMax)
      return Unmapped(text, offset, source, TooLargeProblem("the alert", size));
    return ItemOf(std::move(delivery), BlankAppKeys(text, AppKeyDepth::kOwn, &raw_));
  }

  struct AppKey {
    // Something stands under the key that says something.
    bool is_sent = false;
    // Why it is none; empty: it is one.
    std::string problem;
    std::string text;
  };

  static AppKey ReadAppKey(const JsonMembers& members) {
    AppKey key;
    bool is_there = false;
    std::string scratch;
    for (const JsonMember& member : members) {
      if (member.key.String(&scratch) != kAppKey) continue;
      if (is_there) key.problem = "this key stands twice in its object; send it once";
      is_there = true;
      const JsonValue& value = member.value;
      key.is_sent = key.is_sent || !key.problem.empty() || !SaysNothing(value);
      if (!key.problem.empty()) continue;
      if (value.type() == JsonType::kString) {
        const absl::string_view text = value.String(&scratch);
        key.text.assign(text.data(), text.size());
      } else if (value.type() != JsonType::kNull) {
        key.is_sent = true;
        key.problem =
            absl::StrCat("is ", DescribeJsonType(value.type()), "; an app key is a string");
      }
    }
    return key;
  }

  // Leaves `*source` as it is if the app key names none, which `extra` is told.
  void FindSource(const AppKey& key, Extra& extra, std::string* source) {
    const JsonPointer root_at;
    if (!key.problem.empty()) return extra.Refuse(JsonPointer(root_at, kAppKey), key.problem);
    absl::StatusOr<std::string> found = context_.source_of_app_key(key.text);
    if (found.ok()) {
      *source = *std::move(found);
    } else {
      extra.Refuse(JsonPointer(root_at, kAppKey), found.status().message());
    }
  }

  // What stands beside the alerts.
  bool EndWrapper(const BatchPiece& piece) {
    const JsonPointer root_at;
    std::string scratch;
    for (const JsonMember& member : piece.wrapper.Members()) {
      const absl::string_view key = member.key.String(&scratch);
      if (key == kAppKey || SaysNothing(member.value)) continue;
      Extra::Map unused;
      Findings findings;
      Extra extra(&unused, root_at, &findings);
      extra.Refuse(JsonPointer(root_at, key), "stands beside the alerts, and is part of none");
      return Give(Unmapped(piece.text, piece.offset, context_.source, findings.problem));
    }
    return true;
  }

  std::string& body_;
  const SourceContext& context_;
  const ItemSink sink_;

  // Of the wrapper that the items come from.
  AppKey outer_;
  size_t items_ = 0;
  bool is_anything_read_ = false;
  bool starts_again_ = false;
  absl::Status first_error_;
  absl::Status out_of_memory_;
  // The item's text with room behind it, and without its app keys; kept for the next.
  std::string text_;
  std::string raw_;
};

}  // namespace

absl::Status DecodeAlertsBody(std::string* body, const SourceContext& context, ItemSink sink) {
  return AlertsDecoder(body, context, sink).Run();
}

}  // namespace incidenthub::decode
