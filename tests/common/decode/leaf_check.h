// Whether everything that a body says can be found in the delivery that was made of it.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::testing {

// Where the values of a body may have gone.
enum class BodyShape {
  // BigPanda's webhook.
  kBigPanda,
  // One item in the shape of the Alerts API, its app key blanked out.
  kAlert,
  // Apono's webhook.
  kApono,
};

// BodyShape of a kind of source.
BodyShape ShapeOfKind(absl::string_view kind);

// What is wrong, one line each; empty if nothing is.
//
// Every value of `body` that is neither object nor array must be in the delivery, one for one: kept
// in an `extra` under its own pointer or an ancestor's, with its exact text; or in a tag's `json`,
// or an ancestor of it is; or as a text, a boolean, a time, or a number that is the same number.
// Only null under a key that has a field, and the empty string, may leave no trace. And an `extra`
// may hold nothing that the body does not. What a delivery says twice counts once.
std::vector<std::string> FindLostLeaves(const PlainJson& body, const v1::Delivery& delivery,
                                        BodyShape shape = BodyShape::kBigPanda);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_LEAF_CHECK_H_
