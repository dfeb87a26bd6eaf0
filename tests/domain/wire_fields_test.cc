#include "server/domain/wire_fields.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "number" or "number=content"; "bad" at the end if VisitFields() says so.
std::vector<std::string> Fields(absl::string_view message) {
  std::vector<std::string> fields;
  size_t size = 0;
  const bool good = VisitFields(message, [&](const WireField& field) {
    fields.push_back(absl::StrCat(field.number, field.has_length ? "=" : "", field.content));
    EXPECT_EQ(field.whole.data(), message.data() + size) << "fields follow each other";
    size += field.whole.size();
  });
  if (!good) fields.emplace_back("bad");
  EXPECT_TRUE(!good || size == message.size());
  return fields;
}

TEST(WireFieldsTest, EachFieldIsHandedOutInOrder) {
  v1::Incident incident;
  incident.set_id("a");
  incident.set_state(v1::STATE_RESOLVED);
  incident.add_tags()->set_name("one");
  incident.add_tags();
  incident.set_sequence(uint64_t{1} << 63U);
  incident.set_etag(std::string(200, 'e'));
  EXPECT_THAT(Fields(incident.SerializeAsString()),
              ElementsAre("1=a", "2", "15=\n\3one", "15=", "27", "28=" + std::string(200, 'e')));
  v1::RelatedChange change;
  change.set_score(0.5);
  EXPECT_THAT(Fields(change.SerializeAsString()), ElementsAre("7"));
  EXPECT_THAT(Fields("\x0d"
                     "1234"),
              ElementsAre("1"));
  EXPECT_THAT(Fields(""), IsEmpty());
}

TEST(WireFieldsTest, WhatIsCutOffIsNoMessage) {
  EXPECT_THAT(Fields("\x08"), ElementsAre("bad"));
  EXPECT_THAT(Fields("\x08\x80"), ElementsAre("bad"));
  EXPECT_THAT(Fields("\x09"
                     "1234567"),
              ElementsAre("bad"));
  EXPECT_THAT(Fields("\x0d"
                     "123"),
              ElementsAre("bad"));
  EXPECT_THAT(Fields("\x0a\x02"
                     "a"),
              ElementsAre("bad"));
  EXPECT_THAT(Fields("\x0a\x01"
                     "a\x80"),
              ElementsAre("1=a", "bad"));
}

TEST(WireFieldsTest, WhatNoEncoderOfOursMakesIsLeftToTheLibrary) {
  constexpr absl::string_view kNumberZero("\x02\x00", 2);
  EXPECT_THAT(Fields(kNumberZero), ElementsAre("bad"));
  EXPECT_THAT(Fields("\x0b\x0c"), ElementsAre("bad")) << "a group";
  EXPECT_THAT(Fields("\x0e"), ElementsAre("bad")) << "a type that there is not";
  constexpr absl::string_view kLongLength(
      "\x0a\x81\x00"
      "a",
      4);
  EXPECT_THAT(Fields(kLongLength), ElementsAre("bad"));
  EXPECT_THAT(Fields(std::string("\x0a") + std::string(9, '\xff') + "\x01"), ElementsAre("bad"));
  EXPECT_THAT(Fields(std::string("\x08") + std::string(9, '\xff') + "\x01"), ElementsAre("1"));
  EXPECT_THAT(Fields(std::string("\x08") + std::string(9, '\xff') + "\x02"), ElementsAre("bad"));
}

}  // namespace
}  // namespace incidenthub
