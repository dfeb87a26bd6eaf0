// The parts about the way to subscribers: live, and from behind, beside a bare gRPC server.

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/status_macros.h"
#include "tests/bench/baseline.h"
#include "tests/bench/catch_up.h"
#include "tests/bench/ingest_feeder.h"
#include "tests/bench/parts.h"
#include "tests/bench/raw_subscribers.h"
#include "tests/bench/wire_walk.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kOpenTimeout = absl::Seconds(60);
constexpr absl::Duration kLastEventsTime = absl::Seconds(60);
constexpr double kBytesPerMib = 1 << 20;

// How much a count grows in a second, from after the warmup on.
double RateOf(const std::function<uint64_t()>& count, const BenchOptions& options) {
  constexpr double kNanosPerSecond = 1e9;
  // Time itself is what is waited for.
  absl::Notification never;
  never.WaitForNotificationWithTimeout(options.warmup);
  const uint64_t before = count();
  const int64_t begin = NowNanos();
  never.WaitForNotificationWithTimeout(options.duration);
  const uint64_t after = count();
  return static_cast<double>(after - before) * kNanosPerSecond /
         static_cast<double>(NowNanos() - begin);
}

struct Live {
  double per_second = 0;
  double events_per_message = 0;
};

// Events to so many subscribers of the hub, which is fed no faster than they take it.
// `meanwhile`: called while they are still there; null: nothing is.
absl::StatusOr<Live> MeasureLive(size_t subscribers, size_t per_connection,
                                 const std::function<absl::Status()>& meanwhile, Bench* bench) {
  IngestFeeder feeder(bench->servers->hub_port(), &bench->deliveries, bench->next_delivery);
  RawSubscribers pool({.port = bench->servers->hub_port(),
                       .subscribers = subscribers,
                       .per_connection = per_connection,
                       .on_entries = [&feeder](uint64_t before, uint64_t after) {
                         feeder.OnDelivered(before, after);
                       }});
  RETURN_IF_ERROR(pool.WaitUntilOpen(kOpenTimeout));
  feeder.Begin(subscribers, [&pool] { return pool.least_entries(); });
  Live live;
  live.per_second = RateOf([&pool] { return pool.entries(); }, bench->options);
  live.events_per_message = static_cast<double>(pool.entries()) /
                            static_cast<double>(std::max<uint64_t>(pool.messages(), 1));
  uint64_t sent = 0;
  // Before any return: it asks the pool.
  const absl::Status stopped = feeder.Stop(&sent);
  bench->next_delivery += sent;
  RETURN_IF_ERROR(stopped);
  RETURN_IF_ERROR(pool.WaitForEntries(sent, kLastEventsTime));
  if (meanwhile) RETURN_IF_ERROR(meanwhile());
  return live;
}

absl::Status MeasureIngest(Bench* bench) {
  IngestFeeder feeder(bench->servers->hub_port(), &bench->deliveries, bench->next_delivery);
  feeder.Begin(0, nullptr);
  const double rate = RateOf([&feeder] { return feeder.receipts(); }, bench->options);
  uint64_t sent = 0;
  const absl::Status stopped = feeder.Stop(&sent);
  bench->next_delivery += sent;
  RETURN_IF_ERROR(stopped);
  bench->figures.Add("ingest", "hub alone: events committed, no subscriber", "a second", rate);
  return absl::OkStatus();
}

// A message with one event, as the hub sends it live.
absl::StatusOr<std::string> OneEventMessage(Bench* bench) {
  absl::Mutex mu;
  std::string message;
  RawSubscribers pool({.port = bench->servers->hub_port(),
                       .on_message = [&](size_t, const grpc::ByteBuffer& bytes) {
                         std::vector<grpc::Slice> slices;
                         if (CountEntries(bytes, &slices) != 1) return;
                         absl::MutexLock lock(&mu);
                         message = Flat(bytes);
                       }});
  RETURN_IF_ERROR(pool.WaitUntilOpen(kOpenTimeout));
  ASSIGN_OR_RETURN(
      const LoadResult result,
      RunLoad(
          {.port = bench->servers->gateway_port(),
           .connections = 1,
           .warmup = absl::ZeroDuration(),
           .duration = absl::Milliseconds(1),
           .schedule = {.start_nanos = NowNanos(), .first_index = bench->next_request, .rate = 1}},
          bench->requests));
  const uint64_t sent = result.next_index - bench->next_request;
  bench->next_request = result.next_index;
  RETURN_IF_ERROR(pool.WaitForEntries(std::max<uint64_t>(sent, 1), kLastEventsTime));
  pool.CancelAll();
  absl::MutexLock lock(&mu);
  return message;
}

