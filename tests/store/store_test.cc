#include "server/store/store.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/event.pb.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace {

using testing::EqualsProto;
using testing::HasCode;
using testing::TestDatabase;
using testing::UnsyncedEnv;
using Durability = Database::Durability;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ReadLimits kAll{.events = 1'000'000, .bytes = size_t{1} << 30U};

// Writes events as log and store do it together.
class StoreTest : public ::testing::Test {
 protected:
  explicit StoreTest(const Database::Options& options = {}) : database_(options) { Open(); }

  void Open() {
    auto store = Store::Open(database_.get());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    database_.Reopen();
    Open();
  }

  // The next event of this incident, padded to some bytes.
  v1::Event MakeEvent(const std::string& id, Sequence sequence, size_t padding = 0) {
    v1::Event event;
    event.set_sequence(sequence);
    event.set_type(v1::EVENT_TYPE_UPDATED);
    event.set_previous_sequence(newest_[id]);
    event.mutable_incident()->set_id(id);
    event.mutable_incident()->set_sequence(sequence);
    event.mutable_incident()->set_status_text(std::string(padding, 'x'));
    newest_[id] = sequence;
    events_[sequence] = event;
    return event;
  }

  static std::string RecordOf(const v1::Event& event) {
    internal::v1::Bookkeeping bookkeeping;
    bookkeeping.set_first_sequence(event.sequence() + 1000);
    internal::v1::LogRecord record;
    record.set_event(event.SerializeAsString());
    record.set_bookkeeping(bookkeeping.SerializeAsString());
    record.set_previous_sequence(event.previous_sequence());
    return record.SerializeAsString();
  }

  // What the log does.
  void Append(const v1::Event& event) {
    WriteSet changes;
    changes.Put(Table::kEvents, EncodeKey(event.sequence()), RecordOf(event));
    ASSERT_OK(database_->Write(std::move(changes), Durability::kSynced));
  }
  void Apply(const std::vector<v1::Event>& events) {
    std::vector<AppliedEvent> applied;
    for (const v1::Event& event : events) {
      auto parsed = ParseRecord(event.sequence(), RecordOf(event));
      ASSERT_OK(parsed);
      applied.push_back(*std::move(parsed));
    }
    ASSERT_OK(store_->Apply(applied));
  }
  void Commit(const std::string& id, Sequence sequence, size_t padding = 0) {
    const v1::Event event = MakeEvent(id, sequence, padding);
    Append(event);
    Apply({event});
  }

  std::vector<Sequence> ReadLatest(Sequence after, Sequence up_to, const ReadLimits& limits,
                                   bool* complete) {
    const auto events = store_->ReadLatest(after, up_to, limits, complete);
    EXPECT_OK(events);
    return events.ok() ? Check(*events) : std::vector<Sequence>();
  }
  std::vector<Sequence> ReadEvents(Sequence after, const ReadLimits& limits = kAll) {
    const auto events = store_->ReadEvents(after, limits);
    EXPECT_OK(events);
    return events.ok() ? Check(*events) : std::vector<Sequence>();
  }

  std::vector<Sequence> ReadHistory(const std::string& id, Sequence newest,
                                    const ReadLimits& limits, Sequence* next) {
    const auto history = store_->ReadHistory(id, newest, limits);
    EXPECT_OK(history);
    if (!history.ok()) return {};
    EXPECT_FALSE(history->truncated);
    *next = history->next;
    return Check(history->events);
  }

  // Their sequences, once they are found to be what was written.
  std::vector<Sequence> Check(const std::vector<SharedEvent>& events) {
    std::vector<Sequence> sequences;
    for (const SharedEvent& shared : events) {
      v1::Event event;
      EXPECT_TRUE(event.ParseFromString(*shared.bytes));
      EXPECT_THAT(event, EqualsProto(events_.at(shared.sequence)));
      EXPECT_EQ(shared.previous_sequence, event.previous_sequence());
      sequences.push_back(shared.sequence);
    }
    return sequences;
  }

  TestDatabase database_;
  std::unique_ptr<Store> store_;
  std::map<std::string, Sequence> newest_;
  std::map<Sequence, v1::Event> events_;
};

