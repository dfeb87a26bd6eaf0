// What a restart of the hub changes for those who follow it: nothing; and what a lost disk changes:
// they are told.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

using Kind = v1::SubscribeResponse;

class RestartTest : public HubTest {
 protected:
  void SetUp() override { StartHub(); }

  // Stores updates of incidents `name`-0, -1, ...; returns the last sequence.
  uint64_t Ingest(const std::string& name, int count, int64_t update = 1, size_t padding = 0) {
    IngestSession session(hub_port());
    std::vector<v1::Delivery> deliveries;
    for (int i = 0; i < count; ++i) {
      deliveries.push_back(MakeDelivery(absl::StrCat(name, "-", i), update, padding));
    }
    const auto receipts = session.Send(std::move(deliveries));
    EXPECT_OK(receipts);
    return receipts.ok() ? receipts->back().accepted().sequence() : 0;
  }

  // A stop in good order and a new start.
  void Restart() {
    const absl::StatusOr<int> code = hub().Stop();
    ASSERT_OK(code);
    ASSERT_EQ(*code, 0);
    StartHub();
  }

  // What a subscriber that is at `token` is sent until it has everything up to `sequence`.
  StreamHistory ResumeUntil(const std::string& token, uint64_t sequence) {
    const auto subscriber = Subscribe({.start = StreamStart::kToken, .resume_token = token});
    EXPECT_TRUE(subscriber->WaitForSequence(sequence, kPatience));
    return subscriber->history();
  }
};

TEST_F(RestartTest, KeepsIncidentsAndSequences) {
  Ingest("a", 50);
  Ingest("a", 25, 2);
  v1::ResolveRequest resolve;
  resolve.set_incident_id("a-7");
  resolve.set_actor("robin");
  resolve.set_note("it is over");
  ASSERT_OK(client().Resolve(resolve));
  const auto before = ListSequences();
  const auto resolved = client().Get("a-7");
  ASSERT_OK(resolved);

  ASSERT_NO_FATAL_FAILURE(Restart());

  EXPECT_EQ(ListSequences(), before);
  const auto kept = client().Get("a-7");
  ASSERT_OK(kept);
  EXPECT_EQ(kept->SerializeAsString(), resolved->SerializeAsString());
  // New events come after the old ones.
  EXPECT_GT(Ingest("b", 1), resolved->sequence());
}

TEST_F(RestartTest, RecognisesADuplicateAfterwards) {
  const uint64_t sequence = Ingest("a", 1);
  ASSERT_NO_FATAL_FAILURE(Restart());
  IngestSession session(hub_port());
  const auto receipts = session.Send({MakeDelivery("a-0", 1)});
  ASSERT_OK(receipts);
  EXPECT_TRUE(receipts->at(0).accepted().duplicate());
  EXPECT_EQ(receipts->at(0).accepted().sequence(), sequence);
}

TEST_F(RestartTest, TokensStayValid) {
  const uint64_t first = Ingest("a", 10);
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSequence(first, kPatience));
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  subscriber->Stop();
  const std::string token = subscriber->history().last_token;

  Ingest("a", 5, 2);
  ASSERT_NO_FATAL_FAILURE(Restart());
  const uint64_t last = Ingest("b", 5);

  // Only what was missed, and all of it: from before the restart and from after it.
  const StreamHistory history = ResumeUntil(token, last);
  EXPECT_EQ(history.reset_count, 0u);
  EXPECT_EQ(history.snapshot_end_count, 0u);
  const std::vector<RecordedEntry> entries = Entries(history);
  ASSERT_THAT(entries, SizeIs(10));
  EXPECT_EQ(entries.front().sequence, first + 1);
  EXPECT_EQ(entries.back().sequence, last);
  EXPECT_THAT(CheckOrdered(history), IsEmpty());
}

TEST_F(RestartTest, AnOpenSubscriptionGoesOnByItself) {
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  Ingest("a", 10);
  ASSERT_NO_FATAL_FAILURE(Restart());
  const uint64_t last = Ingest("a", 10, 2);
  ASSERT_TRUE(subscriber->WaitForSequence(last, kPatience));
  const StreamHistory history = subscriber->history();
  EXPECT_EQ(history.reset_count, 0u);
  EXPECT_EQ(history.draining_count, 1u);
  EXPECT_EQ(history.entry_count, 20u);
  EXPECT_THAT(CheckGuarantees(history, {{"a-9", last}}), IsEmpty());
}

TEST_F(RestartTest, ASnapshotThatWasCutOffGoesOnWhereItWas) {
  constexpr int kIncidents = 100;
  const uint64_t last = Ingest("large", kIncidents, 1, 30'000);
  // The first part of a snapshot of 3 MB.
  StreamHistory part;
  {
    const auto stub = v1::IncidentService::NewStub(ConnectToHub(hub_port()));
    grpc::ClientContext context;
    v1::SubscribeRequest request;
    request.mutable_snapshot();
    const auto reader = stub->Subscribe(&context, request);
    v1::SubscribeResponse response;
    part.streams.emplace_back();
    while (part.entry_count == 0 && reader->Read(&response)) part.Add(response);
    context.TryCancel();
    reader->Finish();
  }
  ASSERT_GT(part.entry_count, 0u);
  ASSERT_LT(part.entry_count, static_cast<size_t>(kIncidents));

  ASSERT_NO_FATAL_FAILURE(Restart());
  Ingest("large", 1, 2);

  const auto subscriber =
      Subscribe({.start = StreamStart::kToken, .resume_token = part.last_token});
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  ASSERT_TRUE(subscriber->WaitForSequence(last + 1, kPatience));
  const StreamHistory rest = subscriber->history();
  EXPECT_EQ(rest.reset_count, 0u);
  StreamHistory whole = part;
  whole.streams.insert(whole.streams.end(), rest.streams.begin(), rest.streams.end());
  EXPECT_THAT(CheckGuarantees(whole, {{"large-99", last}, {"large-0", last + 1}}), IsEmpty());
  EXPECT_EQ(part.entry_count + rest.entry_count, static_cast<size_t>(kIncidents) + 1);
  EXPECT_EQ(rest.snapshot_end_count, 1u);
}

TEST_F(RestartTest, AWipedDirectoryMeansResetAndSnapshot) {
  Ingest("lost", 5);
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSequence(5, kPatience));
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  hub().Kill();
  std::filesystem::remove_all(data_dir());
  ASSERT_NO_FATAL_FAILURE(StartHub());
  const uint64_t last = Ingest("new", 3);

  ASSERT_TRUE(subscriber->WaitFor(
      [last](const StreamHistory& history) {
        return history.reset_count == 1 && history.snapshot_end_count == 2 &&
               history.last_sequence >= last;
      },
      kPatience));
  const StreamHistory history = subscriber->history();
  const std::vector<RecordedMessage>& messages = history.streams.back().messages;
  ASSERT_GE(messages.size(), 2u);
  EXPECT_EQ(messages[0].kind, Kind::kOpened);
  EXPECT_EQ(messages[1].kind, Kind::kReset);
  EXPECT_THAT(CheckFramed(history), IsEmpty());
  EXPECT_THAT(CheckDurable(history, {{"new-0", 1}, {"new-1", 2}, {"new-2", 3}}), IsEmpty());
  EXPECT_EQ(Entries(history).size(), 5u + 3u);
}

}  // namespace
}  // namespace incidenthub::testing
