// Broken invariants stop the process before bad state is stored or promised.

#ifndef INCIDENTHUB_COMMON_CHECK_H_
#define INCIDENTHUB_COMMON_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Prints the condition and where it stands, then aborts. On in every build. For what can only be
// false through a bug of ours; a failure that the world can cause is an absl::Status.
#define INCIDENTHUB_CHECK(condition)                                                     \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // INCIDENTHUB_COMMON_CHECK_H_
