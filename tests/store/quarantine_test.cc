#include "server/store/quarantine.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/rank.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace {

using internal::v1::QuarantinedBody;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;
using testing::TestDatabase;
using testing::UnsyncedEnv;
using Durability = Database::Durability;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Time Second(int second) { return absl::FromUnixSeconds(1'800'000'000 + second); }

QuarantinedBody Body(std::string raw, int kept_at = 0) {
  QuarantinedBody body;
  body.set_source("bigpanda");
  body.set_kind("bigpanda");
  body.set_reason("/incident/id: is missing");
  body.set_raw(std::move(raw));
  *body.mutable_keep_time() = ToTimestamp(Second(kept_at));
  return body;
}

class QuarantineTest : public ::testing::Test {
 protected:
  explicit QuarantineTest(const Database::Options& options = {}) : database_(options) { Open(); }

  void Open() {
    quarantine_ = std::make_unique<Quarantine>(database_.get());
    ASSERT_OK(quarantine_->Load());
  }
  void Reopen() {
    quarantine_.reset();
    database_.Reopen();
    Open();
  }

  uint64_t Keep(const std::vector<QuarantinedBody>& bodies,
                Durability durability = Durability::kSynced) {
    const auto first = quarantine_->Write({.drop = {}, .keep = bodies}, durability);
    EXPECT_OK(first);
    return first.value_or(0);
  }
  void Drop(const std::vector<uint64_t>& ids) {
    EXPECT_OK(quarantine_->Write({.drop = ids, .keep = {}}, Durability::kSynced));
  }
  std::map<uint64_t, std::string> OnDisk() const {
    std::map<uint64_t, std::string> held;
    const auto iterator = database_->NewIterator(Table::kQuarantine);
    for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
      QuarantinedBody body;
      EXPECT_TRUE(body.ParseFromArray(iterator->value().data(),
                                      static_cast<int>(iterator->value().size())));
      held[DecodeKey(iterator->key())] = body.raw();
    }
    return held;
  }

  TestDatabase database_;
  std::unique_ptr<Quarantine> quarantine_;
};

TEST_F(QuarantineTest, BodiesAreNumberedInTheirOrderAndKeptWhole) {
  EXPECT_EQ(Keep({Body("a"), Body("b")}), 1U);
  EXPECT_EQ(Keep({Body("c")}), 3U);
  EXPECT_EQ(OnDisk(), (std::map<uint64_t, std::string>{{1, "a"}, {2, "b"}, {3, "c"}}));
  EXPECT_EQ(quarantine_->count(), 3U);
  const auto body = quarantine_->Get(2);
  ASSERT_OK(body);
  ASSERT_TRUE(body->has_value());
  EXPECT_THAT(**body, EqualsProto(Body("b")));
  EXPECT_FALSE(quarantine_->Get(4)->has_value());
  EXPECT_TRUE(quarantine_->Holds(3));
  EXPECT_FALSE(quarantine_->Holds(4));
  EXPECT_FALSE(quarantine_->Holds(0));
}

TEST_F(QuarantineTest, WhatLeavesIsGoneAlsoAfterAReopening) {
  Keep({Body("a"), Body("b"), Body("c"), Body("d")});
  Drop({2, 4, 77});
  EXPECT_EQ(quarantine_->count(), 2U);
  EXPECT_FALSE(quarantine_->Holds(2));
  EXPECT_FALSE(quarantine_->Get(2)->has_value());
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_EQ(OnDisk(), (std::map<uint64_t, std::string>{{1, "a"}, {3, "c"}}));
    EXPECT_THAT(quarantine_->NewestBelow(0, 10), ElementsAre(3, 1));
    EXPECT_EQ(quarantine_->count(), 2U);
    Reopen();
  }
  EXPECT_EQ(quarantine_->pushed_out(), 0U) << "nobody was pushed";
}

TEST_F(QuarantineTest, ANumberIsNeverUsedAgainAlsoIfTheNewestLeftBeforeARestart) {
  Keep({Body("a"), Body("b")});
  Drop({2});
  Reopen();
  EXPECT_EQ(Keep({Body("c")}), 3U);
  Drop({1, 3});
  Reopen();
  EXPECT_THAT(OnDisk(), IsEmpty());
  EXPECT_EQ(Keep({Body("d")}), 4U);
}

// As hubs wrote it that did not keep the newest number.
TEST_F(QuarantineTest, NumbersGoOnAfterThoseOfAnOlderHub) {
  QuarantinedBody old = Body("old");
  old.clear_keep_time();
  old.clear_kind();
  *old.mutable_receive_time() = ToTimestamp(Second(5));
  WriteSet changes;
  changes.Put(Table::kQuarantine, EncodeKey(6), Body("older").SerializeAsString());
  changes.Put(Table::kQuarantine, EncodeKey(7), old.SerializeAsString());
  ASSERT_OK(database_->Write(std::move(changes), Durability::kSynced));
  Reopen();
  EXPECT_THAT(quarantine_->KeptUntil(Second(4), 10), ElementsAre(6));
  EXPECT_THAT(quarantine_->KeptUntil(Second(5), 10), ElementsAre(6, 7)) << "by its receive time";
  Drop({7});
  Reopen();
  EXPECT_EQ(Keep({Body("new")}), 8U);
}

TEST_F(QuarantineTest, OneWriteDropsAndKeeps) {
  Keep({Body("a"), Body("b")});
  EXPECT_EQ(*quarantine_->Write({.drop = {1}, .keep = {Body("rest of a")}}, Durability::kSynced),
            3U);
  EXPECT_EQ(OnDisk(), (std::map<uint64_t, std::string>{{2, "b"}, {3, "rest of a"}}));
}