TEST_F(StoreTest, BeginsEmpty) {
  bool complete = false;
  EXPECT_EQ(store_->applied(), 0U);
  EXPECT_EQ(store_->incident_count(), 0U);
  EXPECT_EQ(store_->quarantine().count(), 0U);
  EXPECT_EQ(store_->FindIncident("a").value().has_value(), false);
  EXPECT_TRUE(ReadEvents(0).empty());
  EXPECT_TRUE(ReadLatest(0, 100, kAll, &complete).empty());
  EXPECT_TRUE(complete);
}

TEST_F(StoreTest, AnIncidentIsFoundAsItsNewestEventLeftIt) {
  Commit("a", 1);
  Commit("b", 2);
  Commit("a", 7, 10);
  const auto found = store_->FindIncident("a");
  ASSERT_OK(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_THAT((*found)->incident, EqualsProto(events_.at(7).incident()));
  EXPECT_EQ((*found)->bookkeeping.first_sequence(), 1007U) << "the bookkeeping of that event";
  EXPECT_EQ(store_->applied(), 7U);
  EXPECT_EQ(store_->incident_count(), 2U);
}

TEST_F(StoreTest, IdsAreOpaqueBytes) {
  const std::string ids[] = {std::string("a\0b", 3), std::string("a\0", 2), "a", "a/b", "\xC3\xA4",
                             std::string(512, 'x')};
  Sequence sequence = 0;
  for (const std::string& id : ids) Commit(id, ++sequence);
  sequence = 0;
  for (const std::string& id : ids) {
    const auto found = store_->FindIncident(id);
    ASSERT_OK(found);
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->incident.sequence(), ++sequence);
  }
}

TEST_F(StoreTest, OneApplyMayTouchAnIncidentSeveralTimes) {
  std::vector<v1::Event> events = {MakeEvent("a", 1), MakeEvent("b", 2), MakeEvent("a", 3),
                                   MakeEvent("a", 5)};
  for (const v1::Event& event : events) Append(event);
  Apply(events);
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 5, kAll, &complete), (std::vector<Sequence>{2, 5}));
  EXPECT_EQ(store_->incident_count(), 2U);
  EXPECT_EQ(store_->FindIncident("a").value()->incident.sequence(), 5U);
}

TEST_F(StoreTest, EverythingSurvivesAReopening) {
  for (Sequence sequence = 1; sequence <= 50; ++sequence) {
    Commit(absl::StrCat("i-", sequence % 7), sequence);
  }
  internal::v1::QuarantinedBody body;
  body.set_raw("{}");
  ASSERT_OK(
      store_->mutable_quarantine()->Write({.drop = {}, .keep = {body, body}}, Durability::kSynced));
  Reopen();
  EXPECT_EQ(store_->applied(), 50U);
  EXPECT_EQ(store_->incident_count(), 7U);
  EXPECT_EQ(store_->quarantine().count(), 2U);
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 50, kAll, &complete),
            (std::vector<Sequence>{44, 45, 46, 47, 48, 49, 50}));
  EXPECT_EQ(ReadEvents(0).size(), 50U);
}

TEST_F(StoreTest, WhatIsLoggedAndNotAppliedIsNotVisible) {
  Commit("a", 1);
  const v1::Event second = MakeEvent("a", 2);
  Append(second);
  EXPECT_EQ(ReadEvents(0), (std::vector<Sequence>{1}));
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 100, kAll, &complete), (std::vector<Sequence>{1}));
  EXPECT_EQ(store_->FindIncident("a").value()->incident.sequence(), 1U);
  Apply({second});
  EXPECT_EQ(ReadEvents(0), (std::vector<Sequence>{1, 2}));
}

TEST_F(StoreTest, ReadEventHandsOutThatOneOrNothing) {
  Commit("a", 2);
  Commit("a", 4);
  const auto held = store_->ReadEvent(4);
  ASSERT_OK(held);
  ASSERT_TRUE(held->has_value());
  EXPECT_EQ(Check({**held}), (std::vector<Sequence>{4}));
  const auto missing = store_->ReadEvent(3);
  ASSERT_OK(missing);
  EXPECT_FALSE(missing->has_value());
}

