// All that is known about one incident, on a page for people.

#ifndef INCIDENTHUB_CLIENTS_CLI_DETAIL_VIEW_H_
#define INCIDENTHUB_CLIENTS_CLI_DETAIL_VIEW_H_

#include <string>

#include "clients/cli/printing.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::client {

// Several lines; each ends in a newline. What was not reported has none.
std::string DetailView(const v1::Incident& incident, const Style& style);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_DETAIL_VIEW_H_
