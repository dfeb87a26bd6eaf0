#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/error_details.h"
#include "common/histogram.h"
#include "common/host_port.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/backup/backup.h"
#include "server/backup/restore.h"
#include "server/core/disk_space.h"
#include "server/core/recovery.h"
#include "server/core/retention.h"
#include "server/core/sequencer.h"
#include "server/db/database.h"
#include "server/doors.h"
#include "server/fanout/broadcaster.h"
#include "server/fanout/event_ring.h"
#include "server/fanout/event_source.h"
#include "server/fanout/live_subscriptions.h"
#include "server/log/local_event_log.h"
#include "server/metrics.h"
#include "server/rpc/consumer_service.h"
#include "server/rpc/gate.h"
#include "server/rpc/incident_service.h"
#include "server/rpc/ingest_service.h"
#include "server/rpc/maintenance_service.h"
#include "server/rpc/quarantine_service.h"
#include "server/rpc/read_pool.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/upstream_service.h"
#include "server/store/consumers.h"
#include "server/store/store.h"
#include "server/upstream/worker.h"

namespace incidenthub {
namespace {

constexpr size_t kReadThreads = 2;
constexpr size_t kReadsQueuedMax = 1024;
constexpr size_t kIngestStreamsMax = 64;
// A gateway's message: at most 4 MiB by contract, with room for its frame.
constexpr int kReceiveBytesMax = 5 << 20;
// A peer that is gone is noticed within these two together; a stuck one holds the end of the hub as
// long as the second.
constexpr int kKeepaliveTimeMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
// Clients may ping as often as this.
constexpr int kClientPingMsMin = 5'000;

// How often the free disk is looked at while nobody writes.
constexpr absl::Duration kDiskInterval = absl::Seconds(1);

// How long streams and connections have, once all is said, before they are cut.
constexpr absl::Duration kStreamGrace = absl::Seconds(1);

constexpr const char* kConsumerServiceName = "incidenthub.v1.ConsumerService";
constexpr const char* kIncidentServiceName = "incidenthub.v1.IncidentService";
constexpr const char* kMaintenanceServiceName = "incidenthub.v1.MaintenanceService";
constexpr const char* kIngestServiceName = "incidenthub.v1.IngestService";
constexpr const char* kQuarantineServiceName = "incidenthub.v1.QuarantineService";
constexpr const char* kUpstreamServiceName = "incidenthub.v1.UpstreamService";
// As reflection lists them.
constexpr const char* kListedServices[] = {
    kConsumerServiceName,    kIncidentServiceName,
    kIngestServiceName,      kMaintenanceServiceName,
    kQuarantineServiceName,  kUpstreamServiceName,
    "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"};

absl::StatusOr<std::unique_ptr<grpc::Server>> Listen(
    const HubOptions& options, const std::shared_ptr<grpc::ServerCredentials>& credentials,
    const std::vector<grpc::Service*>& services, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  // Links the health protocol's descriptors in, which reflection needs to describe the service.
  grpc::health::v1::HealthCheckRequest::descriptor();
  grpc::ServerBuilder builder;
  // Else a second hub would take half of the first one's connections without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kClientPingMsMin);
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  for (grpc::Service* service : services) builder.RegisterService(service);
  ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(options.listen));
  const std::string uri =
      address.host.empty() ? absl::StrCat("[::]:", address.port) : options.listen;
  *port = 0;
  builder.AddListeningPort(uri, credentials, port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || *port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen, ": is the port in use?"));
  }
  return server;
}

}  // namespace

// Declared in the order of construction: each uses what stands above it.
struct Server::Parts {
  Parts(const HubOptions& options, Doors opened_doors, std::unique_ptr<Database> opened_database,
        std::unique_ptr<LocalEventLog> opened_log, std::unique_ptr<Store> opened_store,
        std::unique_ptr<UpstreamWorker> made_upstream,
        std::function<void(const absl::Status&)> on_failed_function);
  ~Parts() { upstream->Stop(); }
  // Of the sequencer or of retention, on their threads.
  void Fail(const absl::Status& status);

  const std::function<void(const absl::Status&)> on_failed;
  std::atomic<bool> failed{false};
  Doors doors;
  Gate gate;
  std::unique_ptr<Database> database;
  std::unique_ptr<LocalEventLog> log;
  std::unique_ptr<Store> store;
  EventRing ring;
  HubEventSource source;
  Broadcaster broadcaster;
  Consumers consumers;
  LiveSubscriptions live;
  ReadPool read_pool;
  DiskSpace disk;
  // Above the sequencer, which asks it; it calls the sequencer too, and so is stopped before that
  // goes.
  std::unique_ptr<UpstreamWorker> upstream;
  Sequencer sequencer;
  Retention retention;
  IngestStreams ingest_streams;
  std::atomic<size_t> open_subscriptions{0};
  std::atomic<uint64_t> stuck_writes{0};
  Histogram delivered_age{kAgeBounds};
  IncidentServiceImpl incident_service;
  IngestServiceImpl ingest_service;
  ConsumerServiceImpl consumer_service;
  Backups backups;
  MaintenanceServiceImpl maintenance_service;
  UpstreamServiceImpl upstream_service;
  QuarantineServiceImpl quarantine_service;
  ReflectionServiceImpl reflection_service;
  std::unique_ptr<grpc::Server> grpc_server;
  int port = 0;
  std::atomic<bool> stopping{false};
};