TEST_F(StoreTest, ReadEventsHandsOutWhatComesAfterWithinItsLimits) {
  for (const Sequence sequence : {2U, 4U, 6U, 8U}) Commit("a", sequence, 100);
  EXPECT_EQ(ReadEvents(0), (std::vector<Sequence>{2, 4, 6, 8}));
  EXPECT_EQ(ReadEvents(2), (std::vector<Sequence>{4, 6, 8}));
  EXPECT_EQ(ReadEvents(3), (std::vector<Sequence>{4, 6, 8}));
  EXPECT_TRUE(ReadEvents(8).empty());
  EXPECT_TRUE(ReadEvents(100).empty());
  EXPECT_EQ(ReadEvents(0, {.events = 3, .bytes = 1'000'000}), (std::vector<Sequence>{2, 4, 6}));
  const size_t first_two = events_.at(2).ByteSizeLong() + events_.at(4).ByteSizeLong();
  EXPECT_EQ(ReadEvents(0, {.events = 100, .bytes = first_two}), (std::vector<Sequence>{2, 4}));
  EXPECT_EQ(ReadEvents(0, {.events = 100, .bytes = first_two - 1}), (std::vector<Sequence>{2}));
  EXPECT_EQ(ReadEvents(0, {.events = 100, .bytes = 1}), (std::vector<Sequence>{2}))
      << "at least one, however large";
}

TEST_F(StoreTest, ReadLatestHandsOutEachIncidentOnceWithinItsRangeAndLimits) {
  for (Sequence sequence = 1; sequence <= 10; ++sequence) {
    Commit(absl::StrCat("i-", sequence % 5), sequence, 100);
  }
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 10, kAll, &complete), (std::vector<Sequence>{6, 7, 8, 9, 10}));
  EXPECT_TRUE(complete);
  EXPECT_EQ(ReadLatest(7, 9, kAll, &complete), (std::vector<Sequence>{8, 9}));
  EXPECT_TRUE(complete);
  EXPECT_TRUE(ReadLatest(10, 10, kAll, &complete).empty());
  EXPECT_TRUE(complete);

  EXPECT_EQ(ReadLatest(0, 10, {.events = 2, .bytes = 1'000'000}, &complete),
            (std::vector<Sequence>{6, 7}));
  EXPECT_FALSE(complete);
  const size_t first_two = events_.at(6).ByteSizeLong() + events_.at(7).ByteSizeLong();
  EXPECT_EQ(ReadLatest(0, 10, {.events = 100, .bytes = first_two}, &complete),
            (std::vector<Sequence>{6, 7}));
  EXPECT_FALSE(complete);
  EXPECT_EQ(ReadLatest(0, 10, {.events = 100, .bytes = 1}, &complete), (std::vector<Sequence>{6}))
      << "at least one, however large";
  EXPECT_FALSE(complete);
}

TEST_F(StoreTest, ReadLatestPagesThroughManyIncidentsMissingNone) {
  constexpr Sequence kIncidents = 500;
  for (Sequence sequence = 1; sequence <= kIncidents; ++sequence) {
    Commit(absl::StrCat("i-", sequence), sequence);
  }
  for (const size_t page : {1U, 63U, 64U, 65U, 128U, 499U, 500U, 501U}) {
    Sequence position = 0;
    Sequence seen = 0;
    bool complete = false;
    while (!complete) {
      const auto sequences =
          ReadLatest(position, kIncidents, {.events = page, .bytes = 1'000'000}, &complete);
      ASSERT_LE(sequences.size(), page);
      ASSERT_TRUE(complete || !sequences.empty()) << "no progress";
      for (const Sequence sequence : sequences) ASSERT_EQ(sequence, ++seen);
      if (!sequences.empty()) position = sequences.back();
    }
    EXPECT_EQ(seen, kIncidents) << page << " a page";
  }
}

TEST_F(StoreTest, AnIncidentThatMovesDuringAScanIsNotMissed) {
  for (Sequence sequence = 1; sequence <= 6; ++sequence) {
    Commit(absl::StrCat("i-", sequence), sequence);
  }
  const ReadLimits two{.events = 2, .bytes = 1'000'000};
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 6, two, &complete), (std::vector<Sequence>{1, 2}));
  Commit("i-4", 7);  // From ahead of the cursor,
  Commit("i-1", 8);  // and from behind it.
  EXPECT_EQ(ReadLatest(2, 6, two, &complete), (std::vector<Sequence>{3, 5}));
  EXPECT_EQ(ReadLatest(5, 6, two, &complete), (std::vector<Sequence>{6}));
  EXPECT_TRUE(complete);
  EXPECT_EQ(ReadEvents(6), (std::vector<Sequence>{7, 8})) << "what moved is beyond the cut";
}

