// The parts of BigPanda's webhook body, each decoded from wherever it stands.
//
// All are FieldDecoders (fields.h): false means that the value must be kept in `extra` as well.

#ifndef INCIDENTHUB_COMMON_DECODE_BIGPANDA_PARTS_H_
#define INCIDENTHUB_COMMON_DECODE_BIGPANDA_PARTS_H_

#include "common/decode/extra.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "incidenthub/v1/incident.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {

bool DecodeSnooze(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident);

// What an alert has no field for is kept in its own `extra`.
bool DecodeAlerts(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident);

// An object, or the URL of the landing page alone.
bool DecodeLinks(Extra& extra, const JsonValue& value, const JsonPointer& at,
                 v1::Incident* incident);

bool DecodeIncidentTags(Extra& extra, const JsonValue& value, const JsonPointer& at,
                        v1::Incident* incident);

bool DecodeRelatedChanges(Extra& extra, const JsonValue& value, const JsonPointer& at,
                          v1::Incident* incident);

bool DecodeSender(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident);
bool DecodeAssignee(Extra& extra, const JsonValue& value, const JsonPointer& at,
                    v1::Incident* incident);
bool DecodeAssigner(Extra& extra, const JsonValue& value, const JsonPointer& at,
                    v1::Incident* incident);

bool DecodeEnvironmentName(Extra& extra, const JsonValue& value, const JsonPointer& at,
                           v1::Incident* incident);
bool DecodeEnvironmentId(Extra& extra, const JsonValue& value, const JsonPointer& at,
                         v1::Incident* incident);

// An object that holds the text and the environment, or the text alone. An object without a text is
// no comment.
bool DecodeComment(Extra& extra, const JsonValue& value, const JsonPointer& at,
                   v1::Incident* incident);

// An array of objects that name an event, or of the names alone. What names no event is kept.
bool DecodeEventTypes(Extra& extra, const JsonValue& value, const JsonPointer& at,
                      v1::Delivery* delivery);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_BIGPANDA_PARTS_H_
