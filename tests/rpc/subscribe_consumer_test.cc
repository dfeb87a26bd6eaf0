#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/consumer_stream.h"
#include "server/server.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::AsConsumer;
using testing::At;
using testing::Commit;
using testing::Commits;
using testing::ConnectToHub;
using testing::DeleteConsumer;
using testing::DeliveryBuilder;
using testing::FromNowAsConsumer;
using testing::FromTokenAsConsumer;
using testing::HasCode;
using testing::HasReason;
using testing::IngestCall;
using testing::RpcTest;
using testing::SnapshotAsConsumer;
using testing::SubscribeCall;
using testing::TempDir;
using testing::WaitUntil;
using v1::SubscribeRequest;
using v1::SubscribeResponse;

std::vector<Sequence> SequencesOf(const std::vector<v1::Entry>& entries) {
  std::vector<Sequence> sequences;
  for (const v1::Entry& entry : entries) sequences.push_back(entry.event().sequence());
  return sequences;
}

// What a stream brings up to `last`, after its `opened`; a position in a snapshot is still followed
// by that snapshot's end.
std::vector<Sequence> ReadUntil(SubscribeCall* call, Sequence last) {
  std::vector<Sequence> sequences;
  SubscribeResponse response;
  while ((sequences.empty() || sequences.back() < last) && call->TryRead(&response)) {
    EXPECT_FALSE(response.has_reset());
    for (const v1::Entry& entry : response.batch().entries()) {
      sequences.push_back(entry.event().sequence());
    }
  }
  return sequences;
}

class SubscribeConsumerTest : public RpcTest {
 protected:
  SubscribeConsumerTest() = default;
  explicit SubscribeConsumerTest(const Options& options) : RpcTest(options) {}

  absl::Status Refusal(const SubscribeRequest& request) {
    SubscribeCall call(stub_.get(), request);
    return call.Finish();
  }
  // What a stream of this request begins with, up to `last`.
  std::vector<Sequence> Begin(const SubscribeRequest& request, Sequence last) {
    SubscribeCall call(stub_.get(), request);
    call.ReadKind(SubscribeResponse::kOpened);
    return ReadUntil(&call, last);
  }
  // The newest token of a stream that has read up to `last`; committed.
  std::string CommitUpTo(const SubscribeRequest& request, Sequence last) {
    SubscribeCall call(stub_.get(), request);
    call.ReadKind(SubscribeResponse::kOpened);
    call.ReadUntil(last);
    EXPECT_TRUE(Commits(consumer_stub_.get(), request.consumer(), call.token()));
    return call.token();
  }

  const std::unique_ptr<v1::ConsumerService::Stub> consumer_stub_ = NewConsumerStub();
};

using Sequences = std::vector<Sequence>;

TEST_F(SubscribeConsumerTest, WithoutAStartItGoesOnWhereItWasCommitted) {
  for (int i = 0; i < 3; ++i) Ingest("a", i);
  EXPECT_EQ(Begin(AsConsumer("pager"), 3), (Sequences{3})) << "nothing is committed: a snapshot";
  Ingest("a", 3);
  CommitUpTo(AsConsumer("pager"), 4);
  for (int i = 4; i < 8; ++i) Ingest("a", i);
  EXPECT_EQ(Begin(AsConsumer("pager"), 8), (Sequences{5, 6, 7, 8}));
  EXPECT_EQ(Begin(AsConsumer("pager"), 8), (Sequences{5, 6, 7, 8})) << "until it is committed";
  EXPECT_EQ(Begin(AsConsumer("chat"), 8), (Sequences{8})) << "another one has its own";
}

