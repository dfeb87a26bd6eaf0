// proto/ERRORS.md, as common/error_reasons.h says it.

#ifndef INCIDENTHUB_TESTS_SUPPORT_ERRORS_MARKDOWN_H_
#define INCIDENTHUB_TESTS_SUPPORT_ERRORS_MARKDOWN_H_

#include <string>

namespace incidenthub::testing {

std::string ErrorsMarkdown();

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_ERRORS_MARKDOWN_H_
