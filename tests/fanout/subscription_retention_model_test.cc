// Random histories under a retention that drops whatever it may, against a reference that remembers
// everything: events are trimmed, incidents purged, tombstones forgotten between and in the middle
// of a subscription's steps; the client goes away and comes back with any token that it ever had,
// now and then asking for every event, or for the latest only.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/domain/generation.h"
#include "server/domain/matcher.h"
#include "server/fanout/resume_token.h"
#include "server/fanout/subscription.h"
#include "tests/fanout/fake_event_source.h"
#include "tests/support/random_seed.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using internal::v1::ResumeToken;
using testing::FakeEventSource;
using Outgoing = Subscription::Outgoing;
using Kind = Outgoing::Kind;

constexpr uint64_t kGeneration = 7;
constexpr size_t kIncidents = 5;
constexpr int kSteps = 200;
constexpr size_t kSavedMax = 10;

// What happened, so that the model can tell that it tried everything.
struct Seen {
  int compacted = 0;
  int compacted_in_mid_stream = 0;
  int refused = 0;
  int resets = 0;
  int left = 0;
};

// All that a client has once it has handled a message.
struct ClientState {
  std::string token;
  FakeEventSource::Incidents incidents;
  // It never had a snapshot, so `incidents` is not the whole.
  bool from_now = false;
};

class Model {
 public:
  Model(uint64_t seed, Seen* seen)
      : seen_(seen),
        engine_(seed),
        source_(1 + Below(300)),
        limits_{.events = 1 + Below(4), .bytes = 1 + Below(200)},
        filtered_(Percent(50)) {
    if (filtered_) matchers_ = std::make_shared<const Matchers>(*Matchers::Parse({"state=open"}));
    source_.during_read_latest = source_.during_read_events = [this] {
      if (Percent(20)) Change();
      if (Percent(20)) Drop();
    };
  }

  void Run() {
    Connect();
    for (int step = 0; step < kSteps && !::testing::Test::HasFatalFailure(); ++step) {
      const size_t what = Below(100);
      if (what < 25) {
        Change();
      } else if (what < 40) {
        source_.Publish();
      } else if (what < 50) {
        Drop();
      } else if (what < 90) {
        Next();
      } else if (what < 98) {
        Connect();
      } else {
        source_.Restart();
        Connect();
      }
    }
    if (!::testing::Test::HasFatalFailure()) CatchUp();
  }

 private:
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool Percent(size_t percent) { return Below(100) < percent; }

  void Change() {
    const std::string id = absl::StrCat("i-", Below(kIncidents));
    const Sequence newest = source_.NewestOf(id);
    const bool resolved = newest != 0 && !source_.At(newest).event.tombstone &&
                          source_.At(newest).state == v1::STATE_RESOLVED;
    if (resolved && Percent(60)) {
      source_.Purge(id);
    } else {
      source_.Commit(id, 1 + Below(2), Percent(50) ? v1::STATE_OPEN : v1::STATE_RESOLVED);
    }
  }
  void Drop() {
    source_.Trim(Below(source_.applied() + 1));
    if (Percent(30)) source_.Forget();
  }

  void Connect() {
    SubscribeOptions options{.matchers = matchers_, .limits = limits_};
    options.latest_only = Percent(25);
    options.require_history = !options.latest_only && Percent(20);
    Subscription::Start start = Subscription::Snapshot();
    if (saved_.empty() || Percent(10)) {
      client_ = ClientState();
      client_.from_now = Percent(20);
      if (client_.from_now) start = Subscription::FromNow();
    } else {
      client_ = Percent(60) ? saved_.back() : saved_[Below(saved_.size())];
      start = *DecodeResumeToken(client_.token);
    }
    options_ = options;
    subscription_ = std::make_unique<Subscription>(&source_, &generations_, start, options);
    last_ = 0;
    messages_ = 0;
  }

  ResumeToken TokenNow() const { return *DecodeResumeToken(subscription_->Token()); }

  // True if it sent something, or goes on without.
  bool Next() {
    const ResumeToken before = TokenNow();
    auto outgoing = subscription_->Next(/*may_read_store=*/Percent(50));
    if (outgoing.ok() && outgoing->kind == Kind::kNeedsStore) {
      outgoing = subscription_->Next(/*may_read_store=*/true);
    }
    if (!outgoing.ok()) {
      HandleRefusal(outgoing.status(), before);
      return true;
    }
    Handle(*outgoing, before);
    client_.token = subscription_->Token();
    saved_.push_back(client_);
    if (saved_.size() > kSavedMax) saved_.erase(saved_.begin());
    return outgoing->kind != Kind::kNothing;
  }

  void HandleRefusal(const absl::Status& status, const ResumeToken& before) {
    ASSERT_THAT(status, testing::HasReason("HISTORY_COMPACTED"));
    ASSERT_TRUE(options_.require_history);
    ASSERT_GT(source_.floor(), before.position()) << "all of it is there";
    ++seen_->refused;
    Connect();
  }