TEST_F(SubscribeConsumerTest, ASnapshotThatWasCommittedHalfWayGoesOnThere) {
  constexpr int kIncidents = 60;
  for (int i = 0; i < kIncidents; ++i) Ingest(absl::StrCat("i-", i), 0, 50'000);
  Sequence committed = 0;
  {
    SubscribeCall call(stub_.get(), AsConsumer("pager"));
    call.ReadKind(SubscribeResponse::kOpened);
    const auto first = call.ReadKind(SubscribeResponse::kBatch);
    committed = first.batch().entries().rbegin()->event().sequence();
    EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", first.resume_token()));
  }
  ASSERT_LT(committed, Sequence{kIncidents});
  EXPECT_EQ(Begin(AsConsumer("pager"), kIncidents).front(), committed + 1);
}

TEST_F(SubscribeConsumerTest, AnExplicitStartOverridesThePosition) {
  for (int i = 0; i < 6; ++i) Ingest("a", i);
  SubscribeCall early(stub_.get(), FromNowAsConsumer("early"));
  const std::string at_6 = early.ReadKind(SubscribeResponse::kOpened).resume_token();
  for (int i = 6; i < 10; ++i) Ingest("a", i);
  CommitUpTo(AsConsumer("pager"), 10);

  EXPECT_EQ(Begin(FromTokenAsConsumer("pager", at_6), 10), (Sequences{7, 8, 9, 10}));
  EXPECT_EQ(Begin(AsConsumer("pager"), 10), (Sequences{7, 8, 9, 10})) << "durably";

  {
    SubscribeCall call(stub_.get(), FromNowAsConsumer("pager"));
    EXPECT_EQ(call.ReadKind(SubscribeResponse::kOpened).opened().head_sequence(), 10U);
  }
  Ingest("a", 10);
  EXPECT_EQ(Begin(AsConsumer("pager"), 11), (Sequences{11})) << "durably";

  CommitUpTo(AsConsumer("pager"), 11);
  EXPECT_EQ(Begin(SnapshotAsConsumer("pager"), 11), (Sequences{11}));
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
}

TEST_F(SubscribeConsumerTest, AReconnectCommitsNothing) {
  for (int i = 0; i < 4; ++i) Ingest("a", i);
  CommitUpTo(AsConsumer("pager"), 4);
  for (int i = 4; i < 7; ++i) Ingest("a", i);
  std::string at_7;
  {
    SubscribeCall call(stub_.get(), AsConsumer("pager"));
    call.ReadKind(SubscribeResponse::kOpened);
    ReadUntil(&call, 7);
    at_7 = call.token();
  }
  Ingest("a", 7);
  EXPECT_EQ(Begin(FromTokenAsConsumer("pager", at_7), 8), (Sequences{8}));
  EXPECT_EQ(Begin(AsConsumer("pager"), 8), (Sequences{5, 6, 7, 8}))
      << "what it had received, but not committed, comes again to who starts anew";
}

TEST_F(SubscribeConsumerTest, CommitsOfAnOlderStreamChangeNothing) {
  for (int i = 0; i < 4; ++i) Ingest("a", i);
  std::string older;
  {
    SubscribeCall call(stub_.get(), AsConsumer("pager"));
    call.ReadKind(SubscribeResponse::kOpened);
    call.ReadUntil(4);
    older = call.token();
  }
  SubscribeCall newer(stub_.get(), SnapshotAsConsumer("pager"));
  newer.ReadSnapshot();
  EXPECT_FALSE(Commits(consumer_stub_.get(), "pager", older));
  EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", newer.token()));
  EXPECT_FALSE(Commits(consumer_stub_.get(), "pager", newer.token())) << "it is there already";
}

TEST_F(SubscribeConsumerTest, ThePositionBelongsToItsMatchers) {
  Ingest("a");
  SubscribeRequest request = AsConsumer("pager");
  request.add_matchers("state=open");
  CommitUpTo(request, 1);
  const absl::Status status = Refusal(AsConsumer("pager"));
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("RESUME_TOKEN_OTHER_MATCHERS"));
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("consumer"), ::testing::HasSubstr("snapshot"),
                               ::testing::HasSubstr("delete")));
  Ingest("a", 1);
  EXPECT_EQ(Begin(request, 2), (Sequences{2})) << "and stays where it was";
  EXPECT_EQ(Begin(SnapshotAsConsumer("pager"), 2), (Sequences{2}));
  EXPECT_EQ(Begin(AsConsumer("pager"), 2), (Sequences{2}));
}

TEST_F(SubscribeConsumerTest, FromNowWithMatchersTellsWhatEntersAndLeavesFromThere) {
  Ingest("a");
  SubscribeRequest request = FromNowAsConsumer("pager");
  request.add_matchers("state=resolved");
  SubscribeCall call(stub_.get(), request);
  call.ReadKind(SubscribeResponse::kOpened);
  Ingest("a", 1);
  Ingest(DeliveryBuilder("a").UpdateTime(At(2)).Inactive().Build());
  const auto entries = call.ReadUntil(3);
  ASSERT_EQ(entries.size(), 1U) << "an incident that never matched does not leave";
  EXPECT_EQ(entries[0].membership(), v1::MEMBERSHIP_ENTERED);
}

