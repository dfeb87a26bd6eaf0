// Which trace an event is of, from the call that caused it to the subscriber.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::DeliveryBuilder;
using testing::IngestCall;
using testing::RpcTest;
using testing::SubscribeCall;

constexpr char kFirst[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kSecond[] = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00";
constexpr char kOfAnotherForm[] = "00-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-bbbbbbbbbbbbbbbb-00";

class TraceTest : public RpcTest {
 protected:
  v1::Receipt Deliver(v1::Delivery delivery, const std::string& traceparent) {
    delivery.set_traceparent(traceparent);
    IngestCall call(ingest_stub_.get());
    EXPECT_TRUE(call.Write({delivery}));
    const std::vector<v1::Receipt> receipts = call.Read(1);
    return receipts.empty() ? v1::Receipt() : receipts[0];
  }
  v1::AckResponse Ack(const std::string& id, const std::vector<std::string>& traceparents) {
    grpc::ClientContext context;
    for (const std::string& traceparent : traceparents) {
      context.AddMetadata("traceparent", traceparent);
    }
    v1::AckResponse response;
    EXPECT_TRUE(stub_->Ack(&context, AckOf(id), &response).ok());
    return response;
  }
  // Of the incident's events, the newest first.
  std::vector<std::string> TracesOf(const std::string& id) {
    grpc::ClientContext context;
    v1::ListEventsRequest request;
    request.set_incident_id(id);
    v1::ListEventsResponse response;
    EXPECT_TRUE(stub_->ListEvents(&context, request, &response).ok());
    std::vector<std::string> traces;
    for (const v1::Event& event : response.events()) traces.push_back(event.traceparent());
    return traces;
  }
};

TEST_F(TraceTest, SubscribersSeeTheTraceOfADelivery) {
  SubscribeCall call(stub_.get(), v1::SubscribeRequest());
  call.ReadSnapshot();
  Deliver(DeliveryBuilder("a").Build(), kFirst);
  EXPECT_EQ(call.ReadUntil(1)[0].event().traceparent(), kFirst);
}

TEST_F(TraceTest, ADeliveryThatIsSentAgainKeepsItsFirstTraceAndIsARepeat) {
  const v1::Delivery delivery = DeliveryBuilder("a").Build();
  EXPECT_FALSE(Deliver(delivery, kFirst).accepted().duplicate());
  const v1::Receipt again = Deliver(delivery, kSecond);
  EXPECT_TRUE(again.accepted().duplicate());
  EXPECT_EQ(again.accepted().sequence(), 1U);
  EXPECT_THAT(TracesOf("a"), ::testing::ElementsAre(kFirst));
}

TEST_F(TraceTest, WhatIsOfAnotherFormIsAsIfItWereNotThere) {
  Deliver(DeliveryBuilder("a").Build(), kOfAnotherForm);
  Ack("a", {kOfAnotherForm});
  EXPECT_THAT(TracesOf("a"), ::testing::ElementsAre("", ""));
}

TEST_F(TraceTest, ACommandsTraceIsTheOneInItsMetadata) {
  Deliver(DeliveryBuilder("a").Build(), kFirst);
  EXPECT_TRUE(Ack("a", {kSecond}).changed());
  EXPECT_THAT(TracesOf("a"), ::testing::ElementsAre(kSecond, kFirst));
}

TEST_F(TraceTest, ACommandWithTwoTracesHasNone) {
  Deliver(DeliveryBuilder("a").Build(), kFirst);
  EXPECT_TRUE(Ack("a", {kFirst, kSecond}).changed());
  EXPECT_THAT(TracesOf("a"), ::testing::ElementsAre("", kFirst));
}

}  // namespace
}  // namespace incidenthub
