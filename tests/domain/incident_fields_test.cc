#include "server/domain/incident_fields.h"

#include <string>

#include "gtest/gtest.h"
#include "incidenthub/v1/event.pb.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::EqualsProto;

v1::Event SampleEvent() {
  v1::Event event;
  event.set_sequence(7);
  v1::Incident& incident = *event.mutable_incident();
  incident.set_id("a");
  incident.set_state(v1::STATE_ACKNOWLEDGED);
  incident.set_flapping(false);
  incident.add_alerts()->set_id("alert 1");
  incident.add_alerts()->set_id("alert 2");
  incident.mutable_acknowledgement()->set_actor("ada");
  incident.set_sequence(7);
  (*incident.mutable_extra())["/x"] = "1";
  event.mutable_delivery()->set_source("bigpanda");
  return event;
}

TEST(IncidentFieldsTest, AllAreTheWholeIncident) {
  const v1::Event event = SampleEvent();
  v1::Incident parsed;
  ASSERT_TRUE(ParseIncident(event.SerializeAsString(), AllIncidentFields(), &parsed));
  EXPECT_THAT(parsed, EqualsProto(event.incident()));
}

TEST(IncidentFieldsTest, OnlyThoseAskedForAreThere) {
  const v1::Event event = SampleEvent();
  IncidentFields fields;
  fields.set(v1::Incident::kIdFieldNumber);
  fields.set(v1::Incident::kAcknowledgementFieldNumber);
  fields.set(v1::Incident::kSequenceFieldNumber);
  v1::Incident expected = event.incident();
  expected.clear_state();
  expected.clear_flapping();
  expected.clear_alerts();
  expected.clear_extra();
  v1::Incident parsed;
  ASSERT_TRUE(ParseIncident(event.SerializeAsString(), fields, &parsed));
  EXPECT_THAT(parsed, EqualsProto(expected));
}

TEST(IncidentFieldsTest, AnEventWithoutAnIncidentHasNone) {
  v1::Incident parsed;
  ASSERT_TRUE(ParseIncident("", AllIncidentFields(), &parsed));
  EXPECT_THAT(parsed, EqualsProto(v1::Incident()));
}

TEST(IncidentFieldsTest, TwoIncidentsInOneEventAreJoinedAsTheLibraryDoes) {
  v1::Event second;
  second.mutable_incident()->set_status_text("later");
  second.mutable_incident()->add_alerts()->set_id("alert 3");
  const std::string bytes = SampleEvent().SerializeAsString() + second.SerializeAsString();
  v1::Event whole;
  ASSERT_TRUE(whole.ParseFromString(bytes));
  v1::Incident parsed;
  ASSERT_TRUE(ParseIncident(bytes, AllIncidentFields(), &parsed));
  EXPECT_THAT(parsed, EqualsProto(whole.incident()));
}

TEST(IncidentFieldsTest, WhatIsCutOffDoesNotParseWhereTheLibrarySaysSo) {
  const std::string bytes = SampleEvent().SerializeAsString();
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    v1::Event event;
    v1::Incident parsed;
    EXPECT_EQ(ParseIncident(cut, AllIncidentFields(), &parsed), event.ParseFromString(cut)) << size;
  }
}

}  // namespace
}  // namespace incidenthub
