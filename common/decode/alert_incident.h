// One alert in the flat form of BigPanda's Alerts API, made an incident. alerts.h says how.

#ifndef INCIDENTHUB_COMMON_DECODE_ALERT_INCIDENT_H_
#define INCIDENTHUB_COMMON_DECODE_ALERT_INCIDENT_H_

#include "common/decode/extra.h"
#include "common/decode/json.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {

// Decodes into `delivery`, whose source is set, and whose incident's `extra` this is; whether it is
// an incident at all, `extra` is told. REQUIRES: `alert` is an object.
void DecodeAlert(const JsonValue& alert, Extra& extra, v1::Delivery* delivery);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_ALERT_INCIDENT_H_
