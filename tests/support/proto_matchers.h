// gMock matchers for protobuf messages.

#ifndef INCIDENTHUB_TESTS_SUPPORT_PROTO_MATCHERS_H_
#define INCIDENTHUB_TESTS_SUPPORT_PROTO_MATCHERS_H_

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"

namespace incidenthub::testing {

// Where `actual` and `expected`, of one type, differ; empty if nowhere. A field that is set to its
// default differs from one that is unset, where the proto can tell.
inline std::string ProtoDifference(const google::protobuf::Message& actual,
                                   const google::protobuf::Message& expected) {
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  return differencer.Compare(expected, actual) ? "" : difference;
}

// Equal to the message `expected`, which is copied.
MATCHER_P(EqualsProto, expected, "equals " + expected.ShortDebugString()) {
  const std::string difference = ProtoDifference(arg, expected);
  if (difference.empty()) return true;
  *result_listener << "which differs from what is expected:\n" << difference;
  return false;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_PROTO_MATCHERS_H_
