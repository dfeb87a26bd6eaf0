#include "common/decode/json.h"

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/decode/json_check.h"
#include "common/error_details.h"
#include "simdjson.h"

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// simdjson's first stage alone: one pass of SIMD that checks UTF-8 and finds the tokens. What
// simdjson offers on top of it is of no use here: dom rounds numbers and refuses long ones,
// on-demand does not check what it skips.
using Stage = std::unique_ptr<simdjson::internal::dom_parser_implementation>;

// Null if there is no memory.
Stage MakeStage(size_t text_bytes_max) {
  constexpr size_t kUnusedDepth = 1;
  Stage stage;
  const simdjson::error_code created =
      simdjson::get_active_implementation()->create_dom_parser_implementation(text_bytes_max,
                                                                              kUnusedDepth, stage);
  if (created != simdjson::SUCCESS) return nullptr;
  return stage;
}

// Texts up to this size, nearly all, are parsed in buffers that their thread keeps: allocating them
// took longer than parsing. Pages of them that no text has reached yet take no memory.
constexpr size_t kSmallTextBytes = size_t{64} << 10;

// Every value or key but the first has a comma, a colon or a closing bracket of its own, except
// that a text may break off before its brackets are closed.
size_t NodesMax(size_t token_count) { return token_count / 2 + 1 + kJsonDepthMax; }

struct Workspace {
  Stage stage;
  // With room for a small text. Null while a document has them.
  std::unique_ptr<JsonNode[]> nodes;
};

Workspace& ThreadWorkspace() {
  thread_local Workspace workspace;
  return workspace;
}

absl::Status FaultError(const JsonFault& fault, size_t text_begin) {
  const std::string offset = absl::StrCat(text_begin + fault.offset);
  Reason reason = "NOT_JSON";
  std::string message;
  switch (fault.kind) {
    case JsonFault::Kind::kNotUtf8:
      reason = "NOT_UTF8";
      message =
          absl::StrCat("the body is not UTF-8 at byte ", offset, "; send JSON encoded in UTF-8");
      break;
    case JsonFault::Kind::kNotJson:
      reason = "NOT_JSON";
      message = absl::StrCat("the body is not JSON: at byte ", offset, " expected ", fault.expected,
                             "; send one whole JSON text (RFC 8259)");
      break;
    case JsonFault::Kind::kTooDeep:
      reason = "TOO_DEEP";
      message = absl::StrCat("the body nests deeper than ", kJsonDepthMax,
                             " objects and arrays at byte ", offset, "; send it flatter");
      break;
  }
  return ReasonError(absl::StatusCode::kInvalidArgument, reason, message, {{"offset", offset}});
}

// What is wrong with `text`, if simdjson or the checker found that something is. Bytes that are no
// UTF-8 come first, wherever they stand: then it is the wrong encoding rather than a wrong comma.
absl::Status TextError(absl::string_view text, size_t text_begin, JsonFault fault) {
  const size_t not_utf8 = FirstNotUtf8(text);
  if (not_utf8 < text.size()) fault = {JsonFault::Kind::kNotUtf8, not_utf8, ""};
  return FaultError(fault, text_begin);
}

absl::Status EmptyError() {
  return ReasonError(absl::StatusCode::kInvalidArgument, "BODY_EMPTY",
                     "the body is empty; send one JSON object", {{"offset", "0"}});
}

absl::Status TooManyValuesError() {
  return ReasonError(absl::StatusCode::kResourceExhausted, "TOO_MANY_VALUES",
                     absl::StrCat("the body holds more than ", kJsonValuesMax,
                                  " JSON values and keys; send less at once"));
}

}  // namespace

absl::string_view DescribeJsonType(JsonType type) {
  switch (type) {
    case JsonType::kAbsent:
      return "missing";
    case JsonType::kNull:
      return "null";
    case JsonType::kBool:
      return "a boolean";
    case JsonType::kNumber:
      return "a number";
    case JsonType::kString:
      return "a string";
    case JsonType::kArray:
      return "an array";
    case JsonType::kObject:
      return "an object";
  }
  return "unknown";
}

