// Where random tests begin: the same place each time, unless told otherwise.

#ifndef INCIDENTHUB_TESTS_SUPPORT_RANDOM_SEED_H_
#define INCIDENTHUB_TESTS_SUPPORT_RANDOM_SEED_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {

// 0, or what --gtest_random_seed says.
inline uint64_t FirstSeed() { return static_cast<uint64_t>(GTEST_FLAG_GET(random_seed)); }

// For SCOPED_TRACE: a failure says how to begin with what failed.
inline std::string SeedTrace(uint64_t seed) {
  return absl::StrCat("seed ", seed, "; --gtest_random_seed=", seed, " begins with it");
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_RANDOM_SEED_H_
