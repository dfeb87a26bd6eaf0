#include "server/store/upstream_index.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace incidenthub {
namespace {

using testing::At;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TestDatabase;

class UpstreamIndexTest : public ::testing::Test {
 protected:
  // `i-1` goes from one place to another with the event at `sequence`.
  void Apply(Sequence sequence, UpstreamPlace before, UpstreamPlace after, bool callback = false,
             bool comment = false) {
    AppliedEvent event;
    event.sequence = sequence;
    event.incident_id = "i-1";
    event.source = "bigpanda";
    event.commit_time = At(static_cast<int64_t>(sequence));
    event.previous_upstream = before;
    event.upstream = after;
    event.callback_due = callback;
    event.comment_due = comment;
    WriteSet changes;
    index_.Stage(event, &changes);
    ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
    index_.Written();
  }
  std::vector<Sequence> Read(UpstreamKind kind, Sequence after = 0, size_t max = 100) {
    const auto works = index_.Read(kind, after, max);
    EXPECT_OK(works);
    std::vector<Sequence> sequences;
    for (const UpstreamWork& work : *works) {
      EXPECT_EQ(work.kind, kind);
      EXPECT_EQ(work.incident_id, "i-1");
      EXPECT_EQ(work.source, "bigpanda");
      sequences.push_back(work.sequence);
    }
    return sequences;
  }

  TestDatabase database_;
  UpstreamIndex index_{database_.get()};
};

TEST_F(UpstreamIndexTest, AResolveIsWhereItsStateIs) {
  const UpstreamPlace pending{UpstreamKind::kPending, 5};
  const UpstreamPlace accepted{UpstreamKind::kAccepted, 5};
  Apply(5, {}, pending);
  EXPECT_THAT(Read(UpstreamKind::kPending), ElementsAre(5));
  EXPECT_EQ(index_.newest(), 5U);
  Apply(6, pending, pending);
  EXPECT_THAT(Read(UpstreamKind::kPending), ElementsAre(5));
  EXPECT_EQ(index_.newest(), 5U) << "nothing new was asked for";
  Apply(7, pending, accepted);
  EXPECT_THAT(Read(UpstreamKind::kPending), IsEmpty());
  EXPECT_THAT(Read(UpstreamKind::kAccepted), ElementsAre(5));
  EXPECT_EQ((*index_.Read(UpstreamKind::kAccepted, 0, 1))[0].since, At(7))
      << "since it was accepted";
  Apply(8, accepted, {});
  EXPECT_THAT(Read(UpstreamKind::kAccepted), IsEmpty());
}

TEST_F(UpstreamIndexTest, CallbacksAndCommentsStayUntilTheyAreDone) {
  Apply(5, {}, {}, /*callback=*/true);
  Apply(6, {}, {}, /*callback=*/false, /*comment=*/true);
  Apply(7, {}, {UpstreamKind::kPending, 7});
  database_.Reopen();
  UpstreamIndex index(database_.get());
  EXPECT_EQ(index.Read(UpstreamKind::kCallback, 0, 10)->size(), 1U);
  EXPECT_EQ(index.Read(UpstreamKind::kComment, 0, 10)->size(), 1U);
  EXPECT_OK(index.Finish(UpstreamKind::kCallback, 5));
  EXPECT_THAT(*index.Read(UpstreamKind::kCallback, 0, 10), IsEmpty());
  EXPECT_EQ(index.Read(UpstreamKind::kComment, 0, 10)->size(), 1U);
  EXPECT_EQ(index.Read(UpstreamKind::kPending, 0, 10)->size(), 1U);
}

TEST_F(UpstreamIndexTest, ReadsGoOnWhereTheLastOneEnded) {
  for (Sequence sequence = 1; sequence <= 5; ++sequence) {
    Apply(sequence, {}, {UpstreamKind::kPending, sequence});
  }
  EXPECT_THAT(Read(UpstreamKind::kPending, 0, 2), ElementsAre(1, 2));
  EXPECT_THAT(Read(UpstreamKind::kPending, 2, 2), ElementsAre(3, 4));
  EXPECT_THAT(Read(UpstreamKind::kPending, 4, 2), ElementsAre(5));
}

TEST(PlaceOfTest, OnlyWhatSomebodyHasToLookAtHasAPlace) {
  EXPECT_EQ(PlaceOf(v1::Upstream::STATE_CONFIRMED, 5), UpstreamPlace());
  EXPECT_EQ(PlaceOf(v1::Upstream::STATE_CANCELLED, 5), UpstreamPlace());
  EXPECT_EQ(PlaceOf(v1::Upstream::STATE_UNSPECIFIED, 0), UpstreamPlace());
  EXPECT_EQ(PlaceOf(v1::Upstream::STATE_FAILED, 5), (UpstreamPlace{UpstreamKind::kFailed, 5}));
}

}  // namespace
}  // namespace incidenthub
