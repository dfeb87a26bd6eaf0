// Random histories against a client that remembers everything and believes nothing: incidents
// change between, and in the middle of, a subscription's steps; the client goes away and comes back
// with any token that it ever had; the hub restarts, and is put back from an older copy of its
// disk. With matchers and without; with every event, latest only, and changing between the two.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/generation.h"
#include "server/domain/matcher.h"
#include "server/fanout/resume_token.h"
#include "server/fanout/subscription.h"
#include "tests/fanout/fake_event_source.h"
#include "tests/support/random_seed.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::FakeEventSource;
using Outgoing = Subscription::Outgoing;

constexpr int kIncidents = 6;
constexpr int kSteps = 150;
constexpr size_t kSavedStatesMax = 12;

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool Percent(size_t percent) { return Below(100) < percent; }
  uint64_t Bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// All that a client knows once it has handled a message: what it would have on its own disk.
struct ClientState {
  std::string token;
  FakeEventSource::Incidents incidents;
  // Of the last entry.
  Sequence last = 0;
  // Since when it has been handed every event; empty while a snapshot is under way.
  std::optional<Sequence> exact_since;
  // Up to where it was handed the newest of each incident instead of every event: head when the
  // snapshot began, or where a latest-only stream was.
  Sequence cut = 0;
  // `token` is of a latest-only stream.
  bool latest_only = false;
  // It never had a snapshot, so `incidents` is not the whole.
  bool from_now = false;
};

// A copy of the hub's disk.
struct Disk {
  FakeEventSource::History history;
  std::vector<Generation> generations;
};

class Model {
 public:
  explicit Model(uint64_t seed)
      : random_(seed),
        source_(/*ring_bytes=*/1 + random_.Below(200)),
        limits_{.events = 1 + random_.Below(4), .bytes = 1 + random_.Below(150)},
        filtered_(random_.Percent(60)),
        latest_only_percent_(random_.Percent(50) ? random_.Below(101) : 0) {
    if (filtered_) {
      auto matchers = Matchers::Parse({"state=open"});
      matchers_ = std::make_shared<const Matchers>(*std::move(matchers));
    }
    source_.during_read_latest = [this] {
      if (random_.Percent(20)) CommitSome();
    };
    StartHub({});
  }

  void Run() {
    for (int step = 0; step < kSteps && !::testing::Test::HasFatalFailure(); ++step) Step();
    if (::testing::Test::HasFatalFailure() || subscription_ == nullptr) return;
    CatchUp();
  }

 private:
  void Step() {
    const size_t what = random_.Below(100);
    if (what < 30) {
      CommitSome();
    } else if (what < 45) {
      source_.Publish();
    } else if (what < 88) {
      if (subscription_ == nullptr) {
        Connect();
      } else {
        Next();
      }
    } else if (what < 94) {
      Connect();
    } else if (what < 96) {
      backups_.push_back({source_.history(), generations_});
    } else if (what < 98 || backups_.empty()) {
      StartHub({source_.history(), generations_});
    } else {
      StartHub(backups_[random_.Below(backups_.size())]);
    }
  }

  void CommitSome() {
    for (size_t n = 1 + random_.Below(3); n > 0; --n) {
      source_.Commit(absl::StrCat("i-", random_.Below(kIncidents)), 1 + random_.Below(3),
                     random_.Percent(50) ? v1::STATE_OPEN : v1::STATE_RESOLVED);
    }
  }

  void StartHub(Disk disk) {
    subscription_.reset();
    source_.Restart(std::move(disk.history));
    generations_ = std::move(disk.generations);
    generations_.push_back({random_.Bits() | 1U, source_.applied() + 1});
    known_ = std::make_unique<Generations>(generations_);
  }

  // Opens a stream from anywhere the client ever was, or from a start without a token.
  void Connect() {
    const size_t how = random_.Below(10);
    if (how == 0) return ConnectFresh(Subscription::FromNow());
    if (how == 1 || saved_.empty()) return ConnectFresh(Subscription::Snapshot());
    // Mostly from where it was last.
    client_ = how < 7 ? saved_.back() : saved_[random_.Below(saved_.size())];
    const auto token = DecodeResumeToken(client_.token);
    ASSERT_OK(token);
    may_reset_ = MayReset(*token);
    must_reset_ = MustReset(*token);
    Open(*token);
  }

  void ConnectFresh(const Subscription::Start& start) {
    client_ = ClientState();
    client_.cut = source_.head();
    client_.from_now = std::holds_alternative<Subscription::FromNow>(start);
    if (client_.from_now) {
      client_.exact_since = source_.head();
      client_.cut = 0;
    }
    may_reset_ = must_reset_ = false;
    Open(start);
  }

