// Tags in the shapes that senders use.

#ifndef INCIDENTHUB_COMMON_DECODE_TAGS_H_
#define INCIDENTHUB_COMMON_DECODE_TAGS_H_

#include "absl/strings/string_view.h"
#include "common/decode/extra.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::decode {

// Appends one tag, whose value may be anything, null included.
void AddTag(absl::string_view name, const JsonValue& value,
            google::protobuf::RepeatedPtrField<v1::Tag>* tags);

// Appends the tags in `value`, in their order, repeated names included: an array of {<name_key>:
// NAME, "value": VALUE}, or an object of NAME: VALUE. False if it is neither.
//
// VALUE may be anything, null included. An element of the array without a string NAME and a VALUE
// is kept in `extra` whole; what else stands beside the two is kept as well.
bool DecodeTags(Extra& extra, const JsonValue& value, const JsonPointer& at,
                absl::string_view name_key, google::protobuf::RepeatedPtrField<v1::Tag>* tags);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_TAGS_H_