absl::StatusOr<double> MeasureBare(int port, size_t subscribers, const BenchOptions& options) {
  RawSubscribers pool({.port = port, .subscribers = subscribers});
  RETURN_IF_ERROR(pool.WaitUntilOpen(kOpenTimeout));
  return RateOf([&pool] { return pool.entries(); }, options);
}

std::string Subscribers(size_t count) {
  return absl::StrCat(count, count == 1 ? " subscriber" : " subscribers");
}

// How many subscribers have to share a connection, so that neither side runs out of descriptors.
size_t PerConnection(size_t subscribers) {
  constexpr size_t kOthersMax = 512;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kOthersMax) return subscribers;
  const size_t connections = limit.rlim_cur - kOthersMax;
  return (subscribers + connections - 1) / connections;
}

}  // namespace

absl::Status RunFanout(Bench* bench) {
  bench->figures.BeginSection("Events to subscribers, each on a connection of its own");
  ASSIGN_OR_RETURN(const std::string message, OneEventMessage(bench));
  const std::string file = bench->folder + "/message";
  std::ofstream(file, std::ios::binary) << message;
  const size_t sizes[] = {1, bench->options.fanout_subscribers};
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<BareServer> bare,
                     BareServer::Start({"--serve=broadcast", "--message_file=" + file}));
    for (const size_t subscribers : sizes) {
      ASSIGN_OR_RETURN(const double rate, MeasureBare(bare->port(), subscribers, bench->options));
      bench->figures.Add(
          absl::StrCat("bare_", subscribers),
          absl::StrCat("bare gRPC, one event a message of ", message.size() / 100 * 100,
                       " bytes and more, ", Subscribers(subscribers)),
          "a second", rate);
    }
  }
  RETURN_IF_ERROR(MeasureIngest(bench));
  for (const size_t subscribers : sizes) {
    ASSIGN_OR_RETURN(const Live live, MeasureLive(subscribers, 1, nullptr, bench));
    bench->figures.Add(
        absl::StrCat("live_", subscribers),
        absl::StrCat("hub, live, committing what it sends, ", Subscribers(subscribers)), "a second",
        live.per_second);
    bench->figures.Add(
        absl::StrCat("live_", subscribers, "_events_per_message"),
        absl::StrCat("hub, live, ", Subscribers(subscribers), ": events of a message"), "",
        live.events_per_message);
  }
  return absl::OkStatus();
}

absl::Status RunCatchUp(Bench* bench) {
  bench->figures.BeginSection("Events to subscribers, each on a connection of its own");
  ASSIGN_OR_RETURN(const std::unique_ptr<CatchUp> behind, CatchUp::Start(*bench->servers));
  ASSIGN_OR_RETURN(const double rate, behind->Finish());
  bench->figures.Add("catch_up", "hub, to one that has missed all of the round", "a second", rate);
  bench->figures.Add("catch_up_backlog", "how many events that one has missed", "",
                     static_cast<double>(behind->events()));
  return absl::OkStatus();
}

absl::Status RunMany(Bench* bench) {
  bench->figures.BeginSection("Many subscribers");
  const size_t subscribers = bench->options.many_subscribers;
  const size_t per_connection = PerConnection(subscribers);
  const auto memory = [bench, subscribers]() -> absl::Status {
    if (!bench->servers->own()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const uint64_t bytes, testing::ResidentBytes(bench->servers->hub_pid()));
    bench->figures.Add(absl::StrCat("live_", subscribers, "_hub_mib"),
                       absl::StrCat("the hub's memory with ", Subscribers(subscribers)), "MiB",
                       static_cast<double>(bytes) / kBytesPerMib);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const Live live, MeasureLive(subscribers, per_connection, memory, bench));
  bench->figures.Add(
      absl::StrCat("live_", subscribers),
      absl::StrCat("hub, live, ", Subscribers(subscribers), ", ", per_connection, " a connection"),
      "a second", live.per_second);
  return absl::OkStatus();
}

}  // namespace incidenthub::bench
