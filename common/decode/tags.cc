#include "common/decode/tags.h"

#include <cstddef>
#include <string>

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kValueKey = "value";

void Assign(absl::string_view from, std::string* to) { to->assign(from.data(), from.size()); }

bool IsContainer(const JsonValue& value) {
  return value.type() == JsonType::kArray || value.type() == JsonType::kObject;
}

// The text of a value to read and to match.
void SetText(const JsonValue& value, std::string* text) {
  if (value.type() != JsonType::kArray) return Assign(value.raw(), text);
  std::string scratch;
  for (const JsonValue element : value.Elements()) {
    // An array of more than plain values is left as JSON: joined, it would read as another one.
    if (IsContainer(element)) return Assign(value.raw(), text);
  }
  bool first = true;
  for (const JsonValue element : value.Elements()) {
    if (!first) text->append(", ");
    first = false;
    const absl::string_view part =
        element.type() == JsonType::kString ? element.String(&scratch) : element.raw();
    text->append(part.data(), part.size());
  }
}

void SetValue(const JsonValue& value, v1::Tag* tag) {
  if (value.type() == JsonType::kString) {
    std::string scratch;
    return Assign(value.String(&scratch), tag->mutable_text());
  }
  Assign(value.raw(), tag->mutable_json());
  SetText(value, tag->mutable_text());
}

void DecodeElement(Extra& extra, const JsonValue& element, const JsonPointer& at,
                   absl::string_view name_key, google::protobuf::RepeatedPtrField<v1::Tag>* tags) {
  if (element.type() != JsonType::kObject) return extra.Keep(at, element);
  std::string scratch;
  JsonValue name;
  JsonValue value;
  bool more = false;
  for (const JsonMember& member : element.Members()) {
    const absl::string_view key = member.key.String(&scratch);
    const bool is_name = key == name_key;
    if (!is_name && key != kValueKey) {
      more = true;
      continue;
    }
    JsonValue& found = is_name ? name : value;
    if (found.type() != JsonType::kAbsent) return extra.RefuseDuplicate(JsonPointer(at, key));
    found = member.value;
  }
  if (name.type() != JsonType::kString || value.type() == JsonType::kAbsent)
    return extra.Keep(at, element);

  v1::Tag* const tag = tags->Add();
  Assign(name.String(&scratch), tag->mutable_name());
  SetValue(value, tag);
  if (!more) return;
  for (const JsonMember& member : element.Members()) {
    const absl::string_view key = member.key.String(&scratch);
    if (key != name_key && key != kValueKey) extra.Keep(JsonPointer(at, key), member.value);
  }
}

}  // namespace

void AddTag(absl::string_view name, const JsonValue& value,
            google::protobuf::RepeatedPtrField<v1::Tag>* tags) {
  v1::Tag* const tag = tags->Add();
  Assign(name, tag->mutable_name());
  SetValue(value, tag);
}

bool DecodeTags(Extra& extra, const JsonValue& value, const JsonPointer& at,
                absl::string_view name_key, google::protobuf::RepeatedPtrField<v1::Tag>* tags) {
  if (value.type() == JsonType::kArray) {
    size_t index = 0;
    for (const JsonValue element : value.Elements()) {
      DecodeElement(extra, element, JsonPointer(at, index++), name_key, tags);
      if (extra.refused()) break;
    }
    return true;
  }
  if (value.type() != JsonType::kObject) return false;
  std::string scratch;
  for (const JsonMember& member : value.Members())
    AddTag(member.key.String(&scratch), member.value, tags);
  return true;
}

}  // namespace incidenthub::decode
