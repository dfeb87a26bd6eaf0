#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "common/status_macros.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/bench/latencies.h"
#include "tests/bench/scale_parts.h"
#include "tests/support/hub_channel.h"
#include "tests/support/subscriber_pool.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr absl::Duration kOpenTimeout = absl::Minutes(1);
constexpr size_t kMixedSubscribers = 10;
// Who wait for an answer at once, so that calls that take long delay no other.
constexpr size_t kMixedCallers = 16;
// Connections and streams are ready before the first is due.
constexpr absl::Duration kScheduleDelay = absl::Milliseconds(300);
constexpr double kNanosPerMilli = 1e6;
constexpr double kP50 = 0.5;
constexpr double kP99 = 0.99;

// A command about incident `index`. Errors: also if it changed nothing.
using Command = absl::Status (*)(v1::IncidentService::Stub* stub, uint64_t index);

template <typename Request, typename Response>
absl::Status Call(v1::IncidentService::Stub* stub, uint64_t index,
                  grpc::Status (v1::IncidentService::Stub::*method)(grpc::ClientContext*,
                                                                    const Request&, Response*)) {
  Request request;
  request.set_incident_id(DeliveryTemplate::IncidentId(index));
  request.set_actor("responder@example.com");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  Response response;
  RETURN_IF_ERROR(FromGrpcStatus((stub->*method)(&context, request, &response)));
  if (response.changed()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(request.incident_id(), " was so already"));
}

absl::Status Ack(v1::IncidentService::Stub* stub, uint64_t index) {
  return Call(stub, index, &v1::IncidentService::Stub::Ack);
}

absl::Status Resolve(v1::IncidentService::Stub* stub, uint64_t index) {
  return Call(stub, index, &v1::IncidentService::Stub::Resolve);
}

struct Calls {
  uint64_t first = 0;
  // One about each of so many incidents; ends earlier where `duration` is over.
  uint64_t count = 0;
  absl::Duration duration = absl::InfiniteDuration();
  size_t callers = 1;
  // 0: each caller calls again when it is answered. Otherwise call i is due at `start` + i / rate,
  // and its latency counts from there.
  double rate = 0;
  absl::Time start = absl::InfinitePast();
};

struct CallsDone {
  Latencies latencies;
  absl::Duration elapsed;
  absl::Status status;

  double PerSecond() const {
    return static_cast<double>(latencies.count()) / absl::ToDoubleSeconds(elapsed);
  }
};

