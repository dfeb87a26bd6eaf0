#include "server/core/recovery.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "tests/core/core_fixture.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/random_seed.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using testing::Answer;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::FaultyLog;
using testing::HasCode;
using testing::ResolveOf;
using testing::TestDatabase;
using testing::UnackOf;
using testing::WithRequestId;

class RecoveryTest : public CoreTest {
 protected:
  static std::string RecordOf(const std::string& id, Sequence sequence, Sequence previous) {
    v1::Event event;
    event.set_sequence(sequence);
    event.set_previous_sequence(previous);
    event.mutable_incident()->set_id(id);
    event.mutable_incident()->set_sequence(sequence);
    internal::v1::LogRecord record;
    record.set_event(event.SerializeAsString());
    record.set_previous_sequence(previous);
    return record.SerializeAsString();
  }

  // Nothing but what follows from the log, one event after the other, is in the store.
  void ExpectStoreIsFoldOfLog() {
    std::map<std::string, v1::Incident> incidents;
    std::map<std::string, std::string> bookkeeping;
    std::map<Sequence, std::string> latest;
    Sequence head = 0;
    ASSERT_OK(log_->Replay(0, [&](Sequence sequence, absl::string_view bytes) {
      internal::v1::LogRecord record;
      v1::Event event;
      EXPECT_TRUE(record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
      EXPECT_TRUE(event.ParseFromString(record.event()));
      const std::string& id = event.incident().id();
      EXPECT_EQ(event.sequence(), sequence);
      EXPECT_EQ(event.previous_sequence(), incidents[id].sequence());
      EXPECT_EQ(record.previous_sequence(), event.previous_sequence());
      latest.erase(event.previous_sequence());
      latest[sequence] = record.event();
      incidents[id] = event.incident();
      bookkeeping[id] = record.bookkeeping();
      head = sequence;
      return absl::OkStatus();
    }));
    EXPECT_EQ(store_->applied(), head);
    EXPECT_EQ(store_->incident_count(), incidents.size());
    bool complete = false;
    const auto shared =
        store_->ReadLatest(0, head, {.events = 1'000'000, .bytes = size_t{1} << 30U}, &complete);
    ASSERT_OK(shared);
    std::map<Sequence, std::string> found;
    for (const SharedEvent& event : *shared) found[event.sequence] = *event.bytes;
    EXPECT_EQ(found, latest);
    for (const auto& [id, incident] : incidents) {
      const auto state = store_->FindIncident(id);
      ASSERT_OK(state);
      ASSERT_TRUE(state->has_value());
      EXPECT_THAT((*state)->incident, EqualsProto(incident));
      EXPECT_EQ((*state)->bookkeeping.SerializeAsString(), bookkeeping[id]);
    }
    ExpectRebuiltStoreIsTheSame();
  }

  // Every table of the store is what a new store makes of the log alone.
  void ExpectRebuiltStoreIsTheSame() {
    TestDatabase rebuilt;
    WriteSet events;
    for (const auto& [key, record] : database_.Dump(Table::kEvents)) {
      events.Put(Table::kEvents, key, record);
    }
    ASSERT_OK(rebuilt->Write(std::move(events), Database::Durability::kBuffered));
    auto log = LocalEventLog::Open(rebuilt.get());
    auto store = Store::Open(rebuilt.get());
    ASSERT_OK(log);
    ASSERT_OK(store);
    ASSERT_OK(Recover(**log, store->get()));
    for (const Table table : {Table::kMeta, Table::kIncidents, Table::kLatest, Table::kAckExpiries,
                              Table::kRequests, Table::kRequestIds}) {
      EXPECT_EQ(rebuilt.Dump(table), database_.Dump(table)) << "table " << static_cast<int>(table);
    }
    EXPECT_EQ((*store)->ack_expiries().next(), store_->ack_expiries().next());
    EXPECT_EQ((*store)->request_ids().size(), store_->request_ids().size());
  }
};

TEST_F(RecoveryTest, AnEmptyHubHasNothingToRecover) {
  EXPECT_EQ(Recover(*log_, store_.get()).value(), 0U);
}

TEST_F(RecoveryTest, AStoreThatIsUpToItsLogStaysAsItIs) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  EXPECT_EQ(RestartHub(), 0U);
  ExpectStoreIsFoldOfLog();
}

TEST_F(RecoveryTest, WhatWasAppendedAndNotAppliedIsApplied) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  sequencer_.reset();
  ASSERT_OK(
      log_->Append(std::vector<LogEntry>{{2, RecordOf("b", 2, 0)}, {5, RecordOf("a", 5, 1)}}));
  EXPECT_EQ(store_->applied(), 1U);
  EXPECT_EQ(RestartHub(), 2U);
  ExpectStoreIsFoldOfLog();
  EXPECT_EQ(store_->FindIncident("a").value()->incident.sequence(), 5U);
  EXPECT_EQ(RestartHub(), 0U) << "once";
}

