#include "server/rpc/consumer_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::AsConsumer;
using testing::At;
using testing::Commit;
using testing::Commits;
using testing::DeleteConsumer;
using testing::HasCode;
using testing::HasReason;
using testing::ListConsumers;
using testing::RpcTest;
using testing::SubscribeCall;
using testing::TryListConsumers;
using testing::WaitUntil;
using v1::Consumer;
using v1::SubscribeResponse;

class ConsumerServiceTest : public RpcTest {
 protected:
  // Consumer `name`, connected and gone again, with everything up to `last` committed; 0: nothing.
  void Make(const std::string& name, Sequence last = 0) {
    SubscribeCall call(stub_.get(), AsConsumer(name));
    call.ReadKind(SubscribeResponse::kOpened);
    if (last == 0) return;
    call.ReadUntil(last);
    EXPECT_TRUE(Commits(consumer_stub_.get(), name, call.token()));
  }
  // The one and only consumer that is listed.
  Consumer Only() {
    const v1::ListConsumersResponse list = ListConsumers(consumer_stub_.get());
    EXPECT_EQ(list.consumers_size(), 1) << list.ShortDebugString();
    return list.consumers_size() == 1 ? list.consumers(0) : Consumer();
  }
  [[nodiscard]] bool AwaitState(Consumer::State state) {
    return WaitUntil([&] { return Only().state() == state; }, absl::Seconds(30));
  }

  const std::unique_ptr<v1::ConsumerService::Stub> consumer_stub_ = NewConsumerStub();
};

TEST_F(ConsumerServiceTest, ADisconnectedConsumerIsListedWithItsLag) {
  clock_.Set(absl::Now() - absl::Hours(3));
  Ingest("a");
  Ingest("b");
  Make("pager", 2);
  ASSERT_TRUE(AwaitNoOpenStreams());
  Consumer consumer = Only();
  EXPECT_EQ(consumer.name(), "pager");
  EXPECT_EQ(consumer.state(), Consumer::STATE_DISCONNECTED);
  EXPECT_EQ(consumer.position_sequence(), 2U);
  EXPECT_EQ(consumer.lag_events(), 0U);
  EXPECT_EQ(consumer.lag_seconds(), 0);
  EXPECT_TRUE(consumer.has_commit_time());
  EXPECT_TRUE(consumer.client().empty());
  EXPECT_FALSE(consumer.below_floor());

  clock_.Set(absl::Now() - absl::Hours(2));
  Ingest("a", 1);
  clock_.Set(absl::Now() - absl::Hours(1));
  Ingest("a", 2);
  floor_ = 3;
  consumer = Only();
  EXPECT_EQ(consumer.lag_events(), 2U);
  EXPECT_GE(consumer.lag_seconds(), absl::ToDoubleSeconds(absl::Hours(2)));
  EXPECT_LE(consumer.lag_seconds(), absl::ToDoubleSeconds(absl::Hours(2) + absl::Minutes(5)));
  EXPECT_TRUE(consumer.below_floor());
  const auto list = ListConsumers(consumer_stub_.get());
  EXPECT_EQ(list.head_sequence(), 4U);
  EXPECT_EQ(list.floor_sequence(), 3U);
}

TEST_F(ConsumerServiceTest, LiveStreamsAreListedAsTheyAre) {
  Ingest("a");
  v1::SubscribeRequest request = AsConsumer("pager");
  request.set_client("pager-7");
  request.add_matchers("state=open");
  SubscribeCall named(stub_.get(), request);
  named.ReadSnapshot();
  request.clear_consumer();
  request.set_client("dashboard");
  request.clear_matchers();
  SubscribeCall nameless(stub_.get(), request);
  nameless.ReadSnapshot();
  const auto both_live = [this] {
    const auto list = ListConsumers(consumer_stub_.get());
    return list.consumers_size() == 2 && list.consumers(0).state() == Consumer::STATE_LIVE &&
           list.consumers(1).state() == Consumer::STATE_LIVE;
  };
  ASSERT_TRUE(WaitUntil(both_live, absl::Seconds(30)));
  const auto list = ListConsumers(consumer_stub_.get());
  const Consumer& pager = list.consumers(0);
  EXPECT_EQ(pager.name(), "pager");
  EXPECT_EQ(pager.client(), "pager-7");
  EXPECT_THAT(pager.peer(), ::testing::HasSubstr("127.0.0.1"));
  EXPECT_THAT(pager.matchers(), ::testing::ElementsAre("state=\"open\""));
  EXPECT_EQ(pager.position_sequence(), 0U) << "nothing is committed";
  EXPECT_FALSE(pager.has_commit_time());
  EXPECT_EQ(pager.sent_sequence(), 1U);
  EXPECT_EQ(pager.lag_events(), 1U);
  const Consumer& dashboard = list.consumers(1);
  EXPECT_TRUE(dashboard.name().empty());
  EXPECT_EQ(dashboard.client(), "dashboard");
  EXPECT_EQ(dashboard.position_sequence(), 1U) << "what was sent counts";
  EXPECT_EQ(dashboard.lag_events(), 0U);
}