TEST_F(StoreTest, AHistoryIsReadFromTheNewestBackWithinItsLimits) {
  for (Sequence sequence = 1; sequence <= 9; ++sequence) {
    Commit(sequence % 2 == 1 ? "odd" : "even", sequence, 100);
  }
  EXPECT_EQ(store_->FindNewest("odd").value(), 9U);
  EXPECT_EQ(store_->FindNewest("even").value(), 8U);
  EXPECT_EQ(store_->FindNewest("none").value(), 0U);
  Sequence next = 0;
  EXPECT_THAT(ReadHistory("odd", 9, kAll, &next), ElementsAre(9U, 7U, 5U, 3U, 1U));
  EXPECT_EQ(next, 0U);
  EXPECT_THAT(ReadHistory("odd", 9, {.events = 2, .bytes = 10'000}, &next), ElementsAre(9U, 7U));
  EXPECT_EQ(next, 5U);
  EXPECT_THAT(ReadHistory("odd", next, {.events = 2, .bytes = 10'000}, &next), ElementsAre(5U, 3U));
  EXPECT_THAT(ReadHistory("odd", next, {.events = 2, .bytes = 10'000}, &next), ElementsAre(1U));
  EXPECT_EQ(next, 0U);
  EXPECT_THAT(ReadHistory("odd", 9, {.events = 9, .bytes = 300}, &next), ElementsAre(9U, 7U));
  EXPECT_THAT(ReadHistory("odd", 9, {.events = 9, .bytes = 1}, &next), ElementsAre(9U))
      << "at least one";
  EXPECT_THAT(ReadHistory("odd", 8, kAll, &next), IsEmpty()) << "that is another incident's";
  EXPECT_THAT(ReadHistory("odd", 77, kAll, &next), IsEmpty());
}

TEST_F(StoreTest, ARecordThatDoesNotParseIsDataLoss) {
  EXPECT_THAT(ParseRecord(1, "\xFF\xFF\xFF"), HasCode(absl::StatusCode::kDataLoss));
  internal::v1::LogRecord record;
  record.set_event("\xFF\xFF\xFF");
  EXPECT_THAT(ParseRecord(1, record.SerializeAsString()), HasCode(absl::StatusCode::kDataLoss));

  Commit("a", 1);
  WriteSet changes;
  changes.Put(Table::kEvents, EncodeKey(1), "\xFF\xFF\xFF");
  ASSERT_OK(database_->Write(std::move(changes), Durability::kSynced));
  bool complete = false;
  EXPECT_THAT(store_->FindIncident("a"), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store_->ReadEvents(0, kAll), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store_->ReadLatest(0, 1, kAll, &complete), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(StoreTest, AnIndexThatNamesAMissingEventIsDataLoss) {
  Commit("a", 1);
  WriteSet changes;
  changes.Delete(Table::kEvents, EncodeKey(1));
  ASSERT_OK(database_->Write(std::move(changes), Durability::kSynced));
  bool complete = false;
  EXPECT_THAT(store_->FindIncident("a"), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store_->ReadLatest(0, 1, kAll, &complete), HasCode(absl::StatusCode::kDataLoss));
}

// Before the fixture, so that it outlives its database.
class WithUnsyncedEnv {
 protected:
  UnsyncedEnv env_;
};

class StoreOnAFailingDiskTest : protected WithUnsyncedEnv, public StoreTest {
 protected:
  StoreOnAFailingDiskTest() : StoreTest({.env = env_.get()}) {}

  void LosePower() {
    env_.PowerOff();
    store_.reset();
    database_.Close();
    env_.PowerOn();
    database_.Open();
    Open();
  }
};

TEST_F(StoreOnAFailingDiskTest, ApplyDoesNotSyncAndGoesBackAsAWhole) {
  Commit("a", 1);
  Commit("b", 2);
  const v1::Event third = MakeEvent("a", 3);
  Append(third);
  const uint64_t syncs = env_.log_syncs();
  Apply({third});
  EXPECT_EQ(env_.log_syncs(), syncs);
  LosePower();
  EXPECT_EQ(store_->applied(), 2U) << "as of the last append that was synced";
  EXPECT_EQ(store_->incident_count(), 2U);
  bool complete = false;
  EXPECT_EQ(ReadLatest(0, 100, kAll, &complete), (std::vector<Sequence>{1, 2}));
  Apply({third});
  EXPECT_EQ(ReadLatest(0, 100, kAll, &complete), (std::vector<Sequence>{2, 3}));
}

}  // namespace
}  // namespace incidenthub
