// The scale tool works: every part in small, which is no measurement; and what it is made of.

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_feed.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::bench {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(55);

// A message as it may arrive: in slices of `slice_bytes`.
grpc::ByteBuffer InSlices(const std::string& bytes, size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += slice_bytes) {
    slices.emplace_back(bytes.substr(at, slice_bytes));
  }
  return {slices.data(), slices.size()};
}

TEST(OutlineTest, EntriesAreCountedHoweverTheBytesAreCut) {
  v1::SubscribeResponse response;
  response.set_resume_token("token");
  response.set_head_sequence(1'000'000);
  for (size_t i = 0; i < 7; ++i) {
    v1::Entry* entry = response.mutable_batch()->add_entries();
    entry->set_membership(v1::MEMBERSHIP_UPDATED);
    entry->mutable_event()->mutable_incident()->set_id(std::string(100 * i, 'x'));
  }
  const std::string bytes = response.SerializeAsString();
  for (size_t slice_bytes = 1; slice_bytes <= bytes.size(); ++slice_bytes) {
    const absl::StatusOr<Outline> outline = OutlineOf(InSlices(bytes, slice_bytes));
    ASSERT_TRUE(outline.ok()) << slice_bytes;
    EXPECT_EQ(outline->entries, 7);
    EXPECT_EQ(outline->resume_token, "token");
    EXPECT_FALSE(outline->opened || outline->snapshot_end);
  }
}

TEST(OutlineTest, OtherMessagesAreToldApart) {
  v1::SubscribeResponse opened;
  opened.mutable_opened()->set_head_sequence(3);
  EXPECT_TRUE(OutlineOf(InSlices(opened.SerializeAsString(), 100))->opened);
  v1::SubscribeResponse end;
  end.mutable_snapshot_end()->set_sequence(3);
  EXPECT_TRUE(OutlineOf(InSlices(end.SerializeAsString(), 100))->snapshot_end);
  v1::SubscribeResponse heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_EQ(OutlineOf(InSlices(heartbeat.SerializeAsString(), 100))->entries, 0);
}

TEST(OutlineTest, WhatIsCutOffIsNoResponse) {
  v1::SubscribeResponse response;
  response.mutable_batch()->add_entries()->set_incident_id("incident");
  const std::string bytes = response.SerializeAsString();
  EXPECT_FALSE(OutlineOf(InSlices(bytes.substr(0, bytes.size() - 1), 100)).ok());
}

TEST(DeliveryTemplateTest, DeliveriesDifferWhereTheyShould) {
  const DeliveryTemplate delivery;
  std::string bytes;
  delivery.Append(/*id=*/0, /*incident=*/4, /*revision=*/1, &bytes);
  delivery.Append(/*id=*/1, /*incident=*/4, /*revision=*/2, &bytes);
  delivery.Append(/*id=*/2, /*incident=*/5, /*revision=*/3, &bytes);
  v1::IngestRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  ASSERT_EQ(request.deliveries_size(), 3);
  std::set<uint64_t> ids;
  std::set<std::string> digests;
  for (int i = 0; i < 3; ++i) {
    ids.insert(request.deliveries(i).id());
    digests.insert(request.deliveries(i).digest());
    EXPECT_EQ(DeliveryTemplate::RevisionOf(request.deliveries(i).incident()), i + 1);
  }
  EXPECT_EQ(ids.size(), 3);
  EXPECT_EQ(digests.size(), 3);
  EXPECT_EQ(request.deliveries(0).incident().id(), DeliveryTemplate::IncidentId(4));
  EXPECT_EQ(request.deliveries(2).incident().id(), DeliveryTemplate::IncidentId(5));
  EXPECT_EQ(request.deliveries(0).incident().alerts(0).id(),
            request.deliveries(1).incident().alerts(0).id());
  EXPECT_NE(request.deliveries(0).incident().alerts(0).id(),
            request.deliveries(2).incident().alerts(0).id());
}

