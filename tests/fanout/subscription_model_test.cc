// Random histories against a client that remembers everything and believes nothing: incidents
// change between, and in the middle of, a subscription's steps; the client goes away and comes back
// with any token that it ever had; the hub restarts, and is put back from an older copy of its
// disk.

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
  // Head when the snapshot under way began.
  Sequence cut = 0;
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
        limits_{.events = 1 + random_.Below(4), .bytes = 1 + random_.Below(150)} {
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
      source_.Commit(absl::StrCat("i-", random_.Below(kIncidents)), 1 + random_.Below(3));
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
    if (client_.from_now) client_.exact_since = source_.head();
    may_reset_ = must_reset_ = false;
    Open(start);
  }

  void Open(const Subscription::Start& start) {
    subscription_ = std::make_unique<Subscription>(&source_, known_.get(), start, limits_);
    head_at_open_ = source_.head();
    opened_ = reset_ = false;
    // The token of a stream that has sent nothing yet is as good as the one it began with.
    if (random_.Percent(20)) Save();
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
    client_.token = subscription_->Token();
    if (saved_.size() >= kSavedStatesMax) {
      saved_.erase(saved_.begin() + static_cast<ptrdiff_t>(random_.Below(saved_.size())));
    }
    saved_.push_back(client_);
  }

  // One step of the stream; true if it sent something.
  bool Next() {
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
    Handle(*outgoing);
    if (!may_reset_ || reset_) {
      EXPECT_GE(subscription_->Head(), client_.last);
    }
    EXPECT_GE(subscription_->Head(), source_.head());
    Save();
    return outgoing->kind != Outgoing::Kind::kNothing;
  }

  void Handle(const Outgoing& outgoing) {
    ASSERT_EQ(outgoing.kind == Outgoing::Kind::kOpened, !opened_) << "opened comes first, and once";
    if (opened_ && !reset_) {
      ASSERT_TRUE(!must_reset_ || outgoing.kind == Outgoing::Kind::kReset) << "a reset was due";
    }
    switch (outgoing.kind) {
      case Outgoing::Kind::kOpened:
        opened_ = true;
        return;
      case Outgoing::Kind::kReset:
        return HandleReset(outgoing);
      case Outgoing::Kind::kBatch:
        return HandleBatch(outgoing);
      case Outgoing::Kind::kSnapshotEnd:
        return HandleSnapshotEnd(outgoing);
      case Outgoing::Kind::kNothing:
        return HandleNothing();
      case Outgoing::Kind::kNeedsStore:
        FAIL() << "it may read the store";
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

  void HandleBatch(const Outgoing& outgoing) {
    ASSERT_FALSE(outgoing.entries.empty());
    ASSERT_LE(outgoing.entries.size(), limits_.events);
    size_t bytes = 0;
    for (const Outgoing::Entry& entry : outgoing.entries) {
      bytes += entry.event.bytes->size();
      HandleEntry(entry);
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(outgoing.entries.size() == 1 || bytes <= limits_.bytes);
  }

  void HandleEntry(const Outgoing::Entry& entry) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(*entry.event.bytes));
    const Sequence sequence = event.sequence();
    const std::string& id = event.incident().id();
    SCOPED_TRACE(absl::StrCat(id, " at ", sequence));
    ASSERT_EQ(entry.event.sequence, sequence);
    ASSERT_GT(sequence, client_.last) << "Ordered, Unique";
    const auto later = source_.After(sequence - 1);
    ASSERT_FALSE(later.empty());
    ASSERT_EQ(later.front().event.bytes, entry.event.bytes) << "it is an event of the log";

    const bool conflated = !client_.exact_since.has_value() && sequence <= client_.cut;
    if (conflated) {
      // As of the beginning of the read it was the incident's newest.
      ASSERT_EQ(source_.IncidentsAsOf(applied_before_).at(id), sequence);
      ASSERT_EQ(entry.membership, v1::MEMBERSHIP_ENTERED);
    } else {
      const Sequence before = std::max(client_.last, client_.exact_since.value_or(client_.cut));
      ASSERT_EQ(source_.After(before).front().event.sequence, sequence) << "Complete";
      ASSERT_EQ(entry.membership,
                event.previous_sequence() == 0 ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED);
    }
    client_.incidents[id] = sequence;
    client_.last = sequence;
  }

  void HandleSnapshotEnd(const Outgoing& outgoing) {
    ASSERT_FALSE(client_.exact_since.has_value()) << "one snapshot, one end";
    ASSERT_GE(outgoing.sequence, client_.last);
    ASSERT_EQ(client_.incidents, source_.IncidentsAsOf(outgoing.sequence));
    client_.exact_since = outgoing.sequence;
  }

  // Bookmarked: the token that a heartbeat would carry now covers everything published.
  void HandleNothing() {
    const auto rest = source_.After(std::max(client_.last, client_.exact_since.value_or(0)));
    if (client_.exact_since.has_value()) {
      ASSERT_TRUE(rest.empty() || rest.front().event.sequence > source_.head());
    } else {
      ASSERT_GT(source_.applied(), source_.head()) << "there is nothing to wait for";
    }
  }

  void CatchUp() {
    source_.during_read_latest = nullptr;
    catching_up_ = true;
    source_.Publish();
    size_t steps = 0;
    while (Next()) {
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_LT(++steps, 10 * source_.history().size() + 10) << "it never catches up";
    }
    ASSERT_TRUE(client_.exact_since.has_value());
    ASSERT_GE(std::max(client_.last, *client_.exact_since), source_.applied());
    if (client_.from_now) return;
    ASSERT_EQ(client_.incidents, source_.IncidentsAsOf(source_.applied()));
  }

  Random random_;
  FakeEventSource source_;
  const ReadLimits limits_;
  std::vector<Generation> generations_;
  std::unique_ptr<Generations> known_;
  std::vector<Disk> backups_;

  std::unique_ptr<Subscription> subscription_;
  ClientState client_;
  std::vector<ClientState> saved_;
  Sequence head_at_open_ = 0;
  Sequence applied_before_ = 0;
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
