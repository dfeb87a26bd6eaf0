// Consumers whose position is older than what retention has left.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/consumers.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/retention_fixture.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::AsConsumer;
using testing::At;
using testing::Commits;
using testing::DeliveryBuilder;
using testing::DroppingHubTest;
using ::testing::HasSubstr;
using testing::IngestCall;
using testing::SubscribeCall;
using testing::WaitUntil;
using v1::SubscribeResponse;
using Token = internal::v1::ResumeToken;

constexpr char kPager[] = "pager";

// While it lives, nobody else reads the store.
class ReadsHeldUp {
 public:
  explicit ReadsHeldUp(ReadPool* pool) {
    constexpr int kThreads = 2;
    for (int i = 0; i < kThreads; ++i) {
      pool->Post([gate = gate_] { gate->WaitForNotification(); });
    }
  }
  ~ReadsHeldUp() { gate_->Notify(); }
  ReadsHeldUp(const ReadsHeldUp&) = delete;
  ReadsHeldUp& operator=(const ReadsHeldUp&) = delete;

 private:
  const std::shared_ptr<absl::Notification> gate_ = std::make_shared<absl::Notification>();
};

class ConsumerRetentionTest : public DroppingHubTest {
 protected:
  bool CommitsToken(const std::string& token) {
    return Commits(consumer_stub_.get(), kPager, token);
  }
  // Follows all that there is, and commits it; returns the token.
  std::string FollowAndCommit() {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadSnapshot();
    EXPECT_TRUE(CommitsToken(call.token()));
    return call.token();
  }
  // As a hub that starts finds it on disk.
  internal::v1::ConsumerRecord Stored() {
    Consumers stored(
        database_.get(), [] { return absl::OkStatus(); }, [](const absl::Status&) {});
    EXPECT_OK(stored.Load());
    const std::vector<NamedConsumer> consumers = stored.List("", 1);
    EXPECT_EQ(consumers.size(), 1U);
    return consumers.empty() ? internal::v1::ConsumerRecord() : consumers[0].record;
  }
  // What a stream, after its `opened`, brings up to `last`, in nothing but batches.
  static std::vector<Sequence> SequencesUntil(SubscribeCall* call, Sequence last) {
    std::vector<Sequence> sequences;
    for (const v1::Entry& entry : call->ReadUntil(last)) {
      sequences.push_back(entry.event().sequence());
    }
    return sequences;
  }
  // Of the consumer's stream that was number `stream`: it says reset, and brings "b", at `last`,
  // the only incident that is left. `older` are tokens from before. In the end everything is
  // committed.
  void ExpectReset(SubscribeCall* call, uint64_t stream, const std::vector<std::string>& older,
                   Sequence last) {
    EXPECT_THAT(call->ReadKind(SubscribeResponse::kReset).reset().reason(),
                HasSubstr("dropped so long ago"));
    EXPECT_FALSE(Stored().has_position());
    EXPECT_GT(Stored().stream(), stream) << "it is no new stream";
    for (const std::string& token : older) EXPECT_FALSE(CommitsToken(token));
    EXPECT_FALSE(Stored().has_position()) << "a token from before the reset moved it";
    EXPECT_TRUE(CommitsToken(call->token())) << "though it is at the very beginning";
    EXPECT_EQ(SequencesUntil(call, last), (std::vector<Sequence>{last}));
    call->ReadKind(SubscribeResponse::kSnapshotEnd);
    EXPECT_TRUE(CommitsToken(call->token()));
    for (const std::string& token : older) EXPECT_FALSE(CommitsToken(token));
    EXPECT_EQ(Stored().position().phase(), Token::PHASE_EVENTS);
  }
  // A stream that begins now gets the event that follows, and nothing before it.
  void ExpectToGoOnWithTheNextEvent() {
    const Sequence next = Ingest("b", 1000);
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadKind(SubscribeResponse::kOpened);
    EXPECT_EQ(SequencesUntil(&call, next), (std::vector<Sequence>{next}));
  }

  const std::unique_ptr<v1::ConsumerService::Stub> consumer_stub_ = NewConsumerStub();
};

TEST_F(ConsumerRetentionTest, APositionBelowTheFloorIsCompactedAndCommitsMoveOnFromThere) {
  Ingest("a");
  FollowAndCommit();
  for (int update = 1; update <= 3; ++update) Ingest("a", update);
  Ingest("b");
  DropEvents();
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    EXPECT_EQ(call.ReadKind(SubscribeResponse::kOpened).opened().floor_sequence(), 4U);
    const auto compacted = call.ReadKind(SubscribeResponse::kCompacted).compacted();
    EXPECT_EQ(compacted.from_sequence(), 2U);
    EXPECT_EQ(compacted.to_sequence(), 5U);
    EXPECT_FALSE(CommitsToken(call.token())) << "nothing has come with it yet";
    EXPECT_EQ(Stored().position().position(), 1U);
    EXPECT_EQ(SequencesUntil(&call, 5), (std::vector<Sequence>{4, 5}));
    EXPECT_TRUE(CommitsToken(call.token()));
    EXPECT_EQ(Stored().position().position(), 5U);
    call.ReadKind(SubscribeResponse::kSnapshotEnd);
    EXPECT_TRUE(CommitsToken(call.token()));
    EXPECT_EQ(Stored().position().phase(), Token::PHASE_EVENTS);
  }
  ExpectToGoOnWithTheNextEvent();
}

