// A hub in this process, behind its real services on a real port, with a log that can be held up.

#ifndef INCIDENTHUB_TESTS_RPC_RPC_FIXTURE_H_
#define INCIDENTHUB_TESTS_RPC_RPC_FIXTURE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/decode/source_kinds.h"
#include "common/grpc_status.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/consumer_service.grpc.pb.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "incidenthub/v1/ingest_service.grpc.pb.h"
#include "incidenthub/v1/quarantine_service.grpc.pb.h"
#include "server/core/sequencer.h"
#include "server/fanout/broadcaster.h"
#include "server/fanout/event_ring.h"
#include "server/fanout/event_source.h"
#include "server/fanout/live_subscriptions.h"
#include "server/log/local_event_log.h"
#include "server/rpc/consumer_service.h"
#include "server/rpc/gate.h"
#include "server/rpc/incident_service.h"
#include "server/rpc/ingest_service.h"
#include "server/rpc/quarantine_service.h"
#include "server/rpc/read_pool.h"
#include "server/store/consumers.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_log.h"
#include "tests/support/hub_channel.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {

// No call takes as long; only a test that fails does.
inline constexpr std::chrono::seconds kCallDeadline{30};

// A call's deadline, and whose it is: `token` empty: nobody's.
inline void PrepareCall(grpc::ClientContext* context, const std::string& token = "") {
  context->set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  if (!token.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
}

// One open Subscribe, read message by message.
class SubscribeCall {
 public:
  SubscribeCall(v1::IncidentService::Stub* stub, const v1::SubscribeRequest& request,
                const std::string& token = "") {
    PrepareCall(&context_, token);
    reader_ = stub->Subscribe(&context_, request);
  }
  // Ends it, if nobody did.
  ~SubscribeCall() {
    if (finished_) return;
    context_.TryCancel();
    static_cast<void>(Finish());
  }

  // The next message; false: the stream ended.
  bool TryRead(v1::SubscribeResponse* response) {
    response->Clear();
    if (!reader_->Read(response)) return false;
    if (!response->resume_token().empty()) token_ = response->resume_token();
    return true;
  }
  // The same; fails the test if the stream ended.
  v1::SubscribeResponse Read() {
    v1::SubscribeResponse response;
    EXPECT_TRUE(TryRead(&response)) << "the stream ended";
    return response;
  }
  // The next one of this kind; heartbeats before it are passed over.
  v1::SubscribeResponse ReadKind(v1::SubscribeResponse::MessageCase kind) {
    v1::SubscribeResponse response = Read();
    while (response.has_heartbeat() && kind != v1::SubscribeResponse::kHeartbeat) {
      response = Read();
    }
    EXPECT_EQ(response.message_case(), kind) << response.ShortDebugString();
    return response;
  }
  // Reads entries until the one with this sequence; fails the test if one is skipped or repeated.
  std::vector<v1::Entry> ReadUntil(Sequence last) {
    std::vector<v1::Entry> entries;
    while (entries.empty() || entries.back().event().sequence() < last) {
      const v1::SubscribeResponse response = ReadKind(v1::SubscribeResponse::kBatch);
      if (!response.has_batch()) return entries;
      entries.insert(entries.end(), response.batch().entries().begin(),
                     response.batch().entries().end());
    }
    return entries;
  }
  void ReadSnapshot() {
    v1::SubscribeResponse response = ReadKind(v1::SubscribeResponse::kOpened);
    while (!response.has_snapshot_end()) {
      response = Read();
      if (response.message_case() == v1::SubscribeResponse::MESSAGE_NOT_SET) return;
    }
  }

  // Of the newest message that had one.
  const std::string& token() const { return token_; }
  void Cancel() { context_.TryCancel(); }
  absl::Status Finish() {
    v1::SubscribeResponse rest;
    while (reader_->Read(&rest)) {
    }
    finished_ = true;
    return FromGrpcStatus(reader_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader_;
  std::string token_;
  bool finished_ = false;
};

// One open Ingest.
class IngestCall {
 public:
  explicit IngestCall(v1::IngestService::Stub* stub, const std::string& token = "") {
    PrepareCall(&context_, token);
    stream_ = stub->Ingest(&context_);
  }
  ~IngestCall() {
    if (finished_) return;
    context_.TryCancel();
    static_cast<void>(Finish());
  }

  bool Write(const std::vector<v1::Delivery>& deliveries) {
    v1::IngestRequest request;
    for (const v1::Delivery& delivery : deliveries) *request.add_deliveries() = delivery;
    return stream_->Write(request);
  }
  void WritesDone() { stream_->WritesDone(); }
  // Reads until there are so many receipts; fails the test if the stream ends before.
  std::vector<v1::Receipt> Read(size_t count) {
    std::vector<v1::Receipt> receipts;
    v1::IngestResponse response;
    while (receipts.size() < count) {
      const bool read = stream_->Read(&response);
      EXPECT_TRUE(read) << "the stream ended after " << receipts.size() << " receipts";
      if (!read) break;
      receipts.insert(receipts.end(), response.receipts().begin(), response.receipts().end());
    }
    return receipts;
  }
  void WaitUntilUp() { stream_->WaitForInitialMetadata(); }
  void Cancel() { context_.TryCancel(); }
  absl::Status Finish() {
    v1::IngestResponse rest;
    while (stream_->Read(&rest)) {
    }
    finished_ = true;
    return FromGrpcStatus(stream_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  bool finished_ = false;
};

class RpcTest : public ::testing::Test {
 protected:
  struct Options {
    size_t ring_bytes = size_t{32} << 20U;
    size_t max_streams = 100;
    size_t max_ingest_streams = 4;
    absl::Duration stuck_write_timeout = absl::InfiniteDuration();
    absl::Duration max_stream_age = absl::InfiniteDuration();
    size_t max_consumers = kConsumersMax;
    const decode::SourceKind* (*find_kind)(absl::string_view name) = decode::FindSourceKind;
    // Null: everybody may do everything. Outlives the fixture.
    const Access* access = nullptr;
  };

  RpcTest() : RpcTest(Options()) {}
  explicit RpcTest(const Options& options)
      : options_(options),
        ring_(options.ring_bytes, 0),
        ingest_streams_(options.max_ingest_streams) {
    auto local_log = LocalEventLog::Open(database_.get());
    EXPECT_OK(local_log);
    local_log_ = *std::move(local_log);
    log_ = std::make_unique<FaultyLog>(local_log_.get());
    auto store = Store::Open(database_.get());
    EXPECT_OK(store);
    store_ = *std::move(store);
    StartHub();
  }
  ~RpcTest() override { StopHub(); }

  // A client's own connection.
  std::unique_ptr<v1::IncidentService::Stub> NewStub() const {
    return v1::IncidentService::NewStub(ConnectToHub(port_));
  }
  std::unique_ptr<v1::IngestService::Stub> NewIngestStub() const {
    return v1::IngestService::NewStub(ConnectToHub(port_));
  }

  std::unique_ptr<v1::ConsumerService::Stub> NewConsumerStub() const {
    return v1::ConsumerService::NewStub(ConnectToHub(port_));
  }
  std::unique_ptr<v1::QuarantineService::Stub> NewQuarantineStub() const {
    return v1::QuarantineService::NewStub(ConnectToHub(port_));
  }

  // Commits a delivery behind the services' back and returns its sequence, once it is published:
  // the answer comes before.
  Sequence Ingest(const v1::Delivery& delivery) {
    absl::Notification answered;
    Sequence sequence = 0;
    CommandGroup group;
    group.commands.emplace_back(delivery);
    group.done = [&](std::vector<Outcome> outcomes) {
      EXPECT_OK(outcomes[0]);
      if (outcomes[0].ok()) sequence = std::get<Committed>(*outcomes[0]).sequence;
      answered.Notify();
    };
    EXPECT_OK(sequencer_->Submit(std::move(group)));
    EXPECT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(30)));
    EXPECT_TRUE(WaitUntil([&] { return ring_.head() >= sequence; }, absl::Seconds(30),
                          absl::Microseconds(100)));
    return sequence;
  }
  Sequence Ingest(const std::string& incident_id, int update = 0, size_t padding = 0) {
    DeliveryBuilder builder(incident_id);
    builder.UpdateTime(At(update));
    if (padding > 0) builder.Padded(padding);
    return Ingest(builder.Build());
  }

  [[nodiscard]] bool AwaitNoOpenStreams() const {
    return WaitUntil([this] { return open_streams_.load() == 0; }, absl::Seconds(30));
  }

  const Options options_;
  TestDatabase database_;
  FakeClock clock_{At(0)};
  std::atomic<uint64_t> free_bytes_{uint64_t{1} << 40U};
  std::atomic<Sequence> floor_{0};
  DiskSpace disk_{[this]() -> absl::StatusOr<uint64_t> { return free_bytes_.load(); },
                  DiskSpaceOptions()};
  std::unique_ptr<LocalEventLog> local_log_;
  std::unique_ptr<FaultyLog> log_;
  std::unique_ptr<Store> store_;
  EventRing ring_;
  std::unique_ptr<HubEventSource> source_;
  std::unique_ptr<Broadcaster> broadcaster_;
  std::unique_ptr<Consumers> consumers_;
  LiveSubscriptions live_;
  std::unique_ptr<ReadPool> read_pool_;
  std::unique_ptr<Sequencer> sequencer_;
  std::unique_ptr<Gate> gate_;
  IngestStreams ingest_streams_;
  std::atomic<size_t> open_streams_{0};
  std::atomic<uint64_t> stuck_writes_{0};
  std::unique_ptr<v1::IncidentService::Stub> stub_;
  std::unique_ptr<v1::IngestService::Stub> ingest_stub_;

 private:
  void StartHub() {
    source_ = std::make_unique<HubEventSource>(&ring_, store_.get());
    broadcaster_ = std::make_unique<Broadcaster>(&ring_);
    consumers_ = std::make_unique<Consumers>(
        database_.get(), [this] { return sequencer_->CheckWritable(); },
        [this](const absl::Status& status) { sequencer_->FailStop(status); },
        options_.max_consumers);
    ASSERT_OK(consumers_->Load());
    read_pool_ = std::make_unique<ReadPool>(2, 1024);
    sequencer_ = std::make_unique<Sequencer>(
        log_.get(), store_.get(), &clock_, &disk_,
        [this](absl::Span<const SharedEvent> events) { broadcaster_->Publish(events); },
        [](const absl::Status&) {}, SequencerOptions());
    gate_ = std::make_unique<Gate>(options_.access);
    incident_service_ = std::make_unique<IncidentServiceImpl>(IncidentServiceImpl::Environment{
        .gate = gate_.get(),
        .sequencer = sequencer_.get(),
        .store = store_.get(),
        .read_pool = read_pool_.get(),
        .subscribe = {.gate = gate_.get(),
                      .source = source_.get(),
                      .generations = &log_->generations(),
                      .broadcaster = broadcaster_.get(),
                      .read_pool = read_pool_.get(),
                      .consumers = consumers_.get(),
                      .live = &live_,
                      .open_streams = &open_streams_,
                      .stuck_write_timeout = options_.stuck_write_timeout,
                      .stuck_writes = &stuck_writes_,
                      .max_stream_age = options_.max_stream_age},
        .max_streams = options_.max_streams});
    ingest_service_ =
        std::make_unique<IngestServiceImpl>(gate_.get(), sequencer_.get(), &ingest_streams_);
    consumer_service_ = std::make_unique<ConsumerServiceImpl>(
        ConsumerServiceImpl::Environment{.gate = gate_.get(),
                                         .consumers = consumers_.get(),
                                         .live = &live_,
                                         .store = store_.get(),
                                         .generations = &log_->generations(),
                                         .read_pool = read_pool_.get(),
                                         .floor = [this] { return floor_.load(); }});
    quarantine_service_ = std::make_unique<QuarantineServiceImpl>(
        QuarantineServiceImpl::Environment{.gate = gate_.get(),
                                           .sequencer = sequencer_.get(),
                                           .quarantine = &store_->quarantine(),
                                           .read_pool = read_pool_.get(),
                                           .find_kind = options_.find_kind});
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(5 << 20);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(incident_service_.get());
    builder.RegisterService(ingest_service_.get());
    builder.RegisterService(consumer_service_.get());
    builder.RegisterService(quarantine_service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = NewStub();
    ingest_stub_ = NewIngestStub();
  }
  void StopHub() {
    log_->OpenGate();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    sequencer_.reset();
    read_pool_.reset();
    broadcaster_.reset();
  }

  std::unique_ptr<IncidentServiceImpl> incident_service_;
  std::unique_ptr<IngestServiceImpl> ingest_service_;
  std::unique_ptr<ConsumerServiceImpl> consumer_service_;
  std::unique_ptr<QuarantineServiceImpl> quarantine_service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_RPC_RPC_FIXTURE_H_