  void Open(const Subscription::Start& start) {
    latest_only_ = random_.Percent(latest_only_percent_);
    subscription_ = std::make_unique<Subscription>(
        &source_, known_.get(), start,
        SubscribeOptions{.matchers = matchers_, .latest_only = latest_only_, .limits = limits_});
    if (client_.latest_only && !latest_only_ && !InFirstPass(TokenNow())) {
      client_.cut = TokenNow().position();
    }
    head_at_open_ = source_.head();
    opened_ = reset_ = false;
    // The token of a stream that has sent nothing yet is as good as the one it began with.
    if (random_.Percent(20)) Save();
  }

  internal::v1::ResumeToken TokenNow() const {
    const auto token = DecodeResumeToken(subscription_->Token());
    EXPECT_OK(token);
    return token.ok() ? *token : internal::v1::ResumeToken();
  }
  static bool InFirstPass(const internal::v1::ResumeToken& token) {
    return token.phase() == internal::v1::ResumeToken::PHASE_UNSPECIFIED;
  }

  const Generation* GenerationOf(const internal::v1::ResumeToken& token) const {
    const auto found =
        std::find_if(generations_.begin(), generations_.end(),
                     [&token](const Generation& g) { return g.id == token.generation(); });
    return found == generations_.end() ? nullptr : &*found;
  }
  // A reset is a loss to the client: only of another log, or beyond where its generation ended.
  bool MayReset(const internal::v1::ResumeToken& token) const {
    const Generation* generation = GenerationOf(token);
    if (generation == nullptr) return true;
    const Sequence end = generation == &generations_.back() ? source_.applied()
                                                            : (generation + 1)->first_sequence - 1;
    return std::max({token.position(), token.cut(), token.settle()}) > end;
  }
  bool MustReset(const internal::v1::ResumeToken& token) const {
    return GenerationOf(token) == nullptr;
  }

  void Save() {
    std::string token = subscription_->Token();
    if (token != client_.token) {
      client_.token = std::move(token);
      client_.latest_only = latest_only_;
    }
    if (saved_.size() >= kSavedStatesMax) {
      saved_.erase(saved_.begin() + static_cast<ptrdiff_t>(random_.Below(saved_.size())));
    }
    saved_.push_back(client_);
  }

  // One step of the stream; true if it sent something.
  bool Next() {
    const internal::v1::ResumeToken before = TokenNow();
    applied_before_ = source_.applied();
    absl::StatusOr<Outgoing> outgoing = subscription_->Next(/*may_read_store=*/random_.Percent(30));
    if (outgoing.ok() && outgoing->kind == Outgoing::Kind::kNeedsStore) {
      // The read pool gets to it later.
      if (!catching_up_ && random_.Percent(30)) CommitSome();
      if (random_.Percent(30)) source_.Publish();
      applied_before_ = source_.applied();
      outgoing = subscription_->Next(/*may_read_store=*/true);
    }
    EXPECT_OK(outgoing);
    if (!outgoing.ok()) return false;
    Handle(*outgoing, before);
    if (!may_reset_ || reset_) {
      EXPECT_GE(subscription_->Head(), client_.last);
    }
    EXPECT_GE(subscription_->Head(), source_.head());
    Save();
    return outgoing->kind != Outgoing::Kind::kNothing;
  }

  void Handle(const Outgoing& outgoing, const internal::v1::ResumeToken& before) {
    ASSERT_EQ(outgoing.kind == Outgoing::Kind::kOpened, !opened_) << "opened comes first, and once";
    if (opened_ && !reset_) {
      ASSERT_TRUE(!must_reset_ || outgoing.kind == Outgoing::Kind::kReset) << "a reset was due";
    }
    ASSERT_EQ(outgoing.kind == Outgoing::Kind::kBatch, !outgoing.entries.empty());
    if (outgoing.kind == Outgoing::Kind::kOpened) {
      opened_ = true;
      return;
    }
    if (outgoing.kind == Outgoing::Kind::kReset) return HandleReset(outgoing);
    HandleStep(outgoing, before);
    if (::testing::Test::HasFatalFailure()) return;
    switch (outgoing.kind) {
      case Outgoing::Kind::kSnapshotEnd:
        return HandleSnapshotEnd(outgoing);
      case Outgoing::Kind::kNothing:
        return HandleNothing();
      case Outgoing::Kind::kSkipped:
        ASSERT_GT(TokenNow().position(), before.position()) << "it never comes to an end";
        return;
      case Outgoing::Kind::kNeedsStore:
        FAIL() << "it may read the store";
      default:
        return;
    }
  }

