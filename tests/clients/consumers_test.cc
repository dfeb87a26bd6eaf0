// Consumers, for programs and for people.

#include "clients/cli/consumers.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cpp/incident_client.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/cli_fixture.h"
#include "tests/clients/messages.h"
#include "tests/support/fake_consumer_service.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"

namespace incidenthub::client {
namespace {

using testing::BatchMessage;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::HeartbeatMessage;
using ::testing::IsEmpty;
using testing::MakeEntry;
using ::testing::Not;
using testing::OpenedMessage;
using testing::WaitUntil;
using v1::Consumer;

Consumer MakeConsumer(const std::string& name, Consumer::State state) {
  Consumer consumer;
  consumer.set_name(name);
  consumer.set_state(state);
  return consumer;
}

class ConsumersTest : public CliTest {
 protected:
  testing::FakeConsumerService& consumers() { return hub_.consumers(); }
  std::vector<std::string> CommittedTokens() {
    std::vector<std::string> tokens;
    for (const v1::CommitRequest& commit : consumers().commits()) {
      EXPECT_EQ(commit.consumer(), "pager");
      tokens.push_back(commit.resume_token());
    }
    return tokens;
  }
  static v1::SubscribeResponse Batch(const std::string& token, uint64_t sequence) {
    return BatchMessage(token,
                        {MakeEntry(v1::MEMBERSHIP_ENTERED, "a", sequence, v1::EVENT_TYPE_OPENED)});
  }

