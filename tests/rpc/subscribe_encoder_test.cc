#include "server/rpc/subscribe_encoder.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::EqualsProto;
using Entry = Subscription::Outgoing::Entry;

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

v1::Event EventOf(Sequence sequence, size_t padding) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_type(v1::EVENT_TYPE_UPDATED);
  event.set_previous_sequence(sequence / 2);
  event.mutable_incident()->set_id(absl::StrCat("i-", sequence));
  event.mutable_incident()->set_status_text(std::string(padding, 'x'));
  return event;
}

// A batch of events of these sizes, byte for byte as protobuf encodes it.
void ExpectAsProtobuf(const std::vector<size_t>& paddings, Sequence first, Sequence head) {
  v1::SubscribeResponse expected;
  expected.set_resume_token("the-token");
  expected.set_head_sequence(head);
  std::vector<Entry> entries;
  for (size_t i = 0; i < paddings.size(); ++i) {
    const v1::Event event = EventOf(first + i, paddings[i]);
    const v1::Membership membership = i % 2 == 0 ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED;
    entries.push_back({membership,
                       {event.sequence(), event.previous_sequence(),
                        std::make_shared<const std::string>(event.SerializeAsString())}});
    auto* entry = expected.mutable_batch()->add_entries();
    entry->set_membership(membership);
    *entry->mutable_event() = event;
  }
  const std::string bytes = BytesOf(EncodeBatch(entries, "the-token", head));
  EXPECT_EQ(bytes, expected.SerializeAsString());
  v1::SubscribeResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_THAT(parsed, EqualsProto(expected));
}

TEST(EncodeBatchTest, IsByteForByteWhatProtobufMakes) {
  ExpectAsProtobuf({0}, 1, 1);
  ExpectAsProtobuf({1, 2, 3}, 7, 9);
  ExpectAsProtobuf({1'000'000}, 1, 1);
  ExpectAsProtobuf(std::vector<size_t>(500, 10), 1000, 100'000);
  const uint64_t max = std::numeric_limits<uint64_t>::max();
  ExpectAsProtobuf({5}, max, max);
}

TEST(EncodeBatchTest, AtEveryLengthWhereALengthGrowsAByte) {
  for (const size_t boundary : {size_t{128}, size_t{16'384}, size_t{2'097'152}}) {
    for (size_t padding = boundary - 60; padding < boundary + 5; ++padding) {
      ExpectAsProtobuf({padding}, 3, 3);
    }
  }
}

TEST(EncodeBatchTest, AnEventsBytesAreSharedAndLiveAsLongAsTheMessage) {
  auto bytes = std::make_shared<const std::string>(EventOf(1, 100'000).SerializeAsString());
  const std::weak_ptr<const std::string> watched = bytes;
  const char* const data = bytes->data();
  {
    const grpc::ByteBuffer buffer =
        EncodeBatch({{v1::MEMBERSHIP_ENTERED, {1, 0, std::move(bytes)}}}, "t", 1);
    EXPECT_FALSE(watched.expired());
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    ASSERT_EQ(slices.size(), 2U);
    EXPECT_EQ(reinterpret_cast<const char*>(slices[1].begin()), data);
  }
  EXPECT_TRUE(watched.expired());
}

TEST(EncodeBatchTest, LeftWithoutItsEventIsByteForByteWhatProtobufMakes) {
  v1::SubscribeResponse expected;
  expected.set_resume_token("t");
  expected.set_head_sequence(9);
  v1::Entry* left = expected.mutable_batch()->add_entries();
  left->set_membership(v1::MEMBERSHIP_LEFT);
  left->set_incident_id("a");
  left->set_sequence(7);
  left->set_state(v1::STATE_RESOLVED);
  v1::Entry* updated = expected.mutable_batch()->add_entries();
  updated->set_membership(v1::MEMBERSHIP_UPDATED);
  *updated->mutable_event() = EventOf(8, 10);
  std::vector<Entry> entries(2);
  entries[0].membership = v1::MEMBERSHIP_LEFT;
  entries[0].event.sequence = 7;
  entries[0].incident_id = "a";
  entries[0].state = v1::STATE_RESOLVED;
  entries[1] = {v1::MEMBERSHIP_UPDATED,
                {8, 4, std::make_shared<const std::string>(EventOf(8, 10).SerializeAsString())}};
  EXPECT_EQ(BytesOf(EncodeBatch(entries, "t", 9)), expected.SerializeAsString());
}

TEST(EncodeTest, OtherResponsesAreProtobufsOwn) {
  v1::SubscribeResponse response;
  response.set_resume_token("t");
  response.mutable_heartbeat();
  EXPECT_EQ(BytesOf(Encode(response)), response.SerializeAsString());
}

}  // namespace
}  // namespace incidenthub