  void HandleReset(const Outgoing& outgoing) {
    ASSERT_TRUE(may_reset_) << "a resume that could go on was reset: " << outgoing.reason;
    ASSERT_FALSE(reset_) << "reset twice";
    ASSERT_FALSE(outgoing.reason.empty());
    client_ = ClientState();
    client_.cut = head_at_open_;
    reset_ = true;
  }

  // Whatever a step sends, and a step that sends nothing: its entries are all that there is to say
  // about the way from the token before to the token now.
  void HandleStep(const Outgoing& outgoing, const internal::v1::ResumeToken& before) {
    from_ = before.position();
    to_ = TokenNow().position();
    ASSERT_GE(to_, from_);
    ASSERT_LE(outgoing.entries.size(), limits_.events);
    size_t bytes = 0;
    std::vector<Outgoing::Entry> first_pass;
    std::vector<Outgoing::Entry> later;
    for (const Outgoing::Entry& entry : outgoing.entries) {
      SCOPED_TRACE(absl::StrCat("at ", entry.event.sequence));
      ASSERT_GT(entry.event.sequence, std::max(client_.last, from_)) << "Ordered, Unique";
      ASSERT_LE(entry.event.sequence, to_) << "Bookmarked";
      client_.last = entry.event.sequence;
      ASSERT_NO_FATAL_FAILURE(CheckForm(entry));
      if (entry.event.bytes != nullptr) bytes += entry.event.bytes->size();
      const bool is_first = InFirstPass(before) && entry.event.sequence <= client_.cut;
      (is_first ? first_pass : later).push_back(entry);
    }
    ASSERT_TRUE(outgoing.entries.size() <= 1 || bytes <= limits_.bytes);
    const Sequence border = InFirstPass(before) ? std::clamp(client_.cut, from_, to_) : from_;
    ASSERT_NO_FATAL_FAILURE(CheckConflated(first_pass, from_, border, /*first=*/true));
    if (latest_only_) {
      ASSERT_NO_FATAL_FAILURE(CheckConflated(later, border, to_, /*first=*/false));
    } else {
      ASSERT_NO_FATAL_FAILURE(CheckEvents(later, border, to_));
    }
    for (const Outgoing::Entry& entry : outgoing.entries) Take(entry);
  }

  // The published rule.
  void Take(const Outgoing::Entry& entry) {
    const std::string& id = source_.At(entry.event.sequence).incident_id;
    if (entry.membership == v1::MEMBERSHIP_LEFT) {
      client_.incidents.erase(id);
    } else {
      client_.incidents[id] = entry.event.sequence;
    }
  }

  bool Matches(Sequence sequence) const {
    return !filtered_ || source_.At(sequence).state == v1::STATE_OPEN;
  }
  FakeEventSource::Incidents MatchingAsOf(Sequence sequence) const {
    FakeEventSource::Incidents incidents = source_.IncidentsAsOf(sequence);
    for (auto it = incidents.begin(); it != incidents.end();) {
      it = Matches(it->second) ? std::next(it) : incidents.erase(it);
    }
    return incidents;
  }

  // It is an event of the log, or what is sent instead of one.
  void CheckForm(const Outgoing::Entry& entry) {
    ASSERT_FALSE(source_.After(entry.event.sequence - 1).empty());
    const FakeEventSource::Record& record = source_.At(entry.event.sequence);
    if (latest_only_ && entry.membership == v1::MEMBERSHIP_LEFT) {
      ASSERT_EQ(entry.event.bytes, nullptr);
      ASSERT_EQ(entry.incident_id, record.incident_id);
      ASSERT_EQ(entry.state, record.state);
    } else {
      ASSERT_EQ(entry.event.bytes, record.event.bytes);
      ASSERT_EQ(entry.incident_id, "");
    }
    ASSERT_EQ(entry.membership == v1::MEMBERSHIP_LEFT, !Matches(entry.event.sequence));
  }

