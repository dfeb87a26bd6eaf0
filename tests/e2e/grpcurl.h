// Where grpcurl is: .tools/bin/grpcurl, as .ci/tools.sh puts it, or elsewhere.

#ifndef INCIDENTHUB_TESTS_E2E_GRPCURL_H_
#define INCIDENTHUB_TESTS_E2E_GRPCURL_H_

#include <string>

#include "tests/support/find_tool.h"

namespace incidenthub::testing {

// Empty: there is none on this machine.
inline std::string FindGrpcurl() { return FindTool("grpcurl", "/usr/local/bin"); }

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_GRPCURL_H_
