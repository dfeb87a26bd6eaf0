#include "server/domain/ingest_request.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::Stamp;
using testing::UnmappedDelivery;

v1::IngestRequest SampleRequest() {
  v1::IngestRequest request;
  *request.add_deliveries() = DeliveryBuilder("a")
                                  .Comment("looking")
                                  .EventType("incident#new", At(5))
                                  .With([](v1::Incident* incident) {
                                    v1::Alert& alert = *incident->add_alerts();
                                    alert.set_id("alert \xc3\xa9");
                                    alert.set_active(false);
                                    *alert.mutable_start_time() = Stamp(At(-7));
                                    alert.add_tags()->set_name("host");
                                    (*alert.mutable_extra())["/y"] = "2";
                                    incident->add_alerts();
                                    (*incident->mutable_extra())["/x"] = "1";
                                    incident->add_tags()->set_text("tag");
                                  })
                                  .Build();
  *request.add_deliveries() = UnmappedDelivery(2, "{}");
  *request.add_deliveries() = v1::Delivery();
  return request;
}

// As whoever gets the encoded message sees it.
v1::IngestRequest SentOn(const v1::IngestRequest& request) {
  v1::IngestRequest sent;
  EXPECT_TRUE(sent.ParseFromString(request.SerializeAsString()));
  return sent;
}

// The library is right; what else there is to know is in `parsed`.
void ExpectAsTheLibrary(const std::string& bytes) {
  v1::IngestRequest expected;
  v1::IngestRequest parsed;
  const bool valid = expected.ParseFromString(bytes);
  ASSERT_EQ(ParseIngestRequest(bytes, &parsed), valid);
  if (!valid) return;
  EXPECT_THAT(SentOn(parsed), EqualsProto(expected));
}

TEST(IngestRequestTest, WhatStaysEncodedIsThereForWhoDecodesItLater) {
  const v1::IngestRequest request = SampleRequest();
  v1::IngestRequest parsed;
  ASSERT_TRUE(ParseIngestRequest(request.SerializeAsString(), &parsed));
  EXPECT_THAT(SentOn(parsed), EqualsProto(request));
  v1::Incident& incident = *parsed.mutable_deliveries(0)->mutable_incident();
  EXPECT_EQ(incident.alerts_size(), 0);
  EXPECT_EQ(incident.extra_size(), 0);
  // The rest is decoded.
  v1::Delivery expected = request.deliveries(0);
  expected.mutable_incident()->clear_alerts();
  expected.mutable_incident()->clear_extra();
  incident.GetReflection()->MutableUnknownFields(&incident)->Clear();
  EXPECT_THAT(parsed.deliveries(0), EqualsProto(expected));
}

TEST(IngestRequestTest, ItReplacesWhatTheMessageHeld) {
  v1::IngestRequest parsed = SampleRequest();
  ASSERT_TRUE(ParseIngestRequest("", &parsed));
  EXPECT_EQ(parsed.deliveries_size(), 0);
}

TEST(IngestRequestTest, WhatAnotherGatewayAddsStays) {
  v1::IngestRequest request = SampleRequest();
  v1::Incident& incident = *request.mutable_deliveries(0)->mutable_incident();
  incident.GetReflection()->MutableUnknownFields(&incident)->AddVarint(1000, 7);
  v1::Alert& alert = *incident.mutable_alerts(0);
  alert.GetReflection()->MutableUnknownFields(&alert)->AddLengthDelimited(1001, "new");
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(1002, 7);
  ExpectAsTheLibrary(request.SerializeAsString());
}

TEST(IngestRequestTest, OfTwoPayloadsTheLibraryTellsWhichCounts) {
  v1::IngestRequest both;
  *both.add_deliveries() = UnmappedDelivery(1, "{}");
  const std::string unmapped = both.deliveries(0).SerializeAsString();
  const std::string incident = DeliveryBuilder("b").Build().SerializeAsString();
  for (const std::string& delivery :
       {unmapped + incident, incident + unmapped, incident + incident}) {
    ASSERT_LT(delivery.size(), 16384U);
    const std::string length = {static_cast<char>(0x80U | (delivery.size() & 0x7fU)),
                                static_cast<char>(delivery.size() >> 7U)};
    ExpectAsTheLibrary("\n" + length + delivery);
  }
}

TEST(IngestRequestTest, WhateverIsWrongIsFoundAsTheLibraryDoes) {
  const std::string bytes = SampleRequest().SerializeAsString();
  for (size_t size = 0; size <= bytes.size(); ++size) {
    SCOPED_TRACE(size);
    ExpectAsTheLibrary(bytes.substr(0, size));
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    SCOPED_TRACE(::testing::Message() << "bit " << bit << " is another");
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
    ExpectAsTheLibrary(changed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace incidenthub
