// BigPanda's webhook as incident.io reads it, the receiver that is documented best: keyed on
// incident.id, `incident#new` fires an alert, `incident#closed` resolves it, `incident#reopen`
// fires the same one again, and everything else only updates it. Whoever subscribes here can do the
// same with OPENED, RESOLVED and REOPENED.
//
// Bodies go through the decoder, deliveries through the lifecycle, as they do in gateway and hub.

#include <cstddef>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/decode/bigpanda.h"
#include "gtest/gtest.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DigestOf;
using testing::Life;

enum class Effect { kFire, kResolve, kFireAgain, kUpdate, kNothing };

// What a subscriber is told, in incident.io's words.
Effect EffectOf(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_OPENED:
      return Effect::kFire;
    case v1::EVENT_TYPE_RESOLVED:
      return Effect::kResolve;
    case v1::EVENT_TYPE_REOPENED:
      return Effect::kFireAgain;
    default:
      return Effect::kUpdate;
  }
}

struct Post {
  absl::string_view id = "6a1f0c3e";
  // Empty: the environment has none in its webhooks.
  absl::string_view event = "";
  bool is_active = true;
  // Seconds since the first.
  int time = 0;
  absl::string_view status = "Critical";
};

std::string BodyOf(const Post& post) {
  const int64_t seconds = absl::ToUnixSeconds(At(post.time));
  const std::string events = post.event.empty()
                                 ? ""
                                 : absl::StrCat(R"(, "event_types": [{"event": ")", post.event,
                                                R"(", "time": )", seconds, "}]");
  return absl::StrCat(R"({"incident": {"id": ")", post.id, R"(", "active": )",
                      post.is_active ? "true" : "false", R"(, "status": ")", post.status,
                      R"(", "startedOn": )", absl::ToUnixSeconds(At(0)), R"(, "changedOn": )",
                      seconds, R"(, "updatedOn": )", seconds, R"(, "endedOn": )",
                      post.is_active ? "null" : absl::StrCat(seconds),
                      R"(, "alerts": []}, "links": {}, "metadata": {})", events, "}");
}

// The receiver: an incident each id, with what it was told to do.
class Receiver {
 public:
  Effect Take(const Post& post) { return TakeBody(BodyOf(post)); }

  Effect TakeBody(std::string body) {
    const std::string digest = DigestOf(body);
    absl::StatusOr<v1::Delivery> delivery = decode::DecodeBigPanda(&body, "bigpanda");
    EXPECT_OK(delivery);
    if (!delivery.ok() || !delivery->has_incident()) {
      ADD_FAILURE() << "no incident: " << body;
      return Effect::kNothing;
    }
    delivery->set_digest(digest);
    Life& life = lives_[delivery->incident().id()];
    life.now = At(10'000) + absl::Seconds(++taken_);
    const Decision decision = life.Deliver(*delivery);
    if (!std::holds_alternative<NewEvent>(decision)) return Effect::kNothing;
    return EffectOf(life.event());
  }

  const v1::Incident& incident(const std::string& id = "6a1f0c3e") { return lives_[id].incident(); }
  size_t incidents() const { return lives_.size(); }

 private:
  std::map<std::string, Life> lives_;
  int taken_ = 0;
};

TEST(IncidentIoTest, NewFiresClosedResolvesReopenFiresTheSameAgain) {
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.event = "incident#new"}), Effect::kFire);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_OPEN);
  EXPECT_EQ(
      receiver.Take({.event = "incident#closed", .is_active = false, .time = 60, .status = "Ok"}),
      Effect::kResolve);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_RESOLVED);
  EXPECT_EQ(receiver.Take({.event = "incident#reopen", .time = 120}), Effect::kFireAgain);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_OPEN);
  EXPECT_EQ(receiver.Take({.event = "incident#closed", .is_active = false, .time = 180}),
            Effect::kResolve);
  EXPECT_EQ(receiver.incidents(), 1U);
}

TEST(IncidentIoTest, OtherEventsOnlyUpdate) {
  for (const char* event :
       {"incident#updated", "incident#commented", "incident#snoozed", "incident#become-flapping",
        "incident-tag#upserted", "incident-tag#removed", "incident#ticket-sync", "manual",
        "default", "incident#merged", ""}) {
    Receiver receiver;
    ASSERT_EQ(receiver.Take({.event = "incident#new"}), Effect::kFire);
    EXPECT_EQ(receiver.Take({.event = event, .time = 30, .status = "Warning"}), Effect::kUpdate)
        << event;
    EXPECT_EQ(receiver.incident().status(), v1::STATUS_WARNING) << event;
    ASSERT_EQ(receiver.Take({.event = "incident#closed", .is_active = false, .time = 60}),
              Effect::kResolve);
    EXPECT_EQ(receiver.Take({.event = event, .is_active = false, .time = 90}), Effect::kUpdate)
        << event;
    EXPECT_EQ(receiver.incident().state(), v1::STATE_RESOLVED) << event;
  }
}

