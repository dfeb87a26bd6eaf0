#include "server/fanout/event_ring.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fanout/fake_event_source.h"

namespace incidenthub {
namespace {

constexpr ReadLimits kAll{.events = 1000, .bytes = 1'000'000};

SharedEvent EventOf(Sequence sequence, size_t bytes) {
  return {sequence, 0, std::make_shared<const std::string>(bytes, 'x')};
}

std::vector<Sequence> SequencesOf(const std::vector<SharedEvent>& events) {
  std::vector<Sequence> sequences;
  for (const SharedEvent& event : events) sequences.push_back(event.sequence);
  return sequences;
}

// Sequences after `after`; fails the test if they are out of reach.
std::vector<Sequence> Read(const EventRing& ring, Sequence after, const ReadLimits& limits = kAll) {
  std::vector<SharedEvent> events;
  EXPECT_TRUE(ring.ReadAfter(after, limits, &events));
  return SequencesOf(events);
}

bool InReach(const EventRing& ring, Sequence after) {
  std::vector<SharedEvent> events;
  return ring.ReadAfter(after, kAll, &events);
}

TEST(EventRingTest, BeginsEmptyWithEverythingUpToTheHeadOutOfReach) {
  const EventRing ring(100, 7);
  EXPECT_EQ(ring.head(), 7U);
  EXPECT_EQ(ring.bytes(), 0U);
  EXPECT_FALSE(InReach(ring, 6));
  EXPECT_TRUE(Read(ring, 7).empty());
  EXPECT_TRUE(Read(ring, 8).empty()) << "a reader may be ahead";
}

TEST(EventRingTest, HandsOutWhatComesAfterWithGapsInTheSequence) {
  EventRing ring(1000, 0);
  ring.Push(std::vector<SharedEvent>{EventOf(3, 10), EventOf(5, 10)});
  ring.Push(std::vector<SharedEvent>{EventOf(9, 10)});
  EXPECT_EQ(ring.head(), 9U);
  EXPECT_EQ(ring.bytes(), 30U);
  EXPECT_EQ(Read(ring, 0), (std::vector<Sequence>{3, 5, 9}));
  EXPECT_EQ(Read(ring, 3), (std::vector<Sequence>{5, 9}));
  EXPECT_EQ(Read(ring, 4), (std::vector<Sequence>{5, 9}));
  EXPECT_TRUE(Read(ring, 9).empty());
}

TEST(EventRingTest, HoldsAtMostItsBytes) {
  EventRing ring(30, 0);
  for (Sequence sequence = 1; sequence <= 10; ++sequence) {
    ring.Push(std::vector<SharedEvent>{EventOf(sequence, 10)});
    ASSERT_LE(ring.bytes(), 30U);
  }
  EXPECT_FALSE(InReach(ring, 6));
  EXPECT_EQ(Read(ring, 7), (std::vector<Sequence>{8, 9, 10}));
}

TEST(EventRingTest, HoldsTheNewestEventHoweverLarge) {
  EventRing ring(30, 0);
  ring.Push(std::vector<SharedEvent>{EventOf(1, 10), EventOf(2, 500)});
  EXPECT_EQ(ring.bytes(), 500U);
  EXPECT_FALSE(InReach(ring, 0));
  EXPECT_EQ(Read(ring, 1), (std::vector<Sequence>{2}));
  ring.Push(std::vector<SharedEvent>{EventOf(3, 10)});
  EXPECT_EQ(ring.bytes(), 10U) << "and no longer than it is the newest";
  EXPECT_EQ(Read(ring, 2), (std::vector<Sequence>{3}));
}

TEST(EventRingTest, APushLargerThanTheRingKeepsItsEnd) {
  EventRing ring(25, 0);
  std::vector<SharedEvent> events;
  for (Sequence sequence = 1; sequence <= 100; ++sequence) events.push_back(EventOf(sequence, 10));
  ring.Push(events);
  EXPECT_EQ(ring.head(), 100U);
  EXPECT_EQ(Read(ring, 98), (std::vector<Sequence>{99, 100}));
  EXPECT_FALSE(InReach(ring, 97));
}

TEST(EventRingTest, AReadEndsAtItsLimitsButHasAtLeastOneEvent) {
  EventRing ring(1000, 0);
  ring.Push(std::vector<SharedEvent>{EventOf(1, 10), EventOf(2, 10), EventOf(3, 10)});
  EXPECT_EQ(Read(ring, 0, {.events = 2, .bytes = 1000}), (std::vector<Sequence>{1, 2}));
  EXPECT_EQ(Read(ring, 0, {.events = 10, .bytes = 20}), (std::vector<Sequence>{1, 2}));
  EXPECT_EQ(Read(ring, 0, {.events = 10, .bytes = 19}), (std::vector<Sequence>{1}));
  EXPECT_EQ(Read(ring, 0, {.events = 10, .bytes = 1}), (std::vector<Sequence>{1}));
}

TEST(EventRingTest, AReadReplacesWhatTheVectorHeld) {
  EventRing ring(1000, 0);
  std::vector<SharedEvent> events = {EventOf(99, 1)};
  ASSERT_TRUE(ring.ReadAfter(0, kAll, &events));
  EXPECT_TRUE(events.empty());
}

TEST(EventRingTest, BytesAreSharedNotCopied) {
  EventRing ring(1000, 0);
  const SharedEvent event = EventOf(1, 10);
  ring.Push(std::vector<SharedEvent>{event});
  std::vector<SharedEvent> events;
  ASSERT_TRUE(ring.ReadAfter(0, kAll, &events));
  EXPECT_EQ(events[0].bytes, event.bytes);
}

TEST(EventRingTest, ReadersThatKeepUpMissNothingWhileEventsArePushed) {
  constexpr Sequence kEvents = 20'000;
  EventRing ring(100'000'000, 0);
  const auto follow = [&ring] {
    Sequence position = 0;
    while (position < kEvents) {
      std::vector<SharedEvent> events;
      ASSERT_TRUE(ring.ReadAfter(position, {.events = 7, .bytes = 1000}, &events));
      for (const SharedEvent& event : events) ASSERT_EQ(event.sequence, ++position);
    }
  };
  std::thread first(follow);
  std::thread second(follow);
  for (Sequence sequence = 1; sequence <= kEvents; ++sequence) {
    ring.Push(std::vector<SharedEvent>{EventOf(sequence, 1)});
  }
  first.join();
  second.join();
}

}  // namespace
}  // namespace incidenthub
