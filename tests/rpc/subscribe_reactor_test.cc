#include "server/rpc/subscribe_reactor.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::HasCode;
using testing::HasReason;
using testing::RpcTest;
using testing::SubscribeCall;
using testing::WaitUntil;
using v1::SubscribeRequest;
using v1::SubscribeResponse;

SubscribeRequest Snapshot(int heartbeat_seconds = 0) {
  SubscribeRequest request;
  request.mutable_snapshot();
  if (heartbeat_seconds > 0) request.mutable_heartbeat_interval()->set_seconds(heartbeat_seconds);
  return request;
}
SubscribeRequest FromNow() {
  SubscribeRequest request;
  request.mutable_from_now();
  return request;
}
SubscribeRequest From(const std::string& token) {
  SubscribeRequest request;
  request.set_resume_token(token);
  return request;
}
std::vector<Sequence> SequencesOf(const std::vector<v1::Entry>& entries) {
  std::vector<Sequence> sequences;
  for (const v1::Entry& entry : entries) sequences.push_back(entry.event().sequence());
  return sequences;
}

class SubscribeTest : public RpcTest {
 protected:
  SubscribeTest() = default;
  explicit SubscribeTest(const Options& options) : RpcTest(options) {}

  // How a stream that is refused ends.
  absl::Status Refusal(const SubscribeRequest& request) {
    SubscribeCall call(stub_.get(), request);
    return call.Finish();
  }
};

TEST_F(SubscribeTest, OpensSnapshotsAndFollows) {
  Ingest("a");
  Ingest("b");
  Ingest("a", 1);
  SubscribeCall call(stub_.get(), SubscribeRequest());
  const auto opened = call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(opened.opened().head_sequence(), 3U);
  EXPECT_EQ(opened.opened().heartbeat_interval().seconds(), 10);
  EXPECT_EQ(opened.head_sequence(), 3U);
  EXPECT_FALSE(opened.resume_token().empty());
  EXPECT_EQ(SequencesOf(call.ReadUntil(3)), (std::vector<Sequence>{2, 3}));
  EXPECT_EQ(call.ReadKind(SubscribeResponse::kSnapshotEnd).snapshot_end().sequence(), 3U);

  Ingest("c");
  const auto live = call.ReadKind(SubscribeResponse::kBatch);
  ASSERT_EQ(live.batch().entries_size(), 1);
  EXPECT_EQ(live.batch().entries(0).membership(), v1::MEMBERSHIP_ENTERED);
  EXPECT_EQ(live.batch().entries(0).event().incident().id(), "c");
  EXPECT_EQ(live.head_sequence(), 4U);
  EXPECT_FALSE(live.resume_token().empty());
}

TEST_F(SubscribeTest, ResumesAfterAnyTokenWithoutLossOrRepetition) {
  for (int i = 0; i < 3; ++i) Ingest("a", i);
  std::vector<std::string> tokens;
  {
    SubscribeCall call(stub_.get(), FromNow());
    tokens.push_back(call.ReadKind(SubscribeResponse::kOpened).resume_token());
    for (int i = 3; i < 6; ++i) {
      const Sequence sequence = Ingest("a", i);
      call.ReadUntil(sequence);
      tokens.push_back(call.token());
    }
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    SubscribeCall call(stub_.get(), From(tokens[i]));
    call.ReadKind(SubscribeResponse::kOpened);
    std::vector<Sequence> expected;
    for (Sequence sequence = 4 + i; sequence <= 6; ++sequence) expected.push_back(sequence);
    if (!expected.empty()) {
      EXPECT_EQ(SequencesOf(call.ReadUntil(6)), expected);
    }
  }
}

TEST_F(SubscribeTest, AnIdleStreamShowsThatItLivesAtItsInterval) {
  Ingest("a");
  SubscribeCall call(stub_.get(), Snapshot(1));
  EXPECT_EQ(call.ReadKind(SubscribeResponse::kOpened).opened().heartbeat_interval().seconds(), 1);
  call.ReadUntil(1);
  call.ReadKind(SubscribeResponse::kSnapshotEnd);
  absl::Time last = absl::Now();
  for (int i = 0; i < 2; ++i) {
    const auto heartbeat = call.Read();
    ASSERT_TRUE(heartbeat.has_heartbeat()) << heartbeat.ShortDebugString();
    EXPECT_EQ(heartbeat.head_sequence(), 1U);
    EXPECT_GE(absl::Now() - last, absl::Milliseconds(900));
    EXPECT_LE(absl::Now() - last, absl::Seconds(5));
    last = absl::Now();
  }
  const std::string token = call.token();
  Ingest("b");
  SubscribeCall resumed(stub_.get(), From(token));
  resumed.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(SequencesOf(resumed.ReadUntil(2)), (std::vector<Sequence>{2}))
      << "a heartbeat is a bookmark";
}