TEST(DeliveryTemplateTest, AnIncidentHasAboutTheSizeAskedFor) {
  for (const size_t bytes : {size_t{512}, size_t{3} << 10U, size_t{300} << 10U}) {
    const size_t made = DeliveryTemplate(bytes).bytes();
    EXPECT_GT(made, bytes * 2 / 3) << bytes;
    EXPECT_LT(made, bytes * 4 / 3) << bytes;
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ScaleToolTest, EveryFigureIsMeasured) {
  const testing::TempDir folder;
  const auto run =
      testing::RunProcess({INCIDENTHUB_SCALE, "--incidents=100", "--subscribers=5", "--backlog=300",
                           "--base_incidents=300", "--duration=100ms", "--payload_kib=0.5,30",
                           "--callers=1,3", absl::StrCat("--output=", folder / "scale")},
                          kPatience);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->exit_code, 0) << run->err;
  google::protobuf::Struct report;
  const std::string json = ReadFile(folder / "scale.json");
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &report).ok()) << json;
  for (const char* name : {"held_100_ingest",
                           "held_100_rss_fed",
                           "held_100_ready_term",
                           "held_100_ready_kill",
                           "held_100_rss_ready",
                           "held_100_disk",
                           "held_100_snapshot",
                           "held_100_snapshot_bytes",
                           "held_100_rss_idle",
                           "held_100_updates",
                           "held_100_update_cpu",
                           "held_100_update_alone_cpu",
                           "behind_ring_0",
                           "behind_ring_0_bytes",
                           "behind_ring_1",
                           "behind_ring_4",
                           "behind_ring_regex",
                           "behind_ring_selective",
                           "behind_disk_0",
                           "behind_disk_0_bytes",
                           "behind_disk_1",
                           "behind_disk_4",
                           "behind_disk_regex",
                           "behind_disk_selective",
                           "live_cpu_0",
                           "live_cpu_1",
                           "live_cpu_4",
                           "live_cpu_regex",
                           "live_cpu_selective",
                           "ack_1",
                           "ack_1_p50",
                           "ack_1_p99",
                           "ack_3",
                           "ack_3_p99",
                           "resolve_1",
                           "resolve_3",
                           "resolve_3_p99",
                           "mixed_delivery_p50",
                           "mixed_delivery_p99",
                           "mixed_event_p50",
                           "mixed_event_p99",
                           "mixed_ack_p99",
                           "mixed_resolve_p99",
                           "subscribers_0_updates",
                           "subscribers_1_update_cpu",
                           "subscribers_5_updates",
                           "subscribers_5_update_alone_cpu",
                           "payload_512_updates",
                           "payload_512_update_cpu",
                           "payload_30720_update_alone_cpu"}) {
    const auto figure = report.fields().find(name);
    ASSERT_NE(figure, report.fields().end()) << name;
    EXPECT_GT(figure->second.struct_value().fields().at("median").number_value(), 0) << name;
  }
  // Five streams take less than what else a process takes and gives back meanwhile.
  EXPECT_EQ(report.fields().count("held_100_idle_subscriber"), 1);
  EXPECT_EQ(report.fields().count("bare_subscriber"), 1);
  EXPECT_THAT(run->out, HasSubstr("100 incidents held"));
  EXPECT_EQ(ReadFile(folder / "scale.md"), run->out);
  EXPECT_THAT(ReadFile(folder / "scale.svg"), HasSubstr("CPU an update by subscribers"));
}

TEST(ScaleToolTest, ABadFlagIsNamed) {
  for (const char* flag : {"--incidents=1", "--payload_kib=x", "--parts=none", "--callers=0"}) {
    const auto run = testing::RunProcess({INCIDENTHUB_SCALE, flag}, kPatience);
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->exit_code, 1);
    EXPECT_THAT(run->err, HasSubstr(std::string(flag).substr(0, std::string(flag).find('='))));
  }
}

}  // namespace
}  // namespace incidenthub::bench