TEST_F(SubscribeConsumerTest, ANewerStreamEndsTheOlderWithTheReason) {
  SubscribeRequest request = AsConsumer("pager");
  request.set_client("first");
  SubscribeCall older(stub_.get(), request);
  older.ReadSnapshot();
  request.set_client("second");
  const auto other_stub = NewStub();
  SubscribeCall newer(other_stub.get(), request);
  newer.ReadSnapshot();
  Ingest("a");
  EXPECT_EQ(SequencesOf(newer.ReadUntil(1)), (Sequences{1}));
  const absl::Status status = older.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kAborted));
  EXPECT_THAT(status, HasReason("SUBSCRIPTION_TAKEN_OVER"));
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("\"second\""),
                               ::testing::HasSubstr("127.0.0.1"), ::testing::HasSubstr("Z;")));
  EXPECT_EQ(live_.takeovers(), 1U);
}

TEST_F(SubscribeConsumerTest, TheOlderGetsNothingAfterTheNewersOpened) {
  constexpr int kRounds = 20;
  auto older = std::make_unique<SubscribeCall>(stub_.get(), AsConsumer("pager"));
  older->ReadSnapshot();
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      for (int i = 0; !stop; ++i) Ingest(absl::StrCat("r-", round), i);
    });
    auto newer = std::make_unique<SubscribeCall>(stub_.get(), AsConsumer("pager"));
    const Sequence head = newer->ReadKind(SubscribeResponse::kOpened).opened().head_sequence();
    EXPECT_TRUE(WaitUntil([&] { return ring_.head() > head + 20; }, absl::Seconds(30)));
    stop = true;
    writer.join();
    Sequence last = 0;
    SubscribeResponse response;
    while (older->TryRead(&response)) {
      for (const auto& entry : response.batch().entries()) last = entry.event().sequence();
    }
    EXPECT_LE(last, head) << "it goes no further than what there was at `opened`";
    EXPECT_THAT(older->Finish(), HasReason("SUBSCRIPTION_TAKEN_OVER"));
    older = std::move(newer);
  }
}

TEST_F(SubscribeConsumerTest, FightingClientsLeaveExactlyOneLive) {
  constexpr int kClients = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> clients;
  std::atomic<int> taken_over{0};
  std::vector<std::unique_ptr<v1::IncidentService::Stub>> stubs;
  for (int c = 0; c < kClients; ++c) stubs.push_back(NewStub());
  std::vector<std::unique_ptr<SubscribeCall>> last(kClients);
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      for (int round = 0; round < kRounds; ++round) {
        last[static_cast<size_t>(c)] = std::make_unique<SubscribeCall>(
            stubs[static_cast<size_t>(c)].get(), AsConsumer("pager"));
        // Some leave before they are open. In the last round all know how they began.
        if (round % 2 == 1) continue;
        SubscribeResponse response;
        static_cast<void>(last[static_cast<size_t>(c)]->TryRead(&response));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(WaitUntil([this] { return open_streams_ == 1; }, absl::Seconds(30)));
  const Sequence sequence = Ingest("a");
  for (const auto& call : last) {
    SubscribeResponse response;
    bool got = false;
    while (!got && call->TryRead(&response)) {
      for (const auto& entry : response.batch().entries()) {
        got = got || entry.event().sequence() == sequence;
      }
    }
    if (got) continue;
    ++taken_over;
    EXPECT_THAT(call->Finish(), HasReason("SUBSCRIPTION_TAKEN_OVER"));
  }
  EXPECT_EQ(taken_over, kClients - 1);
  EXPECT_EQ(open_streams_, 1U);
}

TEST_F(SubscribeConsumerTest, DeletingAConsumerEndsItsStream) {
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
  EXPECT_OK(DeleteConsumer(consumer_stub_.get(), "pager"));
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kAborted));
  EXPECT_THAT(status, HasReason("SUBSCRIPTION_TAKEN_OVER"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("deleted"));
  EXPECT_EQ(live_.takeovers(), 0U);
  EXPECT_THAT(Commit(consumer_stub_.get(), "pager", call.token()), HasReason("CONSUMER_NOT_FOUND"));
}

TEST_F(SubscribeConsumerTest, ABadNameIsRefused) {
  for (const std::string& name :
       {std::string("with space"), std::string("ü"), std::string(129, 'a'), std::string("a\n")}) {
    const absl::Status status = Refusal(AsConsumer(name));
    EXPECT_THAT(status, HasReason("FIELD_INVALID")) << name;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("consumer"));
  }
  SubscribeCall call(stub_.get(), AsConsumer(absl::StrCat("Az09-._/", std::string(120, 'a'))));
  call.ReadSnapshot();
}

