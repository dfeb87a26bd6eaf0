#include "server/fanout/live_subscriptions.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

class FakeSubscription final : public LiveSubscription {
 public:
  explicit FakeSubscription(std::string client) : client_(std::move(client)) {}

  Description Describe(absl::Time /*now*/) const override {
    Description description;
    description.label = {client_, absl::StrCat("ipv4:", client_)};
    return description;
  }
  void Supersede(const absl::Status& why) override {
    EXPECT_OK(superseded_) << "twice";
    superseded_ = why;
  }
  void EndSuperseded() override { ended_ = true; }

  const absl::Status& superseded() const { return superseded_; }
  bool ended() const { return ended_; }

 private:
  const std::string client_;
  absl::Status superseded_;
  bool ended_ = false;
};

std::shared_ptr<FakeSubscription> Make(const std::string& client) {
  return std::make_shared<FakeSubscription>(client);
}

TEST(LiveSubscriptionsTest, ANewerStreamEndsTheOlderAndSaysWhoItIs) {
  LiveSubscriptions live;
  const auto older = Make("old");
  const auto newer = Make("new");
  auto older_registration = live.Add(older, "pager", 1, kNow);
  EXPECT_EQ(live.Find("pager"), older);
  const auto newer_registration = live.Add(newer, "pager", 2, kNow);
  EXPECT_TRUE(older->ended());
  EXPECT_THAT(older->superseded(), HasReason("SUBSCRIPTION_TAKEN_OVER"));
  EXPECT_THAT(std::string(older->superseded().message()),
              ::testing::AllOf(HasSubstr("\"pager\""), HasSubstr("\"new\" at ipv4:new"),
                               HasSubstr("2026-09-21T14:13:20Z") /* kNow */));
  EXPECT_OK(newer->superseded());
  EXPECT_EQ(live.takeovers(), 1U);
  older_registration = {};
  EXPECT_EQ(live.Find("pager"), newer) << "who leaves late takes nobody along";
}

TEST(LiveSubscriptionsTest, TheGreaterNumberStaysAlsoIfItWasFirst) {
  LiveSubscriptions live;
  const auto first = Make("first");
  const auto late = Make("late");
  const auto first_registration = live.Add(first, "pager", 2, kNow);
  {
    const auto late_registration = live.Add(late, "pager", 1, kNow);
    EXPECT_TRUE(late->ended());
    EXPECT_THAT(std::string(late->superseded().message()), HasSubstr("\"first\""));
    EXPECT_OK(first->superseded());
  }
  EXPECT_EQ(live.Find("pager"), first);
}

TEST(LiveSubscriptionsTest, StreamsOfOtherConsumersAndOfNoneAreLeftAlone) {
  LiveSubscriptions live;
  const auto pager = Make("pager");
  const auto chat = Make("chat");
  const auto nameless = Make("nameless");
  const auto pager_registration = live.Add(pager, "pager", 1, kNow);
  const auto chat_registration = live.Add(chat, "chat", 2, kNow);
  const auto nameless_registration = live.Add(nameless);
  EXPECT_OK(pager->superseded());
  EXPECT_OK(chat->superseded());
  live.End("pager", ConsumerDeleted("pager", "ipv4:admin"));
  EXPECT_TRUE(pager->ended());
  EXPECT_THAT(std::string(pager->superseded().message()), HasSubstr("deleted by ipv4:admin"));
  EXPECT_OK(chat->superseded());
  live.End("nobody", absl::AbortedError("no"));
  EXPECT_EQ(live.takeovers(), 0U) << "a deletion is none";
}

TEST(LiveSubscriptionsTest, TheNamelessAreListedInTheirOrder) {
  LiveSubscriptions live;
  std::vector<std::shared_ptr<FakeSubscription>> subscriptions;
  std::vector<LiveSubscriptions::Registration> registrations;
  for (int i = 0; i < 4; ++i) {
    subscriptions.push_back(Make(absl::StrCat(i)));
    registrations.push_back(live.Add(subscriptions.back()));
  }
  const auto named = Make("named");
  const auto named_registration = live.Add(named, "pager", 1, kNow);
  registrations[1] = {};
  // Gone, though nobody has said so.
  subscriptions[2].reset();
  std::vector<std::string> clients;
  uint64_t after = 0;
  while (true) {
    const auto page = live.ListNameless(after, 1);
    if (page.empty()) break;
    after = page[0].first;
    clients.push_back(page[0].second->Describe(kNow).label.client);
  }
  EXPECT_THAT(clients, ElementsAre("0", "3"));
  registrations.clear();
  EXPECT_THAT(live.ListNameless(0, 10), IsEmpty());
}

}  // namespace
}  // namespace incidenthub