TEST_F(ConsumerRetentionTest, ACompactedCatchUpThatWasCommittedHalfWayGoesOnThere) {
  constexpr int kIncidents = 60;
  for (int i = 0; i < kIncidents; ++i) Ingest(absl::StrCat("i-", i));
  FollowAndCommit();
  // Several batches of them.
  for (int i = 0; i < kIncidents; ++i) Ingest(absl::StrCat("i-", i), 1, 50'000);
  DropEvents();
  Sequence committed = 0;
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadKind(SubscribeResponse::kOpened);
    EXPECT_EQ(call.ReadKind(SubscribeResponse::kCompacted).compacted().from_sequence(), 61U);
    const auto first = call.ReadKind(SubscribeResponse::kBatch);
    committed = first.batch().entries().rbegin()->event().sequence();
    EXPECT_TRUE(CommitsToken(first.resume_token()));
  }
  ASSERT_LT(committed, Sequence{2 * kIncidents});
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadKind(SubscribeResponse::kOpened);
    const std::vector<Sequence> rest = SequencesUntil(&call, 2 * kIncidents);
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.front(), committed + 1);
    EXPECT_EQ(rest.size(), 2 * kIncidents - committed);
    call.ReadKind(SubscribeResponse::kSnapshotEnd);
    EXPECT_TRUE(CommitsToken(call.token()));
  }
  ExpectToGoOnWithTheNextEvent();
}

TEST_F(ConsumerRetentionTest, APositionFromBeforeAForgottenTombstoneIsReset) {
  Ingest("a");
  Ingest("b");
  const std::string committed = FollowAndCommit();
  Ingest(DeliveryBuilder("a").UpdateTime(At(1)).Inactive().Build());
  PurgeResolved();
  ForgetTombstones();
  ASSERT_GT(store_->forgotten(), 2U);
  const uint64_t older_stream = Stored().stream();
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    const std::string opened = call.ReadKind(SubscribeResponse::kOpened).resume_token();
    ExpectReset(&call, older_stream + 1, {committed, opened}, 2);
  }
  ExpectToGoOnWithTheNextEvent();
}

TEST_F(ConsumerRetentionTest, AStreamThatIsResetInItsMiddleForgetsThePosition) {
  Ingest("a");
  Ingest("b");
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadSnapshot();
    const std::string followed = call.token();
    EXPECT_TRUE(CommitsToken(followed));
    const uint64_t stream = Stored().stream();
    {
      const ReadsHeldUp held(read_pool_.get());
      // Two at once, of which the ring has room for one: the stream must ask the store.
      IngestCall ingest(ingest_stub_.get());
      ASSERT_TRUE(ingest.Write({DeliveryBuilder("a").UpdateTime(At(1)).Inactive().Build(),
                                DeliveryBuilder("b").UpdateTime(At(1)).Build()}));
      ASSERT_EQ(ingest.Read(2).size(), 2U);
      ASSERT_TRUE(WaitUntil([this] { return ring_.head() == 4; }, absl::Seconds(30)));
      PurgeResolved();
      ForgetTombstones();
      ASSERT_EQ(store_->forgotten(), 5U);
      EXPECT_EQ(Stored().position().position(), 2U);
    }
    ExpectReset(&call, stream, {followed}, 4);
  }
  ExpectToGoOnWithTheNextEvent();
}

TEST_F(ConsumerRetentionTest, AResetThatNothingWasCommittedAfterBeginsAnewWithASnapshot) {
  Ingest("a");
  Ingest("b");
  FollowAndCommit();
  Ingest(DeliveryBuilder("a").UpdateTime(At(1)).Inactive().Build());
  PurgeResolved();
  ForgetTombstones();
  {
    SubscribeCall call(stub_.get(), AsConsumer(kPager));
    call.ReadKind(SubscribeResponse::kOpened);
    call.ReadKind(SubscribeResponse::kReset);
  }
  SubscribeCall call(stub_.get(), AsConsumer(kPager));
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(SequencesUntil(&call, 2), (std::vector<Sequence>{2}));
  call.ReadKind(SubscribeResponse::kSnapshotEnd);
}

}  // namespace
}  // namespace incidenthub