TEST_F(SubscribeTest, NothingIsSentBeforeItIsAppended) {
  SubscribeCall call(stub_.get(), Snapshot(1));
  call.ReadSnapshot();
  log_->CloseGate();
  CommandGroup group;
  group.commands.emplace_back(DeliveryBuilder("a").Build());
  group.done = [](std::vector<Outcome>) {};
  ASSERT_OK(sequencer_->Submit(std::move(group)));
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  for (int i = 0; i < 2; ++i) {
    const auto response = call.Read();
    EXPECT_TRUE(response.has_heartbeat()) << response.ShortDebugString();
    EXPECT_EQ(response.head_sequence(), 0U);
  }
  log_->OpenGate();
  EXPECT_EQ(SequencesOf(call.ReadUntil(1)), (std::vector<Sequence>{1}));
}

TEST_F(SubscribeTest, AStreamThatIsCancelledGivesItsPlaceBack) {
  SubscribeCall call(stub_.get(), Snapshot());
  call.ReadSnapshot();
  EXPECT_EQ(open_streams_, 1U);
  EXPECT_EQ(broadcaster_->subscriber_count(), 1U);
  call.Cancel();
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_TRUE(AwaitNoOpenStreams());
  EXPECT_EQ(broadcaster_->subscriber_count(), 0U);
}

TEST_F(SubscribeTest, BadFieldsAreRefusedByName) {
  const auto with_heartbeat = [](int64_t seconds, int32_t nanos) {
    SubscribeRequest request;
    request.mutable_heartbeat_interval()->set_seconds(seconds);
    request.mutable_heartbeat_interval()->set_nanos(nanos);
    return request;
  };
  for (const auto& request :
       {with_heartbeat(0, 0), with_heartbeat(0, 999'999'999), with_heartbeat(60, 1),
        with_heartbeat(-5, 0), with_heartbeat(std::numeric_limits<int64_t>::max(), 0),
        with_heartbeat(std::numeric_limits<int64_t>::min(), -5)}) {
    const absl::Status status = Refusal(request);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(status, HasReason("FIELD_INVALID"));
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("heartbeat_interval"));
  }
  SubscribeRequest labelled;
  labelled.set_client(std::string(129, 'c'));
  EXPECT_THAT(Refusal(labelled), HasReason("FIELD_INVALID"));
  for (const std::string& token : {std::string("no token"), std::string(513, 'A'), std::string()}) {
    const absl::Status status = Refusal(From(token));
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(status, HasReason("RESUME_TOKEN_INVALID"));
  }
  EXPECT_TRUE(AwaitNoOpenStreams());
}

TEST_F(SubscribeTest, TheBoundsOfTheHeartbeatAreTaken) {
  for (const int seconds : {1, 60}) {
    SubscribeCall call(stub_.get(), Snapshot(seconds));
    EXPECT_EQ(call.ReadKind(SubscribeResponse::kOpened).opened().heartbeat_interval().seconds(),
              seconds);
  }
}

TEST_F(SubscribeTest, AHubThatStopsSaysSoLastAndWhenToComeBack) {
  Ingest("a");
  SubscribeCall call(stub_.get(), Snapshot());
  call.ReadSnapshot();
  broadcaster_->Drain();
  const auto draining = call.ReadKind(SubscribeResponse::kDraining);
  EXPECT_TRUE(draining.resume_token().empty());
  ASSERT_TRUE(draining.draining().has_reconnect_delay());
  const auto& delay = draining.draining().reconnect_delay();
  EXPECT_GE(delay.seconds(), 0);
  EXPECT_GE(delay.nanos(), 0);
  EXPECT_LE(absl::Seconds(delay.seconds()) + absl::Nanoseconds(delay.nanos()), absl::Seconds(10));
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReason("SHUTTING_DOWN"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());

  SubscribeCall late(stub_.get(), Snapshot());
  late.ReadKind(SubscribeResponse::kOpened);
  // It may have been sent something already when it is told.
  SubscribeResponse response = late.Read();
  while (response.has_batch() || response.has_snapshot_end()) response = late.Read();
  EXPECT_TRUE(response.has_draining()) << response.ShortDebugString();
  EXPECT_THAT(late.Finish(), HasReason("SHUTTING_DOWN"))
      << "so does a stream that is opened meanwhile";
}