TEST_F(ConsumerServiceTest, AClientThatTakesNothingIsStalledUntilItReads) {
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
  ASSERT_TRUE(AwaitState(Consumer::STATE_LIVE));
  constexpr Sequence kEvents = 400;
  // 40 MB in all: more than any window and buffer between hub and client takes.
  for (Sequence i = 1; i <= kEvents; ++i) Ingest("a", static_cast<int>(i), 100'000);
  ASSERT_TRUE(AwaitState(Consumer::STATE_STALLED));
  EXPECT_LT(Only().sent_sequence(), kEvents);
  call.ReadUntil(kEvents);
  ASSERT_TRUE(AwaitState(Consumer::STATE_LIVE)) << "it reads again";
  EXPECT_EQ(Only().sent_sequence(), kEvents);
}

TEST_F(ConsumerServiceTest, PagesShowEachOnce) {
  Ingest("a");
  for (const char* name : {"c", "a", "b"}) Make(name);
  ASSERT_TRUE(AwaitNoOpenStreams());
  std::vector<std::unique_ptr<SubscribeCall>> calls;
  for (int i = 0; i < 3; ++i) {
    v1::SubscribeRequest request;
    request.set_client(absl::StrCat("client-", i));
    calls.push_back(std::make_unique<SubscribeCall>(stub_.get(), request));
    calls.back()->ReadSnapshot();
  }
  for (const int page_size : {1, 2, 3, 5, 6, 100}) {
    std::vector<std::string> seen;
    std::string page_token;
    do {
      const auto page = TryListConsumers(consumer_stub_.get(), page_size, page_token);
      ASSERT_OK(page);
      EXPECT_LE(page->consumers_size(), page_size);
      for (const Consumer& consumer : page->consumers()) {
        seen.push_back(consumer.name().empty() ? consumer.client() : consumer.name());
      }
      page_token = page->next_page_token();
    } while (!page_token.empty());
    EXPECT_THAT(seen, ::testing::ElementsAre("a", "b", "c", "client-0", "client-1", "client-2"))
        << page_size;
  }
  EXPECT_THAT(TryListConsumers(consumer_stub_.get(), -1), HasReason("FIELD_INVALID"));
  for (const char* token : {"x", "c1-", "c1-a b", "s1-", "s1-x", "p1-1"}) {
    EXPECT_THAT(TryListConsumers(consumer_stub_.get(), 0, token), HasReason("PAGE_TOKEN_INVALID"))
        << token;
  }
}

TEST_F(ConsumerServiceTest, ACommitSaysWhatIsWrongWithIt) {
  SubscribeCall call(stub_.get(), v1::SubscribeRequest());
  call.ReadSnapshot();
  Make("pager");
  EXPECT_THAT(Commit(consumer_stub_.get(), "", call.token()), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Commit(consumer_stub_.get(), "a b", call.token()), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Commit(consumer_stub_.get(), "pager", ""), HasReason("RESUME_TOKEN_INVALID"));
  EXPECT_THAT(Commit(consumer_stub_.get(), "pager", "x"), HasReason("RESUME_TOKEN_INVALID"));
  EXPECT_THAT(Commit(consumer_stub_.get(), "nobody", call.token()),
              HasReason("CONSUMER_NOT_FOUND"));
  const auto of_none = Commit(consumer_stub_.get(), "pager", call.token());
  EXPECT_THAT(of_none, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(of_none, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(of_none.status().message()),
              ::testing::AllOf(::testing::HasSubstr("resume_token"), ::testing::HasSubstr("pager"),
                               ::testing::HasSubstr("Subscribe")));
}

TEST_F(ConsumerServiceTest, ADeletedConsumerIsForgottenAndMayComeAnew) {
  Ingest("a");
  Make("pager", 1);
  EXPECT_OK(DeleteConsumer(consumer_stub_.get(), "pager"));
  EXPECT_THAT(DeleteConsumer(consumer_stub_.get(), "pager"), HasReason("CONSUMER_NOT_FOUND"));
  EXPECT_THAT(DeleteConsumer(consumer_stub_.get(), ""), HasReason("FIELD_INVALID"));
  ASSERT_TRUE(AwaitNoOpenStreams());
  EXPECT_EQ(ListConsumers(consumer_stub_.get()).consumers_size(), 0);
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadKind(SubscribeResponse::kOpened);
  call.ReadUntil(1);
}

TEST_F(ConsumerServiceTest, WithTooLittleDiskNothingIsCommittedUntilThereIsMore) {
  Ingest("a");
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadKind(SubscribeResponse::kOpened);
  call.ReadUntil(1);
  free_bytes_ = 0;
  const auto refused = Commit(consumer_stub_.get(), "pager", call.token());
  EXPECT_THAT(refused, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(refused, HasReason("DISK_FULL"));
  EXPECT_GT(RetryDelay(refused.status(), absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_THAT(DeleteConsumer(consumer_stub_.get(), "pager"), HasReason("DISK_FULL"));
  EXPECT_EQ(Only().position_sequence(), 0U) << "reads go on";
  free_bytes_ = uint64_t{1} << 40U;
  EXPECT_TRUE(Commits(consumer_stub_.get(), "pager", call.token()));
}

TEST_F(ConsumerServiceTest, AHubThatStopsTakesNoMoreCommits) {
  Make("pager");
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
  sequencer_->Drain();
  EXPECT_THAT(Commit(consumer_stub_.get(), "pager", call.token()), HasReason("SHUTTING_DOWN"));
  EXPECT_THAT(DeleteConsumer(consumer_stub_.get(), "pager"), HasReason("SHUTTING_DOWN"));
}

TEST_F(ConsumerServiceTest, AHubThatCannotWriteTakesNoCommitsAndNoCommands) {
  Make("pager");
  SubscribeCall call(stub_.get(), AsConsumer("pager"));
  call.ReadSnapshot();
  sequencer_->FailStop(ReasonError(absl::StatusCode::kUnavailable, "LOG_OUTCOME_UNKNOWN", "test"));
  EXPECT_THAT(Commit(consumer_stub_.get(), "pager", call.token()),
              HasReason("LOG_OUTCOME_UNKNOWN"));
  CommandGroup group;
  group.done = [](const std::vector<Outcome>&) {};
  EXPECT_THAT(sequencer_->Submit(std::move(group)), HasReason("LOG_OUTCOME_UNKNOWN"));
}

}  // namespace
}  // namespace incidenthub