  const IncidentClient client_{{.address = hub_.address(), .timeout = testing::kWaitMax}};
};

TEST_F(ConsumersTest, TheClientCommitsAndHandsOnWhatTheHubSays) {
  EXPECT_TRUE(*client_.Commit("pager", "t1"));
  consumers().set_changed(false);
  EXPECT_FALSE(*client_.Commit("pager", "t1"));
  consumers().FailNext(ReasonError(absl::StatusCode::kNotFound, "CONSUMER_NOT_FOUND", "no"));
  EXPECT_THAT(client_.Commit("pager", "t2"), HasReason("CONSUMER_NOT_FOUND"));
  EXPECT_THAT(CommittedTokens(), ElementsAre("t1", "t1", "t2"));
}

TEST_F(ConsumersTest, TheClientListsAllPagesUntilItIsTold) {
  for (int i = 0; i < 5; ++i) {
    consumers().Put(MakeConsumer(absl::StrCat("c-", i), Consumer::STATE_LIVE));
  }
  consumers().set_page_size(2);
  std::vector<std::string> names;
  EXPECT_OK(client_.ListConsumers([&](const Consumer& consumer) {
    names.push_back(consumer.name());
    return true;
  }));
  EXPECT_THAT(names, ElementsAre("c-0", "c-1", "c-2", "c-3", "c-4"));
  EXPECT_EQ(consumers().lists().size(), 3U);
  EXPECT_OK(client_.ListConsumers([&](const Consumer&) { return false; }));
  EXPECT_EQ(consumers().lists().size(), 4U);
  EXPECT_OK(client_.DeleteConsumer("c-3"));
  EXPECT_THAT(client_.DeleteConsumer("c-3"), HasReason("CONSUMER_NOT_FOUND"));
}

TEST_F(ConsumersTest, ASubscriptionNamesItsConsumerAndNoStartUntilItHasAToken) {
  hub_.Script({OpenedMessage("t1", 1), Batch("t2", 1)}, absl::UnavailableError("again"));
  hub_.Script({}, absl::PermissionDeniedError("over"));
  const auto subscription = client_.Subscribe({.consumer = "pager"}, {});
  EXPECT_FALSE(subscription->Run().ok());
  EXPECT_EQ(hub_.WaitForStream(0)->request().consumer(), "pager");
  EXPECT_EQ(hub_.WaitForStream(0)->request().start_case(), v1::SubscribeRequest::START_NOT_SET);
  EXPECT_EQ(hub_.WaitForStream(1)->request().consumer(), "pager");
  EXPECT_EQ(hub_.WaitForStream(1)->request().resume_token(), "t2");

  hub_.Script({}, absl::PermissionDeniedError("over"));
  EXPECT_FALSE(client_.Subscribe({.start = SubscriptionStart::Snapshot(), .consumer = "pager"}, {})
                   ->Run()
                   .ok());
  EXPECT_TRUE(hub_.WaitForStream(2)->request().has_snapshot());
}

TEST_F(ConsumersTest, ASubscriptionThatWasTakenOverEnds) {
  hub_.Script({OpenedMessage("t1", 1)},
              ReasonError(absl::StatusCode::kAborted, "SUBSCRIPTION_TAKEN_OVER", "by another"));
  EXPECT_THAT(client_.Subscribe({.consumer = "pager"}, {})->Run(),
              HasReason("SUBSCRIPTION_TAKEN_OVER"));
  EXPECT_EQ(hub_.stream_count(), 1U);
}

TEST_F(ConsumersTest, AreListedAsATable) {
  Consumer pager = MakeConsumer("pager", Consumer::STATE_STALLED);
  pager.set_position_sequence(120);
  pager.set_lag_events(34);
  pager.set_lag_seconds(7384.7);
  pager.set_client("pager\x1b[2J");
  pager.set_peer("ipv4:10.0.0.7:41");
  consumers().Put(pager);
  Consumer gone = MakeConsumer("ticket-sync", Consumer::STATE_DISCONNECTED);
  gone.set_position_sequence(9);
  gone.set_lag_events(145);
  gone.set_lag_seconds(0.2504);
  gone.set_below_floor(true);
  consumers().Put(gone);
  Consumer nameless = MakeConsumer("", Consumer::STATE_LIVE);
  nameless.set_position_sequence(154);
  nameless.set_peer("ipv4:10.0.0.8:42");
  consumers().Put(nameless);
  consumers().Put(MakeConsumer("x", Consumer::STATE_CATCHING_UP));
  const Result result = Run({"consumers"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(
      result.out,
      "NAME         STATE         POSITION  LAG              LAG TIME  CLIENT        ADDRESS\n"
      "pager        stalled       120       34               2h3m4s    pager\\x1b[2J  "
      "ipv4:10.0.0.7:41\n"
      "ticket-sync  disconnected  9         145 below floor  250ms     -             -\n"
      "-            live          154       0                -         -             "
      "ipv4:10.0.0.8:42\n"
      "x            catching-up   0         0                -         -             -\n");
}

TEST_F(ConsumersTest, AreListedAsJson) {
  Consumer pager = MakeConsumer("pager", Consumer::STATE_LIVE);
  pager.set_position_sequence(120);
  consumers().Put(pager);
  const Result result = Run({"consumers", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(JsonLines(result.out),
              ElementsAre("{\"name\":\"pager\",\"state\":\"STATE_LIVE\",\"position_sequence\":"
                          "\"120\"}"));
}

TEST_F(ConsumersTest, NoneAreSaidToBeNone) {
  const Result result = Run({"consumers"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(result.err, "incidentctl: no consumers\n");
}

TEST_F(ConsumersTest, AreDeletedEachByName) {
  for (const char* name : {"a", "b"}) {
    consumers().Put(MakeConsumer(name, Consumer::STATE_DISCONNECTED));
  }
  const Result result = Run({"consumers", "delete", "a", "nobody", "b"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(result.out, "a: deleted\nb: deleted\n");
  EXPECT_THAT(result.err, HasSubstr("CONSUMER_NOT_FOUND"));
  EXPECT_THAT(result.err, HasSubstr("Hint: `incidentctl consumers` shows"));
  EXPECT_THAT(consumers().deleted(), ElementsAre("a", "b"));
  consumers().Put(MakeConsumer("c", Consumer::STATE_LIVE));
  EXPECT_EQ(Run({"consumers", "delete", "c", "--json"}).out,
            "{\"consumer\":\"c\",\"deleted\":true}\n");
}

TEST_F(ConsumersTest, AHubThatIsNotThereIsNotAskedForTheOthers) {
  variables_["INCIDENTHUB_ADDRESS"] = "127.0.0.1:1";
  const Result result = Run({"consumers", "delete", "a", "b"});
  EXPECT_EQ(result.code, ExitCode::kUnreachable);
  EXPECT_THAT(result.err, HasSubstr("Not tried: b\n"));
  EXPECT_EQ(Run({"consumers"}).code, ExitCode::kUnreachable);
}

TEST_F(ConsumersTest, AWatchCommitsWhatItPrintedAtItsEnd) {
  hub_.Script({OpenedMessage("t1", 7), Batch("t2", 6), Batch("t3", 7)});
  const Result result = Run({"watch", "--consumer=pager", "--until_sequence=7"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(CommittedTokens(), ElementsAre("t3"));
  EXPECT_THAT(result.err, HasSubstr("to go on from here: incidentctl watch --consumer=pager\n"));
  const v1::SubscribeRequest& request = hub_.WaitForStream(0)->request();
  EXPECT_EQ(request.consumer(), "pager");
  EXPECT_EQ(request.start_case(), v1::SubscribeRequest::START_NOT_SET);
  EXPECT_EQ(request.heartbeat_interval().seconds(), 1);
}

TEST_F(ConsumersTest, AWatchCommitsAlsoWhileItGoesOn) {
  hub_.Script({OpenedMessage("t1", 7), Batch("t2", 7)});
  Result result;
  std::thread watch([&] { result = Run({"watch", "--consumer=pager", "--from_now"}); });
  const auto stream = hub_.WaitForStream(0);
  EXPECT_NE(stream, nullptr);
  EXPECT_TRUE(WaitUntil(
      [&] {
        stream->Send(HeartbeatMessage("t3", 7));
        return !consumers().commits().empty();
      },
      testing::kWaitMax));
  EXPECT_TRUE(Interrupt());
  watch.join();
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(CommittedTokens().front(), "t3");
  EXPECT_TRUE(stream->request().has_from_now());
}

TEST_F(ConsumersTest, AWatchWhoseLastCommitFailsSaysSo) {
  hub_.Script({OpenedMessage("t1", 7), Batch("t2", 7)});
  consumers().FailNext(
      ReasonError(absl::StatusCode::kUnavailable, "DISK_FULL", "too little free disk"));
  const Result result = Run({"watch", "--consumer=pager", "--until_sequence=7"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("watch: commit for pager"));
  EXPECT_THAT(result.err, HasSubstr("DISK_FULL"));
}

TEST_F(ConsumersTest, AWatchThatWasTakenOverSaysByWhomAndCommitsNothingMore) {
  hub_.Script({OpenedMessage("t1", 7), Batch("t2", 7)},
              ReasonError(absl::StatusCode::kAborted, "SUBSCRIPTION_TAKEN_OVER",
                          "consumer \"pager\" was taken over by somebody"));
  const Result result = Run({"watch", "--consumer=pager"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("taken over by somebody"));
  EXPECT_THAT(CommittedTokens(), IsEmpty());
}

TEST_F(ConsumersTest, AWatchWithoutOneCommitsNothing) {
  hub_.Script({OpenedMessage("t1", 7), Batch("t2", 7)});
  const Result result = Run({"watch", "--until_sequence=7"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(consumers().commits(), IsEmpty());
  EXPECT_THAT(result.err, Not(HasSubstr("--consumer")));
}

}  // namespace
}  // namespace incidenthub::client