Server::Parts::Parts(const HubOptions& options, Doors opened_doors,
                     std::unique_ptr<Database> opened_database,
                     std::unique_ptr<LocalEventLog> opened_log, std::unique_ptr<Store> opened_store,
                     std::unique_ptr<UpstreamWorker> made_upstream,
                     std::function<void(const absl::Status&)> on_failed_function)
    : on_failed(std::move(on_failed_function)),
      doors(std::move(opened_doors)),
      gate(doors.access.get()),
      database(std::move(opened_database)),
      log(std::move(opened_log)),
      store(std::move(opened_store)),
      ring(options.ring_bytes, store->applied()),
      source(&ring, store.get()),
      broadcaster(&ring),
      // Called while there are calls, so that the sequencer is there.
      consumers(
          database.get(), [this] { return sequencer.CheckWritable(); },
          [this](const absl::Status& status) { sequencer.FailStop(status); }),
      read_pool(kReadThreads, kReadsQueuedMax),
      disk([this] { return database->FreeBytes(); }, {.min_free_bytes = options.min_free_bytes}),
      upstream(std::move(made_upstream)),
      sequencer(
          log.get(), store.get(), &SystemClock::Get(), &disk,
          [this](absl::Span<const SharedEvent> events) {
            broadcaster.Publish(events);
            upstream->OnCommitted();
          },
          [this](const absl::Status& status) { Fail(status); },
          {.recent_bytes_max = options.ring_bytes,
           .upstream_targets =
               [this](absl::string_view name) { return upstream->TargetsOf(name); }}),
      retention(&sequencer, store.get(), &SystemClock::Get(), options.retention),
      ingest_streams(kIngestStreamsMax),
      incident_service({.gate = &gate,
                        .sequencer = &sequencer,
                        .store = store.get(),
                        .read_pool = &read_pool,
                        .subscribe = {.gate = &gate,
                                      .source = &source,
                                      .generations = &log->generations(),
                                      .broadcaster = &broadcaster,
                                      .read_pool = &read_pool,
                                      .consumers = &consumers,
                                      .live = &live,
                                      .open_streams = &open_subscriptions,
                                      .stuck_write_timeout = options.stuck_write_timeout,
                                      .stuck_writes = &stuck_writes,
                                      .delivered_age = &delivered_age,
                                      .max_stream_age = options.max_stream_age},
                        .max_streams = options.max_streams}),
      ingest_service(&gate, &sequencer, &ingest_streams),
      consumer_service({.gate = &gate,
                        .consumers = &consumers,
                        .live = &live,
                        .store = store.get(),
                        .generations = &log->generations(),
                        .read_pool = &read_pool,
                        .floor = [this] { return store->floor(); }}),
      backups(database.get(), &disk, &SystemClock::Get(), options.backup_dir),
      maintenance_service(&gate, &backups),
      upstream_service(&gate, store.get(), upstream.get(), &read_pool),
      quarantine_service({.gate = &gate,
                          .sequencer = &sequencer,
                          .quarantine = &store->quarantine(),
                          .read_pool = &read_pool}),
      reflection_service(&gate, {std::begin(kListedServices), std::end(kListedServices)}) {
  retention.Start([this](const absl::Status& status) { Fail(status); });
  upstream->Start(&sequencer);
}

void Server::Parts::Fail(const absl::Status& status) {
  if (!failed.exchange(true)) on_failed(status);
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const HubOptions& options, std::function<void(const absl::Status&)> on_failed) {
  const absl::Time begin = absl::Now();
  // First: a mistake there should not cost a recovery.
  ASSIGN_OR_RETURN(Doors doors, OpenDoors(options));
  std::error_code error;
  std::filesystem::create_directories(options.data_dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("--data_dir=", options.data_dir, ": cannot be made: ", error.message()));
  }
  RETURN_IF_ERROR(CheckRestoreFinished(options.data_dir));
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(options.data_dir));
  ASSIGN_OR_RETURN(std::unique_ptr<LocalEventLog> log, LocalEventLog::Open(database.get()));
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(database.get()));
  ASSIGN_OR_RETURN(const uint64_t replayed, Recover(*log, store.get()));
  Log(LogLevel::kInfo, "recovered",
      {{"head_sequence", store->applied()},
       {"incidents", store->incident_count()},
       {"events_replayed", replayed},
       {"seconds", absl::Now() - begin}});

  ASSIGN_OR_RETURN(std::unique_ptr<UpstreamWorker> upstream,
                   UpstreamWorker::Create(options.upstream, store.get(), &SystemClock::Get()));
  auto parts =
      std::make_unique<Parts>(options, std::move(doors), std::move(database), std::move(log),
                              std::move(store), std::move(upstream), std::move(on_failed));
  RETURN_IF_ERROR(parts->consumers.Load());
  ASSIGN_OR_RETURN(
      parts->grpc_server,
      Listen(options, parts->doors.credentials,
             {&parts->incident_service, &parts->ingest_service, &parts->consumer_service,
              &parts->maintenance_service, &parts->upstream_service, &parts->quarantine_service,
              &parts->reflection_service},
             &parts->port));
  grpc::HealthCheckServiceInterface* const health = parts->grpc_server->GetHealthCheckService();
  for (const char* service :
       {"", kConsumerServiceName, kIncidentServiceName, kMaintenanceServiceName,
        kQuarantineServiceName, kUpstreamServiceName}) {
    health->SetServingStatus(service, true);
  }
  parts->disk.Watch(kDiskInterval,
                    [health](bool ok) { health->SetServingStatus(kIngestServiceName, ok); });
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