  // `entries` tell the newest of every incident that changed in (from, to].
  void CheckConflated(const std::vector<Outgoing::Entry>& entries, Sequence from, Sequence to,
                      bool first) {
    std::map<std::string, Sequence> told;
    for (const Outgoing::Entry& entry : entries) {
      const FakeEventSource::Record& record = source_.At(entry.event.sequence);
      ASSERT_TRUE(told.emplace(record.incident_id, entry.event.sequence).second) << "conflated";
      ASSERT_EQ(source_.IncidentsAsOf(to).at(record.incident_id), entry.event.sequence);
      if (first) {
        ASSERT_EQ(source_.IncidentsAsOf(applied_before_).at(record.incident_id),
                  entry.event.sequence);
        ASSERT_EQ(entry.membership, v1::MEMBERSHIP_ENTERED);
      } else if (entry.membership == v1::MEMBERSHIP_ENTERED) {
        ASSERT_EQ(client_.incidents.count(record.incident_id), 0U);
      } else if (entry.membership == v1::MEMBERSHIP_LEFT) {
        ASSERT_NE(record.event.previous_sequence, 0U) << "nobody can hold it";
      }
    }
    for (const auto& [id, sequence] : source_.IncidentsAsOf(applied_before_)) {
      if (sequence <= from || sequence > to) continue;
      if (!Matches(sequence) && client_.incidents.count(id) == 0) continue;
      // It moved away in mid-step, where a later one finds it.
      if (!first && source_.IncidentsAsOf(source_.applied()).at(id) != sequence) continue;
      ASSERT_EQ(told.count(id), 1U) << "Complete: " << id << " at " << sequence;
    }
  }

  // `entries` tell every event in (from, to] that changes what the subscriber holds or may hold.
  void CheckEvents(const std::vector<Outgoing::Entry>& entries, Sequence from, Sequence to) {
    auto next = entries.begin();
    for (const FakeEventSource::Record& record : source_.After(from)) {
      if (record.event.sequence > to) break;
      const Sequence previous = record.event.previous_sequence;
      const bool now = Matches(record.event.sequence);
      const bool unknown = filtered_ && previous != 0 && previous <= client_.cut;
      const bool before = previous != 0 && Matches(previous);
      if (!now && !before && !unknown) continue;
      ASSERT_NE(next, entries.end()) << "Complete: nothing about " << record.event.sequence;
      ASSERT_EQ(next->event.sequence, record.event.sequence) << "Complete";
      ASSERT_EQ(next->membership, !now                ? v1::MEMBERSHIP_LEFT
                                  : before || unknown ? v1::MEMBERSHIP_UPDATED
                                                      : v1::MEMBERSHIP_ENTERED);
      ++next;
    }
    ASSERT_EQ(next, entries.end()) << "an entry about nothing";
  }

  void HandleSnapshotEnd(const Outgoing& outgoing) {
    ASSERT_FALSE(client_.exact_since.has_value()) << "one snapshot, one end";
    ASSERT_GE(outgoing.sequence, client_.last);
    ASSERT_EQ(outgoing.sequence, to_);
    ASSERT_EQ(client_.incidents, MatchingAsOf(outgoing.sequence));
    client_.exact_since = outgoing.sequence;
  }

  // Bookmarked: the token that a heartbeat would carry now covers everything published.
  void HandleNothing() {
    ASSERT_GE(to_, source_.head());
    if (!client_.exact_since.has_value()) {
      ASSERT_GT(source_.applied(), source_.head()) << "there is nothing to wait for";
    }
  }

  void CatchUp() {
    source_.during_read_latest = nullptr;
    catching_up_ = true;
    source_.Publish();
    size_t steps = 0;
    // Without a message, but on the way, is no end.
    while (Next() || TokenNow().position() < source_.head()) {
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_LT(++steps, 10 * source_.history().size() + 10) << "it never catches up";
    }
    ASSERT_TRUE(client_.exact_since.has_value());
    ASSERT_GE(TokenNow().position(), source_.applied());
    if (client_.from_now) return;
    ASSERT_EQ(client_.incidents, MatchingAsOf(source_.applied()));
  }

  Random random_;
  FakeEventSource source_;
  const ReadLimits limits_;
  // Whether the subscriber wants only what is open.
  const bool filtered_;
  const size_t latest_only_percent_;
  std::shared_ptr<const Matchers> matchers_;
  std::vector<Generation> generations_;
  std::unique_ptr<Generations> known_;
  std::vector<Disk> backups_;

  std::unique_ptr<Subscription> subscription_;
  ClientState client_;
  std::vector<ClientState> saved_;
  Sequence head_at_open_ = 0;
  Sequence applied_before_ = 0;
  // Positions before and after the last step.
  Sequence from_ = 0;
  Sequence to_ = 0;
  bool latest_only_ = false;
  bool opened_ = false;
  bool reset_ = false;
  bool may_reset_ = false;
  bool must_reset_ = false;
  // Nothing changes any more.
  bool catching_up_ = false;
};

TEST(SubscriptionModelTest, OrderedUniqueCompleteAndResumableThroughAnyHistory) {
  const uint64_t base = testing::FirstSeed();
  for (uint64_t seed = base; seed < base + 1500; ++seed) {
    SCOPED_TRACE(testing::SeedTrace(seed));
    Model(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace incidenthub
