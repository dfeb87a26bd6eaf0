// Whether everything that a body says can be found in the delivery that was made of it.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_

#include <string>
#include <vector>

#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::testing {

// What is wrong, one line each; empty if nothing is.
//
// Every value of `body` that is neither object nor array must be in the delivery, one for one: kept
// in an `extra` under its own pointer or an ancestor's, with its exact text; or in a tag's `json`,
// or an ancestor of it is; or as a text, a boolean, a time, or a number that is the same number.
// Only null under a key that has a field, and the empty string, may leave no trace. And an `extra`
// may hold nothing that the body does not.
std::vector<std::string> FindLostLeaves(const PlainJson& body, const v1::Delivery& delivery);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_
