// proto/ACCESS.md, as server/access/rpcs.h says it.

#ifndef INCIDENTHUB_TESTS_SUPPORT_ACCESS_MARKDOWN_H_
#define INCIDENTHUB_TESTS_SUPPORT_ACCESS_MARKDOWN_H_

#include <string>

namespace incidenthub::testing {

std::string AccessMarkdown();

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_ACCESS_MARKDOWN_H_