bool Server::Shutdown(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  parts_->stopping = true;
  parts_->disk.StopWatch();
  parts_->grpc_server->GetHealthCheckService()->SetServingStatus(false);
  parts_->ingest_streams.Drain();
  parts_->upstream->Stop();
  parts_->sequencer.Drain();
  parts_->broadcaster.Drain();

  // What is left is a message or two to each stream; connections with none, whose clients merely do
  // not look, would otherwise hold gRPC to the end of the timeout.
  const absl::Time cut = std::min(deadline, absl::Now() + kStreamGrace);
  // gRPC's Shutdown waits for peers that stopped reading until TCP gives them up, whatever its
  // deadline: it is given a thread that may be left behind.
  auto finished = std::make_shared<absl::Notification>();
  std::thread([server = parts_->grpc_server.get(), cut, finished] {
    server->Shutdown(absl::ToChronoTime(cut));
    finished->Notify();
  }).detach();
  // Streams cut at the deadline need a moment to end.
  constexpr absl::Duration kCutGrace = absl::Milliseconds(500);
  if (finished->WaitForNotificationWithDeadline(deadline + kCutGrace)) {
    parts_.reset();
    return true;
  }
  Log(LogLevel::kWarning, "streams of peers that do not read are left open",
      {{"subscriptions", parts_->open_subscriptions.load()}});
  return false;
}

int Server::port() const { return parts_->port; }

absl::Status Server::Ready() const {
  if (parts_->failed) return absl::UnavailableError("the log failed; the hub restarts");
  if (parts_->stopping) return absl::UnavailableError("shutting down");
  return absl::OkStatus();
}

std::string Server::Notice() const {
  const absl::Status disk = parts_->disk.Check();
  const std::string upstream = parts_->upstream->Notice();
  return absl::StrCat(disk.ok() ? "" : absl::StrCat(ErrorReason(disk), ": ", disk.message()),
                      disk.ok() || upstream.empty() ? "" : "\n", upstream);
}

std::string Server::Metrics() const {
  HubMetrics metrics;
  metrics.counters = &parts_->sequencer.counters();
  metrics.queued_commands = parts_->sequencer.queued_commands();
  metrics.generations = &parts_->log->generations();
  metrics.retention = &parts_->retention.counters();
  metrics.floor_sequence = parts_->store->floor();
  metrics.event_bytes = parts_->store->event_bytes();
  metrics.head_sequence = parts_->store->applied();
  metrics.incidents = parts_->store->incident_count();
  metrics.quarantined_bodies = parts_->store->quarantine().count();
  metrics.quarantine_pushed_out = parts_->store->quarantine().pushed_out();
  metrics.ring_bytes = parts_->ring.bytes();
  metrics.subscriptions = parts_->open_subscriptions.load();
  metrics.stuck_writes = parts_->stuck_writes.load();
  metrics.delivered_age = &parts_->delivered_age;
  const absl::Time now = absl::Now();
  for (const auto& subscription : parts_->live.ListAll()) {
    const LiveSubscription::Description described = subscription->Describe(now);
    ++metrics.subscriptions_in_state[static_cast<size_t>(described.state)];
    metrics.least_sent = std::min(metrics.least_sent.value_or(described.sent), described.sent);
  }
  metrics.ingest_streams = parts_->ingest_streams.count();
  metrics.takeovers = parts_->live.takeovers();
  for (size_t i = 0; i < kRefusalReasons.size(); ++i) {
    metrics.calls_refused[i] = parts_->gate.refused(i);
  }
  if (parts_->doors.tls != nullptr) {
    metrics.certificate_expire_time = parts_->doors.tls->Current()->expire_time;
  }
  metrics.consumers = parts_->consumers.size();
  metrics.least_position = parts_->consumers.LeastPosition();
  for (const NamedConsumer& consumer : parts_->consumers.List("", kConsumersMeasuredMax)) {
    metrics.consumer_positions.emplace_back(consumer.name, consumer.record.position().position());
  }
  metrics.upstream = parts_->upstream->status();
  metrics.upstream_counters = &parts_->upstream->counters();
  metrics.disk_free_bytes = parts_->database->FreeBytes().value_or(0);
  metrics.disk_ok = parts_->disk.ok();
  metrics.backups = parts_->backups.count();
  metrics.last_backup_time = parts_->backups.last_time();
  return FormatMetrics(metrics);
}

}  // namespace incidenthub