  void Handle(const Outgoing& outgoing, const ResumeToken& before) {
    ++messages_;
    if (outgoing.kind == Kind::kReset) {
      ASSERT_GT(source_.forgotten(), before.position()) << outgoing.reason;
      client_ = ClientState();
      ++seen_->resets;
      last_ = 0;
      return;
    }
    if (outgoing.kind == Kind::kCompacted) {
      ASSERT_FALSE(options_.require_history || options_.latest_only);
      ASSERT_GT(source_.floor(), TokenNow().position()) << "nothing was dropped";
      ASSERT_EQ(outgoing.from, TokenNow().position() + 1);
      ++seen_->compacted;
      if (messages_ > 2) ++seen_->compacted_in_mid_stream;
    }
    for (const auto& entry : outgoing.entries) {
      ASSERT_GT(entry.event.sequence, last_) << "Ordered, Unique";
      ASSERT_LE(entry.event.sequence, TokenNow().position()) << "Bookmarked";
      last_ = entry.event.sequence;
      Take(entry);
    }
    // Still in the phase that sends every event, it sent every event.
    if (before.phase() != ResumeToken::PHASE_UNSPECIFIED && !options_.latest_only &&
        TokenNow().phase() != ResumeToken::PHASE_UNSPECIFIED) {
      CheckEveryEvent(outgoing, before.position(), TokenNow().position());
    }
    if (outgoing.kind == Kind::kSnapshotEnd && !client_.from_now) {
      ASSERT_EQ(client_.incidents, MatchingAsOf(outgoing.sequence));
    }
  }

  // The published rule.
  void Take(const Outgoing::Entry& entry) {
    const FakeEventSource::Record& record = source_.At(entry.event.sequence);
    const bool matches = Matches(record);
    ASSERT_EQ(entry.membership == v1::MEMBERSHIP_LEFT, !matches);
    if (matches) {
      client_.incidents[record.incident_id] = entry.event.sequence;
    } else {
      client_.incidents.erase(record.incident_id);
      ++seen_->left;
    }
  }

  bool Matches(const FakeEventSource::Record& record) const {
    return !record.event.tombstone && (!filtered_ || record.state == v1::STATE_OPEN);
  }
  FakeEventSource::Incidents MatchingAsOf(Sequence sequence) const {
    FakeEventSource::Incidents incidents = source_.IncidentsAsOf(sequence);
    for (auto it = incidents.begin(); it != incidents.end();) {
      it = Matches(source_.At(it->second)) ? std::next(it) : incidents.erase(it);
    }
    return incidents;
  }

  void CheckEveryEvent(const Outgoing& outgoing, Sequence from, Sequence to) {
    auto next = outgoing.entries.begin();
    for (const FakeEventSource::Record& record : source_.After(from)) {
      if (record.event.sequence > to) break;
      const bool told =
          next != outgoing.entries.end() && next->event.sequence == record.event.sequence;
      if (told) ++next;
      ASSERT_TRUE(told || !Matches(record)) << "Complete: nothing about " << record.event.sequence;
    }
    ASSERT_EQ(next, outgoing.entries.end()) << "an entry about nothing";
  }

  void CatchUp() {
    source_.during_read_latest = source_.during_read_events = nullptr;
    source_.Publish();
    size_t steps = 0;
    while (Next() || TokenNow().position() < source_.head()) {
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_LT(++steps, 20 * source_.history().size() + 50) << "it never catches up";
    }
    if (client_.from_now) return;
    ASSERT_EQ(client_.incidents, MatchingAsOf(source_.applied()));
  }

  Seen* const seen_;
  std::mt19937_64 engine_;
  FakeEventSource source_;
  const ReadLimits limits_;
  const bool filtered_;
  std::shared_ptr<const Matchers> matchers_;
  const Generations generations_{{{kGeneration, 1}}};

  SubscribeOptions options_;
  std::unique_ptr<Subscription> subscription_;
  ClientState client_;
  std::vector<ClientState> saved_;
  // Of the last entry of the stream, and how many messages it has sent.
  Sequence last_ = 0;
  int messages_ = 0;
};

TEST(SubscriptionRetentionModelTest, WhateverIsDroppedTheClientEndsWithWhatThereIs) {
  Seen seen;
  const uint64_t base = testing::FirstSeed();
  for (uint64_t seed = base; seed < base + 2000; ++seed) {
    SCOPED_TRACE(testing::SeedTrace(seed));
    Model(seed, &seen).Run();
    if (HasFailure()) return;
  }
  EXPECT_GT(seen.compacted, 1000);
  EXPECT_GT(seen.compacted_in_mid_stream, 100);
  EXPECT_GT(seen.refused, 100);
  EXPECT_GT(seen.resets, 100);
  EXPECT_GT(seen.left, 1000);
}

}  // namespace
}  // namespace incidenthub
