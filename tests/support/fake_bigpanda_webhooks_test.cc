// The FakeBigPanda's webhooks: their shape, their order, the lock, and the whole way round.

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_bigpanda_fixture.h"
#include "tests/support/fake_bigpanda_json.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Webhooks = FakeBigPandaTest;

// What members a value has, and of which kind, down to the last.
std::string Shape(const Value& value) {
  std::string shape = absl::StrCat(value.kind_case());
  if (value.has_struct_value()) {
    const auto& fields = value.struct_value().fields();
    std::vector<std::string> members;
    members.reserve(fields.size());
    for (const auto& [name, member] : fields) members.push_back(name + ":" + Shape(member));
    std::sort(members.begin(), members.end());
    for (const std::string& member : members) absl::StrAppend(&shape, "{", member, "}");
  }
  for (const Value& item : value.list_value().values())
    absl::StrAppend(&shape, "[", Shape(item), "]");
  return shape;
}

Struct Parse(const std::string& body) {
  auto object = ParseJsonObject(body);
  EXPECT_TRUE(object.has_value()) << body;
  return object.value_or(Struct());
}

const Struct& Member(const Struct& object, const std::string& name) {
  return object.fields().at(name).struct_value();
}

std::vector<std::string> Events(const std::vector<BigPandaWebhook>& webhooks) {
  std::vector<std::string> events;
  events.reserve(webhooks.size());
  for (const BigPandaWebhook& webhook : webhooks) events.push_back(webhook.event);
  return events;
}

FakeBigPandaOptions Unlocked() {
  FakeBigPandaOptions options;
  options.lock = false;
  return options;
}

TEST_F(Webhooks, GoTheWholeWayRound) {
  WebhookReceiver gateway;
  FakeBigPandaOptions options;
  options.webhook_url = gateway.url();
  Start(options);
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#new").has_value());
  ASSERT_OK(fake_->Update("i-1", "Warning"));
  EXPECT_EQ(fake_->Find("i-1")->held_back, 1);
  EXPECT_THAT(gateway.received(), SizeIs(1));

  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-1")).status, 200);
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#updated").has_value());
  EXPECT_EQ(Resolve().status, 202);
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#closed").has_value());

  const auto received = gateway.received();
  ASSERT_THAT(received, SizeIs(3));
  const Struct updated = Parse(received[1].body);
  EXPECT_EQ(StringMember(Member(updated, "incident"), "status"), "Warning");
  const Struct closed = Parse(received[2].body);
  EXPECT_EQ(StringMember(Member(closed, "incident"), "status"), "Ok");
  EXPECT_THAT(fake_->webhooks()[2].answers, ElementsAre(200));
  EXPECT_EQ(fake_->webhooks_given_up(), 0);
}

TEST_F(Webhooks, HaveTheShapeOfTheSample) {
  Start(Unlocked());
  ASSERT_OK(fake_->OpenIncident("i-1"));
  const auto webhook = fake_->WaitForWebhook("i-1", "incident#new");
  ASSERT_TRUE(webhook.has_value());
  Value sent;
  *sent.mutable_struct_value() = Parse(webhook->body);
  Value sample;
  *sample.mutable_struct_value() = Parse(DocumentedSample());
  // The sample tells of three things at once.
  auto* const events =
      (*sample.mutable_struct_value()->mutable_fields())["event_types"].mutable_list_value();
  events->mutable_values()->DeleteSubrange(1, 2);
  EXPECT_EQ(Shape(sent), Shape(sample));

  const Struct& incident = Member(sent.struct_value(), "incident");
  EXPECT_EQ(StringMember(incident, "id"), "i-1");
  EXPECT_EQ(NumberMember(incident, "updatedOn"),
            static_cast<double>(fake_->Find("i-1")->updated_on));
  const Struct& event =
      sent.struct_value().fields().at("event_types").list_value().values(0).struct_value();
  EXPECT_EQ(StringMember(event, "event"), "incident#new");
  EXPECT_EQ(NumberMember(event, "time"), NumberMember(incident, "updatedOn"));
  EXPECT_EQ(StringMember(Member(sent.struct_value(), "metadata"), "environment_id"),
            kBigPandaEnvironmentId);
}

