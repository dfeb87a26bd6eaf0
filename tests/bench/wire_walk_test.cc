// What is counted in bytes is what is in the message.

#include "tests/bench/wire_walk.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/bench/delivery_template.h"
#include "tests/bench/request_template.h"

namespace incidenthub::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

v1::SubscribeResponse Response(int entries) {
  v1::SubscribeResponse response;
  response.set_resume_token("token");
  response.set_head_sequence(uint64_t{1} << 50U);
  for (int i = 0; i < entries; ++i) {
    v1::Entry* entry = response.mutable_batch()->add_entries();
    entry->set_membership(v1::MEMBERSHIP_UPDATED);
    v1::Incident* incident = entry->mutable_event()->mutable_incident();
    incident->set_id("incident-" + std::to_string(i));
    incident->mutable_update_time()->set_seconds(1'795'300'000 + i);
    // Inner messages are passed over, however they look.
    incident->add_alerts()->set_id(std::string(300, '\x0a'));
  }
  return response;
}

// In slices of so many bytes.
grpc::ByteBuffer Sliced(const std::string& bytes, size_t size) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += size) slices.emplace_back(bytes.substr(at, size));
  return {slices.data(), slices.size()};
}

TEST(WireWalkTest, EntriesAreCountedHoweverTheMessageIsSliced) {
  std::vector<grpc::Slice> room;
  for (const int entries : {0, 1, 2, 64, 1000}) {
    const std::string bytes = Response(entries).SerializeAsString();
    for (const size_t size : {size_t{1}, size_t{7}, size_t{4096}, bytes.size() + 1}) {
      EXPECT_THAT(CountEntries(Sliced(bytes, size), &room), Optional(static_cast<size_t>(entries)))
          << size;
    }
    EXPECT_EQ(Flat(Sliced(bytes, 7)), bytes);
  }
}

TEST(WireWalkTest, OtherMessagesHaveNoEntries) {
  std::vector<grpc::Slice> room;
  v1::SubscribeResponse opened;
  opened.mutable_opened()->add_matchers("state=open");
  opened.set_resume_token("token");
  EXPECT_THAT(CountEntries(Sliced(opened.SerializeAsString(), 5), &room), Optional(size_t{0}));
  EXPECT_EQ(ResumeToken(opened.SerializeAsString()), "token");
  v1::SubscribeResponse heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_THAT(CountEntries(Sliced(heartbeat.SerializeAsString(), 5), &room), Optional(size_t{0}));
}

TEST(WireWalkTest, ATruncatedMessageIsNone) {
  std::vector<grpc::Slice> room;
  const std::string bytes = Response(3).SerializeAsString();
  EXPECT_EQ(CountEntries(Sliced(bytes.substr(0, bytes.size() - 1), 9), &room), std::nullopt);
  EXPECT_FALSE(ForEachEvent(bytes.substr(0, bytes.size() - 1), [](absl::string_view, int64_t) {}));
}

TEST(WireWalkTest, EventsHaveTheirIncidentAndItsTime) {
  std::vector<std::pair<std::string, int64_t>> events;
  ASSERT_TRUE(ForEachEvent(Response(2).SerializeAsString(),
                           [&events](absl::string_view id, int64_t seconds) {
                             events.emplace_back(std::string(id), seconds);
                           }));
  EXPECT_THAT(events,
              ElementsAre(Pair("incident-0", 1'795'300'000), Pair("incident-1", 1'795'300'001)));
}

TEST(WireWalkTest, ReceiptsAreCountedByWhetherTheyAccept) {
  v1::IngestResponse response;
  for (int i = 0; i < 5; ++i) {
    response.add_receipts()->mutable_accepted()->set_incident_id("incident");
  }
  response.add_receipts()->mutable_rejected()->set_message("full");
  const std::optional<Receipts> receipts = CountReceipts(response.SerializeAsString());
  ASSERT_TRUE(receipts.has_value());
  EXPECT_EQ(receipts->accepted, 5);
  EXPECT_EQ(receipts->all, 6);
}

// The patched bytes of a feed are deliveries that a hub takes for different ones.
TEST(DeliveryTemplateTest, EachDeliveryIsAnotherUpdate) {
  constexpr uint64_t kIncidents = 3;
  const auto deliveries = DeliveryTemplate::Create(kIncidents);
  ASSERT_TRUE(deliveries.ok()) << deliveries.status();
  v1::IngestRequest request;
  ASSERT_TRUE(request.ParseFromString(Flat(deliveries->Request(1000, 64))));
  ASSERT_EQ(request.deliveries_size(), 64);
  for (int i = kIncidents; i < request.deliveries_size(); ++i) {
    const v1::Delivery& now = request.deliveries(i);
    const v1::Delivery& before = request.deliveries(i - static_cast<int>(kIncidents));
    EXPECT_EQ(now.incident().id(), before.incident().id());
    EXPECT_EQ(now.incident().update_time().seconds(),
              before.incident().update_time().seconds() + 1);
    EXPECT_NE(now.incident().id(), request.deliveries(i - 1).incident().id());
    EXPECT_NE(now.digest().substr(0, 16), before.digest().substr(0, 16));
    EXPECT_EQ(now.id(), before.id() + kIncidents);
  }
}

TEST(RequestTemplateTest, TheNumberOfARequestIsFoundByItsIncident) {
  RequestTemplate requests(10, "Bearer of-nothing");
  std::string request = requests.bytes();
  requests.Patch(1234, &request);
  EXPECT_EQ(request.size(), requests.bytes().size());
  const size_t id_at = request.find("\"ld");
  ASSERT_NE(id_at, std::string::npos);
  const std::string id = request.substr(id_at + 1, request.find('"', id_at + 1) - id_at - 1);
  EXPECT_THAT(requests.IndexOf(id, 1'795'300'000 + 123), Optional(uint64_t{1234}));
  EXPECT_EQ(requests.IndexOf("of another run", 1'795'300'123), std::nullopt);
}

}  // namespace
}  // namespace incidenthub::bench