TEST_F(RecoveryTest, AnyNumberOfEventsIsApplied) {
  std::vector<LogEntry> entries;
  std::map<std::string, Sequence> newest;
  for (Sequence sequence = 1; sequence <= 3000; ++sequence) {
    const std::string id = absl::StrCat("i-", sequence % 700);
    entries.push_back({sequence, RecordOf(id, sequence, newest[id])});
    newest[id] = sequence;
  }
  ASSERT_OK(log_->Append(entries));
  EXPECT_EQ(Recover(*log_, store_.get()).value(), 3000U);
  ExpectStoreIsFoldOfLog();
}

TEST_F(RecoveryTest, ARecordThatDoesNotParseIsDataLoss) {
  ASSERT_OK(log_->Append(std::vector<LogEntry>{{1, RecordOf("a", 1, 0)}, {2, "\xFF\xFF\xFF"}}));
  EXPECT_THAT(Recover(*log_, store_.get()), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(RecoveryTest, AStoreAheadOfItsLogIsDataLoss) {
  AppliedEvent event;
  event.sequence = 1;
  event.incident_id = "a";
  ASSERT_OK(store_->Apply(std::vector<AppliedEvent>{event}));
  EXPECT_THAT(Recover(*log_, store_.get()), HasCode(absl::StatusCode::kDataLoss));
}

// A hub under load whose power fails, at each step of a batch in turn. What it promised is there
// afterwards, and the rest is either there or was never heard of.
class CrashTest : public RecoveryTest {
 protected:
  enum class When { kBeforeAppend, kBetweenAppendAndApply, kAfterAnswer };

  Command RandomCommand() {
    const std::string id = absl::StrCat("i-", Below(10));
    // Few enough that an id is often used again, for the same or for something else.
    const std::string request_id = Below(2) == 0 ? "" : absl::StrCat("r-", Below(40));
    switch (Below(12)) {
      case 0:
        return WithRequestId(AckOf(id), request_id);
      case 1:
        return WithRequestId(ResolveOf(id), request_id);
      case 2:
        return WithRequestId(UnackOf(id), request_id);
      case 3:
      case 4:
        return WithRequestId(
            AckUntil(id, clock_.Now() + absl::Minutes(static_cast<int64_t>(1 + Below(600)))),
            request_id);
      default:
        break;
    }
    DeliveryBuilder builder(id);
    builder.UpdateTime(At(static_cast<int64_t>(Below(100)))).StatusText(absl::StrCat(Below(1000)));
    if (Below(3) == 0) builder.Inactive();
    return builder.Build();
  }

  void CrashAt(When when) {
    switch (when) {
      case When::kBeforeAppend:
        log_->Fail(FaultyLog::Failure::kNothingWritten);
        break;
      case When::kBetweenAppendAndApply:
        log_->OnWritten([this] { env_.PowerOff(); });
        break;
      case When::kAfterAnswer:
        break;
    }
  }

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

  std::mt19937_64 random_;
};

TEST_F(CrashTest, WhatWasPromisedIsThereWhereverThePowerFails) {
  const uint64_t seed = testing::FirstSeed();
  SCOPED_TRACE(testing::SeedTrace(seed));
  struct Promise {
    v1::Delivery delivery;
    Sequence sequence;
  };
  std::vector<Promise> promises;
  Sequence highest = 0;
  for (int life = 0; life < 24; ++life) {
    const auto when = static_cast<When>(life % 3);
    SCOPED_TRACE(absl::StrCat("life ", life));
    Start({.batch_commands_max = 1 + Below(6),
           .batch_expiries_max = 1 + Below(3),
           .clock_interval = absl::Milliseconds(1)});
    promises.clear();
    const size_t groups = 1 + Below(12);
    for (size_t g = 0; g < groups; ++g) {
      clock_.Advance(absl::Minutes(static_cast<int64_t>(Below(300))));
      if (g + 1 == groups) CrashAt(when);
      std::vector<Command> commands;
      for (size_t n = 1 + Below(4); n > 0; --n) commands.push_back(RandomCommand());
      auto answer = std::make_shared<Answer>();
      // An expiry may have met the crash first.
      if (!TrySubmit(commands, 0, answer).ok()) break;
      const std::vector<Outcome> outcomes = answer->Wait();
      for (size_t i = 0; i < outcomes.size(); ++i) {
        if (!outcomes[i].ok()) continue;
        const Committed committed = CommittedOf(outcomes[i]);
        highest = std::max(highest, committed.sequence);
        if (const auto* delivery = std::get_if<v1::Delivery>(&commands[i])) {
          promises.push_back({*delivery, committed.sequence});
        }
      }
    }
    CrashHub();
    ExpectStoreIsFoldOfLog();
    ASSERT_GE(store_->applied(), highest) << "a promised event is gone";
    // The newest promises are recognised: the incident remembers their digests.
    Start();
    for (size_t i = promises.size() > 5 ? promises.size() - 5 : 0; i < promises.size(); ++i) {
      const Committed again = Commit(promises[i].delivery);
      ASSERT_FALSE(again.changed);
      ASSERT_EQ(again.sequence, promises[i].sequence);
    }
    sequencer_.reset();
  }
}

}  // namespace
}  // namespace incidenthub
