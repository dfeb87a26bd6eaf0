// Reading a message of an Ingest stream.
//
// What nobody in the hub looks at while a delivery is decided on stays encoded: an incident's
// alerts, which are most of its bytes, and its extra. They are checked, and go with the incident as
// fields that are not known (google::protobuf::UnknownFieldSet): in what is encoded from it they
// are in their place, so that whoever decodes that has them; only alerts() and extra() are empty.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_DOMAIN_INGEST_REQUEST_H_
#define INCIDENTHUB_SERVER_DOMAIN_INGEST_REQUEST_H_

#include "absl/strings/string_view.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub {

// False: it is no v1.IngestRequest, or a text in it is no UTF-8.
bool ParseIngestRequest(absl::string_view bytes, v1::IngestRequest* request);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_INGEST_REQUEST_H_