absl::string_view JsonValue::Unescape(std::string* scratch) const {
  absl::string_view rest = raw();
  rest.remove_prefix(1);
  rest.remove_suffix(1);
  scratch->clear();
  while (!rest.empty()) {
    const size_t plain = std::min(rest.find('\\'), rest.size());
    scratch->append(rest.data(), plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const char kind = rest[1];
    if (kind != 'u') {
      // Each stands for the control character at the same place; the rest stand for themselves.
      static constexpr absl::string_view kNames = "bfnrt";
      static constexpr absl::string_view kControls = "\b\f\n\r\t";
      const size_t place = kNames.find(kind);
      scratch->push_back(place == absl::string_view::npos ? kind : kControls[place]);
      rest.remove_prefix(2);
      continue;
    }
    // The document was checked: four digits follow, and the first half of a pair is followed by the
    // second.
    auto code_point = static_cast<uint32_t>(ReadHex4(rest.data() + 2));
    rest.remove_prefix(6);
    if (code_point >= 0xD800 && code_point <= 0xDFFF) {
      const auto low = static_cast<uint32_t>(ReadHex4(rest.data() + 2));
      code_point = 0x10000U + ((code_point - 0xD800U) << 10U) + (low - 0xDC00U);
      rest.remove_prefix(6);
    }
    AppendUtf8(code_point, scratch);
  }
  return *scratch;
}

JsonValue JsonValue::Find(absl::string_view key) const {
  std::string scratch;
  for (const JsonMember& member : Members()) {
    if (member.key.String(&scratch) == key) return member.value;
  }
  return {};
}

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string* body) {
  if (body->size() > kJsonBytesMax) {
    return ReasonError(
        absl::StatusCode::kResourceExhausted, "BODY_TOO_LARGE",
        absl::StrCat("the body has ", body->size(), " bytes, more than ", kJsonBytesMax));
  }
  // simdjson asks for readable bytes behind the text.
  body->reserve(body->size() + simdjson::SIMDJSON_PADDING);
  absl::string_view text = *body;
  const size_t text_begin =
      text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0;
  text.remove_prefix(text_begin);
  if (text.empty()) return EmptyError();

  Workspace& workspace = ThreadWorkspace();
  const bool is_small = text.size() <= kSmallTextBytes;
  Stage large_stage;
  Stage& stage = is_small ? workspace.stage : large_stage;
  if (stage == nullptr) stage = MakeStage(is_small ? kSmallTextBytes : text.size());
  if (stage == nullptr) {
    return ReasonError(
        absl::StatusCode::kUnavailable, "OUT_OF_MEMORY",
        absl::StrCat("no memory to parse a body of ", body->size(), " bytes; try again later"));
  }
  const simdjson::error_code found = stage->stage1(reinterpret_cast<const uint8_t*>(text.data()),
                                                   text.size(), simdjson::stage1_mode::regular);
  if (found == simdjson::EMPTY) return EmptyError();
  if (found != simdjson::SUCCESS) return TextError(text, text_begin, FirstStringFault(text));

  std::unique_ptr<JsonNode[]> nodes;
  if (is_small) nodes = std::move(workspace.nodes);
  const size_t nodes_max = NodesMax(is_small ? kSmallTextBytes : stage->n_structural_indexes);
  if (nodes == nullptr && nodes_max <= kJsonValuesMax)
    nodes = std::make_unique_for_overwrite<JsonNode[]>(nodes_max);
  JsonDocument document(text.data(), std::move(nodes), is_small);
  JsonFault fault;
  if (!CheckJson(text, stage->structural_indexes.get(), stage->n_structural_indexes,
                 document.nodes_.get(), &fault)) {
    return TextError(text, text_begin, fault);
  }
  if (document.nodes_ == nullptr) return TooManyValuesError();
  return document;
}

JsonDocument::~JsonDocument() {
  if (is_small_ && nodes_ != nullptr) ThreadWorkspace().nodes = std::move(nodes_);
}

}  // namespace incidenthub::decode
