#include "tests/e2e/random_run/hub_reader.h"

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(60);
constexpr int kPageSize = 100;

void Prepare(grpc::ClientContext* context) {
  context->set_wait_for_ready(true);
  context->set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
}

}  // namespace

class HubReader::Stub {
 public:
  explicit Stub(int port) : rpc(v1::IncidentService::NewStub(ConnectToHub(port))) {}
  const std::unique_ptr<v1::IncidentService::Stub> rpc;
};

IncidentSequences HubState::sequences() const {
  IncidentSequences sequences;
  for (const auto& [id, incident] : incidents) sequences[id] = incident.sequence();
  return sequences;
}

HubReader::HubReader(int port) : stub_(std::make_unique<Stub>(port)) {}

HubReader::~HubReader() = default;

absl::StatusOr<HubState> HubReader::Snapshot(const std::vector<std::string>& matchers) const {
  v1::SubscribeRequest request;
  request.mutable_snapshot();
  for (const std::string& matcher : matchers) request.add_matchers(matcher);
  grpc::ClientContext context;
  Prepare(&context);
  const auto reader = stub_->rpc->Subscribe(&context, request);
  HubState state;
  v1::SubscribeResponse response;
  while (reader->Read(&response)) {
    for (const v1::Entry& entry : response.batch().entries()) {
      const v1::Incident& incident = entry.event().incident();
      if (entry.membership() == v1::MEMBERSHIP_LEFT) {
        state.incidents.erase(entry.has_event() ? incident.id() : entry.incident_id());
      } else {
        state.incidents[incident.id()] = incident;
      }
    }
    if (response.has_snapshot_end()) {
      state.sequence = response.snapshot_end().sequence();
      context.TryCancel();
      reader->Finish();
      return state;
    }
  }
  const absl::Status end = FromGrpcStatus(reader->Finish());
  if (!end.ok()) return end;
  return absl::AbortedError("the stream came to its end before its snapshot did");
}

absl::StatusOr<HubState> HubReader::List(const std::vector<std::string>& matchers) const {
  HubState state;
  v1::ListIncidentsRequest request;
  for (const std::string& matcher : matchers) request.add_matchers(matcher);
  do {
    grpc::ClientContext context;
    Prepare(&context);
    v1::ListIncidentsResponse response;
    const grpc::Status status = stub_->rpc->ListIncidents(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    for (v1::Incident& incident : *response.mutable_incidents()) {
      const std::string id = incident.id();
      state.incidents[id].Swap(&incident);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return state;
}

absl::StatusOr<std::vector<v1::Event>> HubReader::History(const std::string& incident_id,
                                                          bool* truncated) const {
  std::vector<v1::Event> events;
  v1::ListEventsRequest request;
  request.set_incident_id(incident_id);
  request.set_page_size(kPageSize);
  do {
    grpc::ClientContext context;
    Prepare(&context);
    v1::ListEventsResponse response;
    const grpc::Status status = stub_->rpc->ListEvents(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    for (v1::Event& event : *response.mutable_events()) events.push_back(std::move(event));
    *truncated = response.truncated();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return events;
}

}  // namespace incidenthub::testing