TEST_F(SubscribeTest, ClientsOfAHubThatStopsAreSpread) {
  std::vector<std::unique_ptr<SubscribeCall>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(std::make_unique<SubscribeCall>(stub_.get(), Snapshot()));
    calls.back()->ReadSnapshot();
  }
  broadcaster_->Drain();
  std::vector<int64_t> delays;
  for (const auto& call : calls) {
    const auto delay = call->ReadKind(SubscribeResponse::kDraining).draining().reconnect_delay();
    const int64_t nanos = delay.seconds() * 1'000'000'000 + delay.nanos();
    EXPECT_THAT(delays, ::testing::Not(::testing::Contains(nanos)));
    delays.push_back(nanos);
  }
}

TEST_F(SubscribeTest, ABacklogTravelsInLargeMessagesAndALargeEventAlone) {
  constexpr size_t kMiB = size_t{1} << 20U;
  for (int i = 0; i < 100; ++i) Ingest(absl::StrCat("i-", i), 0, 30'000);
  Ingest("large", 0, 2 * kMiB);
  Ingest("last");
  SubscribeCall call(stub_.get(), Snapshot());
  call.ReadKind(SubscribeResponse::kOpened);
  std::vector<int> sizes;
  std::vector<Sequence> sequences;
  while (sequences.size() < 102) {
    const auto response = call.ReadKind(SubscribeResponse::kBatch);
    ASSERT_TRUE(response.has_batch());
    sizes.push_back(response.batch().entries_size());
    const bool alone = sizes.back() == 1;
    EXPECT_LE(response.ByteSizeLong(), alone ? 3 * kMiB : kMiB + 100'000);
    for (const auto& entry : response.batch().entries()) {
      sequences.push_back(entry.event().sequence());
    }
  }
  EXPECT_THAT(sizes, ::testing::ElementsAre(34, 34, 32, 1, 1));
  for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], i + 1);
}

class SubscribeFewStreamsTest : public SubscribeTest {
 protected:
  SubscribeFewStreamsTest() : SubscribeTest({.max_streams = 2}) {}
};