TEST_F(Webhooks, TellOfEachThingThatHappens) {
  Start(Unlocked());
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_OK(fake_->Update("i-1"));
  ASSERT_OK(fake_->Comment("i-1", "looking"));
  ASSERT_OK(fake_->Close("i-1"));
  ASSERT_OK(fake_->Reopen("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(5));
  const std::vector<BigPandaWebhook> webhooks = fake_->webhooks();
  EXPECT_THAT(Events(webhooks),
              ElementsAre("incident#new", "incident#updated", "incident#commented",
                          "incident#closed", "incident#reopen"));
  double before = 0;
  for (const BigPandaWebhook& webhook : webhooks) {
    const double updated_on = NumberMember(Member(Parse(webhook.body), "incident"), "updatedOn");
    EXPECT_GT(updated_on, before) << webhook.event;
    before = updated_on;
  }
  const Struct commented = Parse(webhooks[2].body);
  EXPECT_EQ(StringMember(Member(Member(commented, "metadata"), "comment"), "comment"), "looking");
  EXPECT_LT(NumberMember(Member(commented, "incident"), "changedOn"),
            NumberMember(Member(commented, "incident"), "updatedOn"));
  const Struct closed = Member(Parse(webhooks[3].body), "incident");
  EXPECT_FALSE(closed.fields().at("active").bool_value());
  EXPECT_TRUE(closed.fields().at("resolved").bool_value());
  EXPECT_GT(NumberMember(closed, "endedOn"), 0);
  const Struct reopened = Member(Parse(webhooks[4].body), "incident");
  EXPECT_TRUE(reopened.fields().at("active").bool_value());
  EXPECT_TRUE(reopened.fields().at("endedOn").has_null_value());
}

TEST_F(Webhooks, TellOfACommentOfTheApiIfTold) {
  StartWithIncident();
  EXPECT_EQ(Comment().status, 204);
  ASSERT_OK(fake_->Close("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(2));
  EXPECT_THAT(Events(fake_->webhooks()), ElementsAre("incident#new", "incident#closed"));

  FakeBigPandaOptions options;
  options.tell_comments = true;
  StartWithIncident(options);
  EXPECT_EQ(Comment().status, 204);
  EXPECT_TRUE(fake_->WaitForWebhook("i-1", "incident#commented").has_value());
}

TEST_F(Webhooks, WaitForTheCallbackInTheirOrder) {
  Start();
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_OK(fake_->Comment("i-1", "a"));
  ASSERT_OK(fake_->Update("i-1"));
  EXPECT_EQ(Resolve().status, 202);
  ASSERT_TRUE(fake_->WaitForResolved("i-1"));
  // Another incident's are not held by it.
  ASSERT_OK(fake_->OpenIncident("i-2"));
  ASSERT_TRUE(fake_->WaitForWebhooks(2));
  EXPECT_THAT(Events(fake_->webhooks()), ElementsAre("incident#new", "incident#new"));
  EXPECT_TRUE(fake_->Find("i-1")->locked);

  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-1")).status, 200);
  ASSERT_TRUE(fake_->WaitForWebhooks(5));
  EXPECT_THAT(Events(fake_->webhooks()),
              ElementsAre("incident#new", "incident#new", "incident#commented", "incident#updated",
                          "incident#closed"));
  EXPECT_FALSE(fake_->Find("i-1")->locked);
  EXPECT_TRUE(fake_->Find("i-2")->locked);
}

TEST_F(Webhooks, WaitForNoLongerThanTheLock) {
  FakeBigPandaOptions options;
  options.lock_timeout = absl::Milliseconds(1);
  Start(options);
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_OK(fake_->Update("i-1"));
  EXPECT_TRUE(fake_->WaitForWebhook("i-1", "incident#updated").has_value());
}

TEST_F(Webhooks, CarryTheHeader) {
  WebhookReceiver gateway;
  FakeBigPandaOptions options;
  options.webhook_header_name = "Authorization";
  options.webhook_header_value = std::string(kWebhookSecret);
  Start(options);
  // A gateway may be started after the fake.
  fake_->SetWebhookUrl(gateway.url());
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(1));
  ASSERT_THAT(gateway.received(), SizeIs(1));
  const httplib::Headers headers = gateway.received()[0].headers;
  EXPECT_EQ(headers.find("Authorization")->second, kWebhookSecret);
  EXPECT_EQ(headers.find("Content-Type")->second, "application/json");
}

TEST_F(Webhooks, AreTriedAgainBeforeTheNext) {
  WebhookReceiver gateway({503, 500, 200});
  FakeBigPandaOptions options = Unlocked();
  options.webhook_url = gateway.url();
  options.webhook_pause = absl::Milliseconds(1);
  Start(options);
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_OK(fake_->Close("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(2));
  EXPECT_THAT(fake_->webhooks()[0].answers, ElementsAre(503, 500, 200));
  EXPECT_TRUE(fake_->webhooks()[0].taken);
  EXPECT_EQ(fake_->webhooks()[1].event, "incident#closed");
  EXPECT_EQ(fake_->webhooks_given_up(), 0);
}

TEST_F(Webhooks, AreGivenUpAfterTheLastAttempt) {
  WebhookReceiver gateway({503, 503});
  FakeBigPandaOptions options = Unlocked();
  options.webhook_url = gateway.url();
  options.webhook_attempts = 1;
  Start(options);
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(1));
  EXPECT_THAT(fake_->webhooks()[0].answers, ElementsAre(503));
  EXPECT_FALSE(fake_->webhooks()[0].taken);
  EXPECT_EQ(fake_->webhooks_given_up(), 1);

  fake_->SetWebhookUrl("http://127.0.0.1:1/nobody");
  ASSERT_OK(fake_->Close("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhooks(2));
  EXPECT_THAT(fake_->webhooks()[1].answers, ElementsAre(0));
  EXPECT_EQ(fake_->webhooks_given_up(), 2);
}

TEST_F(Webhooks, AreOnlyRecordedWithoutAnAddress) {
  StartWithIncident();
  ASSERT_TRUE(fake_->WaitForWebhooks(1));
  EXPECT_THAT(fake_->webhooks()[0].answers, IsEmpty());
  EXPECT_EQ(fake_->webhooks_given_up(), 0);
}

TEST_F(Webhooks, StopWithOnesThatWait) {
  FakeBigPandaOptions options = Unlocked();
  options.webhook_url = "http://127.0.0.1:1/nobody";
  options.webhook_pause = absl::Hours(1);
  Start(options);
  ASSERT_OK(fake_->OpenIncident("i-1"));
  fake_.reset();
}

TEST_F(Webhooks, TellOfNothingThatCannotHappen) {
  StartWithIncident();
  EXPECT_THAT(fake_->OpenIncident("i-1"), HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(fake_->OpenIncident("i-2", "nowhere"), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(fake_->Update("i-2"), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(fake_->Reopen("i-1"), HasCode(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(fake_->Close("i-1"));
  EXPECT_THAT(fake_->Close("i-1"), HasCode(absl::StatusCode::kFailedPrecondition));
  ASSERT_TRUE(fake_->WaitForWebhooks(2));
  EXPECT_THAT(Events(fake_->webhooks()), ElementsAre("incident#new", "incident#closed"));
}

TEST_F(Webhooks, HoldBackABoundedNumber) {
  Start();
  ASSERT_OK(fake_->OpenIncident("i-1"));
  for (size_t i = 0; i < kBigPandaHeldBackMax; ++i) ASSERT_OK(fake_->Update("i-1"));
  EXPECT_THAT(fake_->Update("i-1"), HasCode(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace incidenthub::testing
