// Decoding by table: for each kind of object one table of its keys, each with the function that
// puts its value into a message.
//
// A value that is null is not reported, and its function is not called. A value that its function
// does not take exactly, and a key that is in no table, are kept in `extra`: this is how nothing
// gets lost.

#ifndef INCIDENTHUB_COMMON_DECODE_FIELDS_H_
#define INCIDENTHUB_COMMON_DECODE_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "common/decode/decimal.h"
#include "common/decode/extra.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "common/decode/wire_time.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::decode {

// Puts `value`, which is not null and stands at `at`, into `target`. False: the target does not say
// exactly what the value says, so the value must be kept as well.
template <typename T>
using FieldDecoder = bool (*)(Extra& extra, const JsonValue& value, const JsonPointer& at,
                              T* target);

template <typename T>
struct Field {
  absl::string_view key;
  FieldDecoder<T> decode;
};

// Decodes the members of `object` by `fields`. A key that stands twice is refused.
// REQUIRES: `object` is an object. At most 64 fields.
template <typename T, size_t kCount>
void DecodeObject(Extra& extra, const JsonValue& object, const JsonPointer& at,
                  const Field<T> (&fields)[kCount], T* target) {
  static_assert(kCount <= 64);
  uint64_t seen = 0;
  // Senders write their keys in one order, and the tables follow it: the next key is usually the
  // next field.
  size_t next = 0;
  std::string scratch;
  for (const JsonMember& member : object.Members()) {
    const absl::string_view key = member.key.String(&scratch);
    size_t tries = 0;
    while (tries < kCount && fields[next].key != key) {
      next = next + 1 == kCount ? 0 : next + 1;
      ++tries;
    }
    const JsonPointer member_at(at, key);
    if (tries == kCount) {
      extra.Keep(member_at, member.value);
    } else {
      const uint64_t bit = uint64_t{1} << next;
      if ((seen & bit) != 0) extra.RefuseDuplicate(member_at);
      seen |= bit;
      const bool is_null = member.value.type() == JsonType::kNull;
      if (!is_null && !fields[next].decode(extra, member.value, member_at, target)) {
        extra.Keep(member_at, member.value);
      }
    }
    if (extra.refused()) return;
  }
}

// As above, into a message that a field holds; false if `value` is no object. A message in which
// nothing was set says nothing, and is not made.
template <typename Message, typename T, size_t kCount>
bool DecodeNested(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  const Field<Message> (&fields)[kCount], Message* (T::*mutable_message)(),
                  T* target) {
  if (value.type() != JsonType::kObject) return false;
  Message message;
  DecodeObject(extra, value, at, fields, &message);
  if (message.ByteSizeLong() > 0) (target->*mutable_message)()->Swap(&message);
  return true;
}

// Decodes every element of an array that is an object into a message of its own; other elements are
// kept. False if `value` is no array.
template <typename Message, size_t kCount>
bool DecodeRepeated(Extra& extra, const JsonValue& value, const JsonPointer& at,
                    const Field<Message> (&fields)[kCount],
                    google::protobuf::RepeatedPtrField<Message>* messages) {
  if (value.type() != JsonType::kArray) return false;
  size_t index = 0;
  for (const JsonValue element : value.Elements()) {
    const JsonPointer element_at(at, index++);
    if (element.type() == JsonType::kObject) {
      DecodeObject(extra, element, element_at, fields, messages->Add());
    } else {
      extra.Keep(element_at, element);
    }
    if (extra.refused()) break;
  }
  return true;
}

// The decoders of scalar fields, named by the member function that sets the field:
// Text<&Alert::mutable_id>.

template <auto kMutable, typename T>
bool Text(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  if (value.type() != JsonType::kString) return false;
  std::string scratch;
  const absl::string_view text = value.String(&scratch);
  // An empty string is what an unset field says, and makes no message of it.
  if (!text.empty()) (target->*kMutable)()->assign(text.data(), text.size());
  return true;
}

template <auto kSet, typename T>
bool Flag(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  if (value.type() != JsonType::kBool) return false;
  (target->*kSet)(value.Bool());
  return true;
}

inline void SetTimestamp(const EpochTime& time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(time.seconds);
  timestamp->set_nanos(time.nanos);
}

template <auto kMutable, typename T>
bool Time(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  const absl::optional<EpochTime> time = ReadTime(value);
  if (!time.has_value()) return false;
  SetTimestamp(*time, (target->*kMutable)());
  return time->exact;
}

// A time at which something ends: zero stands for "not yet".
template <auto kMutable, typename T>
bool EndTime(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  const absl::optional<EpochTime> time = ReadTime(value);
  if (!time.has_value() || (time->seconds == 0 && time->nanos == 0)) return false;
  SetTimestamp(*time, (target->*kMutable)());
  return time->exact;
}

template <auto kSet, typename T>
bool Double(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  if (value.type() != JsonType::kNumber) return false;
  const absl::optional<ReadDouble> read = ToDouble(value.raw());
  if (!read.has_value()) return false;
  (target->*kSet)(read->value);
  return read->exact;
}

template <auto kSet, typename T>
bool Int64(Extra&, const JsonValue& value, const JsonPointer&, T* target) {
  if (value.type() != JsonType::kNumber) return false;
  const absl::optional<int64_t> whole = Decimal(value.raw()).ToInt64();
  if (!whole.has_value()) return false;
  (target->*kSet)(*whole);
  return true;
}

// The status that `word` names, whatever its case; STATUS_UNSPECIFIED for any other.
v1::Status StatusOfWord(absl::string_view word);

// A status: the word as sent, and its meaning where it has one.
template <auto kMutableText, auto kSet, typename T>
bool StatusWord(Extra& extra, const JsonValue& value, const JsonPointer& at, T* target) {
  if (!Text<kMutableText>(extra, value, at, target)) return false;
  std::string scratch;
  (target->*kSet)(StatusOfWord(value.String(&scratch)));
  return true;
}

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_FIELDS_H_