TEST(IncidentIoTest, EachIdIsAnIncidentOfItsOwn) {
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.id = "a", .event = "incident#new"}), Effect::kFire);
  EXPECT_EQ(receiver.Take({.id = "b", .event = "incident#new"}), Effect::kFire);
  EXPECT_EQ(receiver.Take({.id = "a", .event = "incident#closed", .is_active = false, .time = 5}),
            Effect::kResolve);
  EXPECT_EQ(receiver.Take({.id = "b", .event = "incident#updated", .time = 6}), Effect::kUpdate);
  EXPECT_EQ(receiver.incident("a").state(), v1::STATE_RESOLVED);
  EXPECT_EQ(receiver.incident("b").state(), v1::STATE_OPEN);
}

TEST(IncidentIoTest, ARepeatDoesNothing) {
  Receiver receiver;
  const std::vector<Post> posts = {{.event = "incident#new"},
                                   {.event = "incident#updated", .time = 30, .status = "Warning"},
                                   {.event = "incident#closed", .is_active = false, .time = 60},
                                   {.event = "incident#reopen", .time = 90}};
  for (const Post& post : posts) {
    EXPECT_NE(receiver.Take(post), Effect::kNothing);
    EXPECT_EQ(receiver.Take(post), Effect::kNothing);
  }
  // Also when others came in between.
  for (const Post& post : posts) EXPECT_EQ(receiver.Take(post), Effect::kNothing);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_OPEN);
}

TEST(IncidentIoTest, WithoutEventTypesTheStateSaysWhatHappened) {
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.time = 0}), Effect::kFire);
  EXPECT_EQ(receiver.Take({.time = 30, .status = "Warning"}), Effect::kUpdate);
  EXPECT_EQ(receiver.Take({.is_active = false, .time = 60}), Effect::kResolve);
  EXPECT_EQ(receiver.Take({.time = 90}), Effect::kFireAgain);
}

TEST(IncidentIoTest, AnIncidentThatIsNewHereFiresWhateverItsEventIsCalled) {
  for (const char* event : {"incident#reopen", "incident#updated", "manual", ""}) {
    Receiver receiver;
    EXPECT_EQ(receiver.Take({.event = event}), Effect::kFire) << event;
  }
  // What is over when it first comes must not page anybody.
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.event = "incident#closed", .is_active = false}), Effect::kResolve);
  EXPECT_EQ(receiver.Take({.event = "incident#reopen", .time = 60}), Effect::kFireAgain);
}

TEST(IncidentIoTest, WhatComesLateChangesNoState) {
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.event = "incident#new"}), Effect::kFire);
  EXPECT_EQ(receiver.Take({.event = "incident#closed", .is_active = false, .time = 60}),
            Effect::kResolve);
  EXPECT_EQ(receiver.Take({.event = "incident#updated", .time = 30}), Effect::kUpdate);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_RESOLVED);
}

TEST(IncidentIoTest, ClosedAndReopenedInOneSecondIsOpen) {
  Receiver receiver;
  EXPECT_EQ(receiver.Take({.event = "incident#new"}), Effect::kFire);
  EXPECT_EQ(receiver.Take({.event = "incident#closed", .is_active = false, .time = 60}),
            Effect::kResolve);
  EXPECT_EQ(receiver.Take({.event = "incident#reopen", .time = 60}), Effect::kFireAgain);
  EXPECT_EQ(receiver.incident().state(), v1::STATE_OPEN);
}

// Sequences of every length, and what incident.io does at each step.
TEST(IncidentIoTest, EverySequenceOfEventsHasTheEffectsThatItsEventsHave) {
  const std::vector<absl::string_view> events = {"incident#updated", "incident#closed",
                                                 "incident#reopen"};
  int sequences = 0;
  for (int code = 0; code < 3 * 3 * 3 * 3 * 3; ++code) {
    Receiver receiver;
    ASSERT_EQ(receiver.Take({.event = "incident#new"}), Effect::kFire);
    bool is_firing = true;
    std::string told = "new";
    for (int step = 0, rest = code; step < 5; ++step, rest /= 3) {
      const absl::string_view event = events[static_cast<size_t>(rest % 3)];
      absl::StrAppend(&told, " ", event);
      const bool closes = event == "incident#closed";
      const bool reopens = event == "incident#reopen";
      // An update says that it is as it was.
      const Post post = {
          .event = event, .is_active = reopens || (!closes && is_firing), .time = 60 * (step + 1)};
      const Effect expected = closes && is_firing     ? Effect::kResolve
                              : reopens && !is_firing ? Effect::kFireAgain
                                                      : Effect::kUpdate;
      ASSERT_EQ(receiver.Take(post), expected) << told;
      is_firing = post.is_active;
      ASSERT_EQ(receiver.incident().state(), is_firing ? v1::STATE_OPEN : v1::STATE_RESOLVED)
          << told;
    }
    ++sequences;
  }
  EXPECT_EQ(sequences, 243);
}

}  // namespace
}  // namespace incidenthub