TEST_F(SubscribeConsumerTest, WithoutDiskForItNoneBeginsAndOthersGoOn) {
  free_bytes_ = 0;
  const absl::Status status = Refusal(AsConsumer("pager"));
  EXPECT_THAT(status, HasReason("DISK_FULL"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  SubscribeCall call(stub_.get(), SubscribeRequest());
  call.ReadSnapshot();
  free_bytes_ = uint64_t{1} << 40U;
  SubscribeCall consumer(stub_.get(), AsConsumer("pager"));
  consumer.ReadSnapshot();
}

class SubscribeFewConsumersTest : public SubscribeConsumerTest {
 protected:
  SubscribeFewConsumersTest() : SubscribeConsumerTest({.max_consumers = 1}) {}
};

TEST_F(SubscribeFewConsumersTest, PastTheirBoundNoMoreAreMade) {
  Begin(AsConsumer("pager"), Ingest("a"));
  EXPECT_THAT(Refusal(AsConsumer("chat")), HasReason("TOO_MANY_CONSUMERS"));
  SubscribeCall again(stub_.get(), AsConsumer("pager"));
  again.ReadSnapshot();
}

// A hub that is stopped, started again, and may lose its data.
class ConsumerRestartTest : public ::testing::Test {
 protected:
  ~ConsumerRestartTest() override { Stop(); }

  void Start() {
    HubOptions options;
    options.listen = "127.0.0.1:0";
    options.data_dir = dir_ / "data";
    options.ring_bytes = uint64_t{1} << 20U;
    options.max_streams = 10;
    auto server = Server::Start(options, [](const absl::Status&) {});
    ASSERT_OK(server);
    server_ = *std::move(server);
    stub_ = v1::IncidentService::NewStub(ConnectToHub(server_->port()));
    consumer_stub_ = v1::ConsumerService::NewStub(ConnectToHub(server_->port()));
  }
  void Stop() {
    if (server_ == nullptr) return;
    stub_.reset();
    consumer_stub_.reset();
    EXPECT_TRUE(server_->Shutdown(absl::Seconds(20)));
    server_.reset();
  }
  void Ingest(int from, int to) {
    const auto stub = v1::IngestService::NewStub(ConnectToHub(server_->port()));
    IngestCall call(stub.get());
    for (int i = from; i <= to; ++i) {
      ASSERT_TRUE(call.Write({DeliveryBuilder("a").UpdateTime(At(i)).Build()}));
    }
    ASSERT_EQ(call.Read(static_cast<size_t>(to - from + 1)).size(),
              static_cast<size_t>(to - from + 1));
  }

  const TempDir dir_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::IncidentService::Stub> stub_;
  std::unique_ptr<v1::ConsumerService::Stub> consumer_stub_;
};

TEST_F(ConsumerRestartTest, ItGoesOnExactlyAfterTheCommitAlsoAfterRestarts) {
  Start();
  Ingest(1, 3);
  std::string token;
  {
    SubscribeCall call(stub_.get(), AsConsumer("pager"));
    call.ReadSnapshot();
    token = call.token();
  }
  Stop();
  Start();
  EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", token)) << "its stream is still the newest";
  Ingest(4, 6);
  Stop();
  Start();
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(SequencesOf(call.ReadUntil(6)), (Sequences{4, 5, 6}));
}

TEST_F(ConsumerRestartTest, AResetForgetsThePositionFirst) {
  Start();
  Ingest(1, 5);
  std::string token;
  {
    SubscribeCall call(stub_.get(), AsConsumer("pager"));
    call.ReadSnapshot();
    token = call.token();
  }
  Stop();
  std::filesystem::remove_all(dir_ / "data");
  Start();
  Ingest(1, 2);
  {
    SubscribeCall call(stub_.get(), FromTokenAsConsumer("pager", token));
    call.ReadKind(SubscribeResponse::kOpened);
    EXPECT_FALSE(Commits(consumer_stub_.get(), "pager", token)) << "it is of another log";
    call.ReadKind(SubscribeResponse::kReset);
    EXPECT_FALSE(Commits(consumer_stub_.get(), "pager", token));
    EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", call.token()));
    call.ReadUntil(2);
    EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", call.token()))
        << "though it is below where it was";
  }
  Ingest(3, 3);
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(ReadUntil(&call, 3), (Sequences{3})) << "and no reset";
}

TEST_F(ConsumerRestartTest, AStopEndsStreamsOfConsumers) {
  Start();
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
  std::thread stop([this] { EXPECT_TRUE(server_->Shutdown(absl::Seconds(20))); });
  call.ReadKind(SubscribeResponse::kDraining);
  EXPECT_THAT(call.Finish(), HasReason("SHUTTING_DOWN"));
  stop.join();
  server_.reset();
}

}  // namespace
}  // namespace incidenthub