TEST_F(SubscribeFewStreamsTest, PastTheBoundStreamsAreRefusedUntilOneEnds) {
  SubscribeCall first(stub_.get(), Snapshot());
  first.ReadSnapshot();
  {
    SubscribeCall second(stub_.get(), Snapshot());
    second.ReadSnapshot();
    const absl::Status status = Refusal(Snapshot());
    EXPECT_THAT(status, HasCode(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(status, HasReason("TOO_MANY_STREAMS"));
    EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
    EXPECT_EQ(open_streams_, 2U);
  }
  ASSERT_TRUE(testing::WaitUntil([this] { return open_streams_ == 1; }, absl::Seconds(30)));
  SubscribeCall third(stub_.get(), Snapshot());
  third.ReadSnapshot();
}

TEST_F(SubscribeTest, AThousandStreamsOpenedAndDroppedLeaveNothingBehind) {
  Ingest("a");
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<SubscribeCall>> calls;
    for (int i = 0; i < 50; ++i) {
      calls.push_back(std::make_unique<SubscribeCall>(stub_.get(), Snapshot()));
      // Some are dropped before they are open, some in the middle.
      if (i % 3 == 1) calls.back()->ReadKind(SubscribeResponse::kOpened);
      if (i % 3 == 2) calls.back()->ReadSnapshot();
    }
    Ingest("a", round + 1);
    calls.clear();
    ASSERT_TRUE(AwaitNoOpenStreams());
  }
  EXPECT_EQ(broadcaster_->subscriber_count(), 0U);
  SubscribeCall call(stub_.get(), Snapshot());
  call.ReadSnapshot();
  const Sequence sequence = Ingest("b");
  EXPECT_EQ(SequencesOf(call.ReadUntil(sequence)), (std::vector<Sequence>{sequence}));
}

class SubscribeTinyRingTest : public SubscribeTest {
 protected:
  SubscribeTinyRingTest() : SubscribeTest({.ring_bytes = 100'000}) {}
};

TEST_F(SubscribeTinyRingTest, ASubscriberThatNeverReadsDelaysNobodyAndMissesNothing) {
  const auto slow_stub = NewStub();
  SubscribeCall slow(slow_stub.get(), FromNow());
  slow.ReadKind(SubscribeResponse::kOpened);
  SubscribeCall quick(stub_.get(), FromNow());
  quick.ReadKind(SubscribeResponse::kOpened);
  constexpr Sequence kEvents = 400;
  for (Sequence sequence = 1; sequence <= kEvents; ++sequence) {
    // 40 MB in all: more than any window and buffer between hub and client takes.
    ASSERT_EQ(Ingest("a", static_cast<int>(sequence), 100'000), sequence);
    ASSERT_EQ(SequencesOf(quick.ReadUntil(sequence)), (std::vector<Sequence>{sequence}));
  }
  EXPECT_LE(ring_.bytes(), 200'000U) << "it costs the ring nothing";
  const std::vector<Sequence> sequences = SequencesOf(slow.ReadUntil(kEvents));
  ASSERT_EQ(sequences.size(), kEvents);
  for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], i + 1);
}

TEST_F(SubscribeTinyRingTest, ManySubscribersFollowWhileEventsAreCommitted) {
  constexpr int kSubscribers = 20;
  constexpr Sequence kEvents = 300;
  std::vector<std::thread> threads;
  std::atomic<int> exact{0};
  for (int s = 0; s < kSubscribers; ++s) {
    threads.emplace_back([this, s, &exact] {
      const auto stub = NewStub();
      SubscribeCall call(stub.get(), Snapshot());
      call.ReadKind(SubscribeResponse::kOpened);
      Sequence last = 0;
      bool snapshot_ended = false;
      bool whole = true;
      while (last < kEvents && whole) {
        const auto response = call.Read();
        if (response.message_case() == SubscribeResponse::MESSAGE_NOT_SET) whole = false;
        if (response.has_snapshot_end()) snapshot_ended = true;
        for (const auto& entry : response.batch().entries()) {
          const Sequence sequence = entry.event().sequence();
          if (sequence <= last || (snapshot_ended && sequence != last + 1)) whole = false;
          last = sequence;
        }
        if (s % 2 == 1 && !snapshot_ended) continue;
      }
      if (whole) ++exact;
    });
  }
  for (Sequence sequence = 1; sequence <= kEvents; ++sequence) {
    Ingest(absl::StrCat("i-", sequence % 7), static_cast<int>(sequence), 3'000);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(exact, kSubscribers);
  EXPECT_TRUE(AwaitNoOpenStreams());
}

class SubscribeStuckTest : public SubscribeTest {
 protected:
  SubscribeStuckTest() : SubscribeTest({.stuck_write_timeout = absl::Milliseconds(200)}) {}
};

TEST_F(SubscribeStuckTest, AClientThatTakesNothingIsCancelledAndCanResume) {
  const auto slow_stub = NewStub();
  SubscribeCall slow(slow_stub.get(), FromNow());
  slow.ReadKind(SubscribeResponse::kOpened);
  const std::string token = slow.token();
  SubscribeCall quick(stub_.get(), FromNow());
  quick.ReadKind(SubscribeResponse::kOpened);
  constexpr Sequence kEvents = 400;
  for (Sequence sequence = 1; sequence <= kEvents; ++sequence) {
    // 40 MB in all: more than any window and buffer between hub and client takes.
    ASSERT_EQ(Ingest("a", static_cast<int>(sequence), 100'000), sequence);
    quick.ReadUntil(sequence);
  }
  EXPECT_TRUE(WaitUntil([this] { return stuck_writes_.load() == 1; }, absl::Seconds(30)));
  EXPECT_TRUE(WaitUntil([this] { return open_streams_.load() == 1; }, absl::Seconds(30)));
  EXPECT_THAT(slow.Finish(), HasCode(absl::StatusCode::kCancelled));

  SubscribeCall resumed(slow_stub.get(), From(token));
  resumed.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(resumed.ReadUntil(kEvents).size(), kEvents);
  EXPECT_EQ(stuck_writes_.load(), 1U) << "one that reads is not stuck";
}

class SubscribeRotationTest : public SubscribeTest {
 protected:
  SubscribeRotationTest() : SubscribeTest({.max_stream_age = absl::Milliseconds(300)}) {}
};

TEST_F(SubscribeRotationTest, AnOldStreamIsEndedWithOkAndGoesOnWhereItWas) {
  const absl::Time opened = absl::Now();
  SubscribeCall call(stub_.get(), FromNow());
  call.ReadKind(SubscribeResponse::kOpened);
  Ingest("a");
  call.ReadUntil(1);
  const SubscribeResponse last = call.ReadKind(SubscribeResponse::kDraining);
  EXPECT_TRUE(last.draining().has_reconnect_delay());
  EXPECT_GE(absl::Now() - opened, absl::Milliseconds(270));
  EXPECT_OK(call.Finish());
  Ingest("b");
  SubscribeCall next(stub_.get(), From(call.token()));
  next.ReadKind(SubscribeResponse::kOpened);
  EXPECT_EQ(SequencesOf(next.ReadUntil(2)), (std::vector<Sequence>{2}));
}

}  // namespace
}  // namespace incidenthub