// Callers with a connection each.
CallsDone RunCalls(int port, Command command, const Calls& calls) {
  std::atomic<uint64_t> next = 0;
  std::vector<CallsDone> of_callers(calls.callers);
  std::vector<std::unique_ptr<v1::IncidentService::Stub>> stubs;
  for (size_t i = 0; i < calls.callers; ++i) {
    const auto channel = testing::ConnectToHub(port);
    // Not part of the first call.
    channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kOpenTimeout));
    stubs.push_back(v1::IncidentService::NewStub(channel));
  }
  const absl::Time start = calls.rate > 0 ? calls.start : absl::Now();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < calls.callers; ++i) {
    threads.emplace_back([&, stub = stubs[i].get(), done = &of_callers[i]] {
      while (done->status.ok() && absl::Now() < start + calls.duration) {
        const uint64_t index = next++;
        if (index >= calls.count) return;
        absl::Time due = absl::Now();
        if (calls.rate > 0) {
          due = start + absl::Seconds(static_cast<double>(index) / calls.rate);
          WaitUntilDue(due);
        }
        done->status = command(stub, calls.first + index);
        done->latencies.Add(absl::ToInt64Nanoseconds(absl::Now() - due));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CallsDone all;
  all.elapsed = absl::Now() - start;
  for (CallsDone& done : of_callers) {
    all.latencies.AddAll(done.latencies);
    all.status.Update(done.status);
  }
  return all;
}

void AddLatencies(absl::string_view name, absl::string_view what, const Latencies& latencies,
                  Figures* figures) {
  const auto add = [&](absl::string_view suffix, double share) {
    figures->Add(absl::StrCat(name, "_", suffix), absl::StrCat(what, ", ", suffix), "ms",
                 static_cast<double>(latencies.Percentile(share)) / kNanosPerMilli);
  };
  add("p50", kP50);
  add("p99", kP99);
}

// One command at different numbers of callers; each number has a share of the incidents.
absl::Status ByCallers(const std::string& name, const std::string& what, Command command,
                       uint64_t share, ScaleHub* hub, ScaleRun* run) {
  const std::vector<size_t>& counts = run->options.callers;
  for (size_t i = 0; i < counts.size(); ++i) {
    const CallsDone done = RunCalls(hub->port(), command,
                                    {.first = i * share,
                                     .count = share,
                                     .duration = run->options.duration,
                                     .callers = counts[i]});
    RETURN_IF_ERROR(done.status);
    const std::string figure = absl::StrCat(name, "_", counts[i]);
    const std::string text = absl::StrCat(what, ", ", counts[i], " at once");
    run->figures.Add(figure, text, "a second", done.PerSecond());
    AddLatencies(figure, text, done.latencies, &run->figures);
    const std::string x = WithCommas(counts[i]);
    run->curves.Add({"Commands by callers", "callers at once", "a second"}, what, x, figure);
    run->curves.Add({"p99 of a command by callers", "callers at once", "ms"}, what, x,
                    absl::StrCat(figure, "_p99"));
  }
  return absl::OkStatus();
}

absl::Status Responders(ScaleRun* run) {
  for (size_t round = 0; round < run->options.rounds; ++round) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ScaleHub> hub, ScaleHub::Start());
    const uint64_t incidents = run->options.base_incidents;
    RETURN_IF_ERROR(hub->AddIncidents(DeliveryTemplate(), incidents).status());
    run->figures.BeginSection("Responders");
    const uint64_t share = incidents / run->options.callers.size();
    RETURN_IF_ERROR(ByCallers("ack", "Ack", &Ack, share, hub.get(), run));
    RETURN_IF_ERROR(ByCallers("resolve", "Resolve", &Resolve, share, hub.get(), run));
  }
  return absl::OkStatus();
}

// Deliveries, responders and subscribers at once. Each delivery alone in its request, as webhooks
// come; events are decoded here, since they are few.
class Mixed {
 public:
  Mixed(ScaleHub* hub, ScaleRun* run)
      : hub_(*hub),
        run_(*run),
        deliveries_(static_cast<uint64_t>(run->options.delivery_rate * Seconds())),
        commands_(static_cast<uint64_t>(run->options.command_rate * Seconds() / 2)),
        first_revision_(hub->revision() + 1),
        seen_(kMixedSubscribers) {}

  absl::Status Run() {
    // Responders have incidents of their own: a delivery would open a resolved one again.
    const uint64_t delivered = hub_.incidents() / 2;
    testing::SubscriberPool pool(
        {.port = hub_.port(),
         .subscribers = kMixedSubscribers,
         .from_now = true,
         .on_response = [this](size_t subscriber, const v1::SubscribeResponse& response) {
           OnResponse(subscriber, response);
         }});
    if (!pool.WaitFor([](const auto& totals) { return totals.opened == kMixedSubscribers; },
                      kOpenTimeout)) {
      return absl::DeadlineExceededError("the subscriptions are not opened");
    }
    start_ = absl::Now() + kScheduleDelay;
    Calls calls = {.first = delivered,
                   .count = std::min(commands_, (hub_.incidents() - delivered) / 2),
                   .callers = kMixedCallers,
                   .rate = run_.options.command_rate / 2,
                   .start = start_};
    CallsDone acked;
    std::thread acks([&] { acked = RunCalls(hub_.port(), &Ack, calls); });
    CallsDone resolved;
    Calls resolves = calls;
    resolves.first += calls.count;
    std::thread responders([&] { resolved = RunCalls(hub_.port(), &Resolve, resolves); });
    const absl::Status fed = Deliver(delivered);
    acks.join();
    responders.join();
    RETURN_IF_ERROR(fed);
    RETURN_IF_ERROR(acked.status);
    RETURN_IF_ERROR(resolved.status);
    const uint64_t events = kMixedSubscribers * (deliveries_ + 2 * calls.count);
    if (!pool.WaitFor([events](const auto& totals) { return totals.entries == events; },
                      kOpenTimeout)) {
      return absl::DeadlineExceededError("events are missing");
    }
    pool.CancelAll();
    Add(acked, resolved);
    return absl::OkStatus();
  }

 private:
  double Seconds() const { return absl::ToDoubleSeconds(run_.options.duration); }

  absl::Time Due(uint64_t delivery) const {
    return start_ + absl::Seconds(static_cast<double>(delivery) / run_.options.delivery_rate);
  }

  absl::Status Deliver(uint64_t incidents) {
    const DeliveryTemplate delivery;
    Feeder feeder({.port = hub_.port(), .on_receipt = [this](uint64_t id) {
                     receipts_.Add(absl::ToInt64Nanoseconds(absl::Now() - Due(id)));
                   }});
    std::string request;
    for (uint64_t i = 0; i < deliveries_; ++i) {
      request.clear();
      delivery.Append(i, i % incidents, hub_.TakeRevision(), &request);
      WaitUntilDue(Due(i));
      RETURN_IF_ERROR(feeder.Send(request, 1));
    }
    return feeder.WaitForReceipts();
  }

  void OnResponse(size_t subscriber, const v1::SubscribeResponse& response) {
    const absl::Time now = absl::Now();
    for (const v1::Entry& entry : response.batch().entries()) {
      if (!entry.event().has_delivery()) continue;
      const uint64_t revision = DeliveryTemplate::RevisionOf(entry.event().incident());
      seen_[subscriber].Add(absl::ToInt64Nanoseconds(now - Due(revision - first_revision_)));
    }
  }

  void Add(const CallsDone& acked, const CallsDone& resolved) {
    Figures& figures = run_.figures;
    figures.BeginSection(absl::StrCat("At once: ", run_.options.delivery_rate, " deliveries and ",
                                      run_.options.command_rate, " commands a second, ",
                                      kMixedSubscribers, " subscribers"));
    Latencies seen;
    for (const Latencies& of_one : seen_) seen.AddAll(of_one);
    AddLatencies("mixed_delivery", "a delivery, until its receipt", receipts_, &figures);
    AddLatencies("mixed_event", "a delivery, until its event is with a subscriber", seen, &figures);
    AddLatencies("mixed_ack", "Ack", acked.latencies, &figures);
    AddLatencies("mixed_resolve", "Resolve", resolved.latencies, &figures);
  }

  ScaleHub& hub_;
  ScaleRun& run_;
  const uint64_t deliveries_;
  // Of each kind.
  const uint64_t commands_;
  // Of the first delivery; each has the next one.
  const uint64_t first_revision_;
  absl::Time start_;
  Latencies receipts_;
  // One a subscriber, whose responses come one after the other.
  std::vector<Latencies> seen_;
};

}  // namespace

absl::Status RunCommands(ScaleRun* run) {
  RETURN_IF_ERROR(Responders(run));
  for (size_t round = 0; round < run->options.rounds; ++round) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ScaleHub> hub, ScaleHub::Start());
    RETURN_IF_ERROR(hub->AddIncidents(DeliveryTemplate(), run->options.base_incidents).status());
    RETURN_IF_ERROR(Mixed(hub.get(), run).Run());
  }
  return absl::OkStatus();
}

}  // namespace incidenthub::bench
