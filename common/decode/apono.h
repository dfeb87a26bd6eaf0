// The body of an Apono integration's webhook, made a delivery. Pure; any thread.
//
// What comes in is an admin's template, filled in; the documented one is `{"event_type": ...,
// "event_time": ..., "data": {"id", "name", "type", "status", "issues": [{"status", "message"}]}}`,
// one integration a body. Only `data.id` is required.
//
//   data.id      a string or a number. Incident.id is `<source>/<data.id>`.
//   data.status  in any case: Error is critical, Warning is warning, Active is ok and ends the
//                incident. Any other word, or none, leaves the incident as it is (Initializing,
//                Refreshing, Disabled), and begins none.
//   data.name    and data.type are tags of the incident: `integration_name`, `integration_type`.
//   data.issues  alerts of the incident: one for each object of an array, a lone object, and each
//                text; message is the description. Its id is `<data.id>/<place>`. What says nothing
//                ("", {}, an object of null and "") makes none. If none is made, one alert says
//                what the incident does, and its id is `<data.id>`.
//   event_time   the time of the incident, in any form of ReadTime but zero.
//   event_type   the name of the delivery's event.
// Everything else is kept in `extra`.
//
// A body is kTest if `data.id` or `data.status` is still a placeholder of a template: a text with
// `{{` and `}}` after it or `${` and `}` after it anywhere in it, or one that is `<...>` as a
// whole. This is what a Test button sends.

#ifndef INCIDENTHUB_COMMON_DECODE_APONO_H_
#define INCIDENTHUB_COMMON_DECODE_APONO_H_

#include <string>

#include "absl/status/status.h"
#include "common/decode/decoder.h"

namespace incidenthub::decode {

// A DecodeFunction: one item.
absl::Status DecodeAponoBody(std::string* body, const SourceContext& context, ItemSink sink);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_APONO_H_
