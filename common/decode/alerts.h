// Bodies in the shape of BigPanda's Alerts API, made deliveries: one flat object an alert, many to
// a body, as Cribl Stream and scripts send them. Pure; any thread.
//
// Forms of a body: see batch_splitter.h; a wrapper is `{"app_key": ..., "alerts": [...]}`, an
// object with a `status` is an alert whatever else it has.
//
// An item becomes an incident with one alert. What is read of it:
//   app_key              required, here or in the wrapper; the item's own wins. Names the source,
//   by
//                        SourceContext::source_of_app_key, and goes nowhere.
//   status               required, a word. `ok` ends the incident; every other word, known or not,
//                        says that it is active.
//   primary property     required: the tag that `primary_property` names if the item has it, else
//                        host, service, application, device. Present is a value that has a text:
//                        not null, "" or []. Of an array it is the text of its tag: `a, b`.
//   secondary property   the tag that `secondary_property` names, else check, sensor.
//   incident_identifier  the identity, if it is a string or a number.
//   timestamp            the time of the incident and its alert, in any form of ReadTime but zero;
//                        without one `_time`, which is Cribl's; without both none is set.
//   description, source_system   fields of the alert.
// Every other key is a tag of the alert, in its order, repeated names included: also the properties
// themselves, and Cribl's `_raw`, `_time`, `cribl_pipe`. What says nothing in its place (a time
// that is none, a name of a tag that is not there, a description that is no string) is kept in
// Incident.extra, with pointers from the item.
//
// Incident.id is `<source>/<identity>`. The identity is `incident_identifier` as it is; without it
// the primary value, or `<primary>/<secondary>`, with `/` and `%` in them written `%2F` and `%25`.
//
// An item is kUnmapped if what is required is missing, a key that is read stands twice, the id has
// more than 512 bytes, or the delivery more than 3 MiB. It is kBroken if it does not parse, or is
// too large to be kept. What a wrapper has beside its alerts and its app key belongs to none of
// them: it makes an item of its own behind them, kUnmapped.
//
// An array or wrapper without items has none: OK, and the sink is not called.

#ifndef INCIDENTHUB_COMMON_DECODE_ALERTS_H_
#define INCIDENTHUB_COMMON_DECODE_ALERTS_H_

#include <string>

#include "absl/status/status.h"
#include "common/decode/decoder.h"

namespace incidenthub::decode {

// A DecodeFunction. A body whose items are all kBroken is an error, and the sink is not called.
absl::Status DecodeAlertsBody(std::string* body, const SourceContext& context, ItemSink sink);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_ALERTS_H_