TEST_F(QuarantineTest, AreListedTheNewestFirstInPieces) {
  Keep({Body("a"), Body("b"), Body("c"), Body("d"), Body("e")});
  Drop({3});
  EXPECT_THAT(quarantine_->NewestBelow(0, 2), ElementsAre(5, 4));
  EXPECT_THAT(quarantine_->NewestBelow(4, 2), ElementsAre(2, 1));
  EXPECT_THAT(quarantine_->NewestBelow(3, 2), ElementsAre(2, 1)) << "one that has left";
  EXPECT_THAT(quarantine_->NewestBelow(1, 2), IsEmpty());
  EXPECT_THAT(quarantine_->NewestBelow(99, 2), ElementsAre(5, 4));
}

TEST_F(QuarantineTest, TheOldestAreFoundUpToTheFirstThatIsTooYoung) {
  Keep({Body("a", 10), Body("b", 20), Body("from a clock ahead", 1000), Body("d", 30)});
  EXPECT_THAT(quarantine_->KeptUntil(Second(9), 10), IsEmpty());
  EXPECT_THAT(quarantine_->KeptUntil(Second(20), 10), ElementsAre(1, 2));
  EXPECT_THAT(quarantine_->KeptUntil(Second(20), 1), ElementsAre(1));
  EXPECT_THAT(quarantine_->KeptUntil(Second(999), 10), ElementsAre(1, 2));
  EXPECT_THAT(quarantine_->KeptUntil(Second(1000), 10), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(quarantine_->KeptUntil(absl::InfinitePast(), 10), IsEmpty());
}

TEST_F(QuarantineTest, PastItsCountTheOldestLeave) {
  std::vector<QuarantinedBody> bodies;
  for (int i = 1; i <= 1000; ++i) bodies.push_back(Body("x"));
  for (int i = 0; i < 10; ++i) Keep(bodies, Durability::kBuffered);
  EXPECT_EQ(quarantine_->count(), 10'000U);
  EXPECT_EQ(OnDisk().size(), 10'000U);
  EXPECT_EQ(quarantine_->pushed_out(), 0U);
  EXPECT_EQ(Keep({Body("10,001st")}, Durability::kBuffered), 10'001U);
  const auto held = OnDisk();
  EXPECT_EQ(held.size(), 10'000U);
  EXPECT_EQ(held.begin()->first, 2U);
  EXPECT_EQ(held.rbegin()->second, "10,001st");
  EXPECT_EQ(quarantine_->pushed_out(), 1U);

  Reopen();
  EXPECT_EQ(quarantine_->count(), 10'000U);
  Keep({Body("a"), Body("b")}, Durability::kBuffered);
  EXPECT_EQ(OnDisk().begin()->first, 4U) << "the bound is kept over a restart";
  Drop({5000});
  Keep({Body("c")}, Durability::kBuffered);
  EXPECT_EQ(OnDisk().begin()->first, 4U) << "there was room";
  EXPECT_EQ(quarantine_->count(), 10'000U);
}

TEST_F(QuarantineTest, PastItsBytesTheOldestLeave) {
  const std::string large(size_t{2} << 20U, 'x');
  for (int i = 0; i < 130; ++i) Keep({Body(large)}, Durability::kBuffered);
  size_t bytes = 0;
  const auto held = OnDisk();
  for (const auto& [number, raw] : held) bytes += raw.size();
  EXPECT_LE(bytes, size_t{256} << 20U);
  EXPECT_EQ(held.size(), 127U) << "128 of them are more, with what surrounds them";
  EXPECT_EQ(held.rbegin()->first, 130U);
  EXPECT_EQ(quarantine_->count(), 127U);
  EXPECT_EQ(quarantine_->pushed_out(), 3U);
  Reopen();
  Keep({Body(large)}, Durability::kBuffered);
  EXPECT_EQ(OnDisk().begin()->first, 5U);
}

TEST_F(QuarantineTest, ABodyThatDoesNotParseIsDataLoss) {
  Keep({Body("a")});
  WriteSet changes;
  changes.Put(Table::kQuarantine, EncodeKey(1), "\xFF\xFF\xFF");
  ASSERT_OK(database_->Write(std::move(changes), Durability::kSynced));
  EXPECT_THAT(quarantine_->Get(1), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Quarantine(database_.get()).Load(), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_THAT(QuarantinedNotFound(7), HasReason("QUARANTINED_NOT_FOUND"));
}

// Before the fixture, so that it outlives its database.
class WithUnsyncedEnv {
 protected:
  UnsyncedEnv env_;
};

class QuarantineOnAFailingDiskTest : protected WithUnsyncedEnv, public QuarantineTest {
 protected:
  QuarantineOnAFailingDiskTest() : QuarantineTest({.env = env_.get()}) {}

  void LosePower() {
    env_.PowerOff();
    quarantine_.reset();
    database_.Close();
    env_.PowerOn();
    database_.Open();
    Open();
  }
};

TEST_F(QuarantineOnAFailingDiskTest, ABodyIsSyncedWhenAskedTo) {
  Keep({Body("synced")}, Durability::kSynced);
  Keep({Body("buffered")}, Durability::kBuffered);
  LosePower();
  EXPECT_EQ(OnDisk(), (std::map<uint64_t, std::string>{{1, "synced"}}));
  EXPECT_EQ(quarantine_->count(), 1U);
}

}  // namespace
}  // namespace incidenthub
