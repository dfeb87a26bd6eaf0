#include "clients/cpp/incident_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cpp/hub_stub.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/maintenance_service.grpc.pb.h"

namespace incidenthub::client {
namespace {

// Keeps the sum below in the clock's range.
constexpr absl::Duration kTimeoutMax = absl::Hours(24);

void SetDeadline(absl::Duration timeout, grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(std::min(timeout, kTimeoutMax)));
}

}  // namespace

IncidentClient::IncidentClient(ClientOptions options)
    : options_(std::move(options)), stub_(std::make_shared<HubStub>(options_.address)) {}

IncidentClient::~IncidentClient() = default;

absl::StatusOr<v1::Incident> IncidentClient::Get(absl::string_view id) const {
  v1::GetIncidentRequest request;
  request.set_incident_id(std::string(id));
  v1::GetIncidentResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const grpc::Status status = stub_->Current()->rpc->GetIncident(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return std::move(*response.mutable_incident());
}

absl::Status IncidentClient::List(const std::vector<std::string>& matchers,
                                  absl::FunctionRef<bool(const v1::Incident&)> visit) const {
  v1::ListIncidentsRequest request;
  for (const std::string& matcher : matchers) request.add_matchers(matcher);
  request.set_page_size(kListPageSize);
  for (int page = 0; page < kListPagesMax; ++page) {
    v1::ListIncidentsResponse response;
    grpc::ClientContext context;
    SetDeadline(options_.timeout, &context);
    const grpc::Status status = stub_->Current()->rpc->ListIncidents(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    for (const v1::Incident& incident : response.incidents()) {
      if (!visit(incident)) return absl::OkStatus();
    }
    if (response.next_page_token().empty()) return absl::OkStatus();
    if (response.next_page_token() == request.page_token()) {
      return absl::InternalError("the hub sent a page whose next page is itself");
    }
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError(absl::StrCat("the hub sent ", kListPagesMax, " pages, and no end"));
}

absl::Status IncidentClient::History(absl::string_view id,
                                     absl::FunctionRef<bool(const v1::Event&)> visit,
                                     bool* truncated) const {
  if (truncated != nullptr) *truncated = false;
  v1::ListEventsRequest request;
  request.set_incident_id(std::string(id));
  request.set_page_size(kHistoryPageSize);
  for (int page = 0; page < kListPagesMax; ++page) {
    v1::ListEventsResponse response;
    grpc::ClientContext context;
    SetDeadline(options_.timeout, &context);
    const grpc::Status status = stub_->Current()->rpc->ListEvents(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    for (const v1::Event& event : response.events()) {
      if (!visit(event)) return absl::OkStatus();
    }
    if (truncated != nullptr) *truncated = response.truncated();
    if (response.next_page_token().empty()) return absl::OkStatus();
    if (response.next_page_token() == request.page_token()) {
      return absl::InternalError("the hub sent a page whose next page is itself");
    }
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError(absl::StrCat("the hub sent ", kListPagesMax, " pages, and no end"));
}

absl::StatusOr<v1::AckResponse> IncidentClient::Ack(const v1::AckRequest& request) const {
  v1::AckResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const grpc::Status status = stub_->Current()->rpc->Ack(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::UnackResponse> IncidentClient::Unack(const v1::UnackRequest& request) const {
  v1::UnackResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const grpc::Status status = stub_->Current()->rpc->Unack(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::ResolveResponse> IncidentClient::Resolve(
    const v1::ResolveRequest& request) const {
  v1::ResolveResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const grpc::Status status = stub_->Current()->rpc->Resolve(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<bool> IncidentClient::Commit(absl::string_view consumer,
                                            absl::string_view resume_token) const {
  v1::CommitRequest request;
  request.set_consumer(std::string(consumer));
  request.set_resume_token(std::string(resume_token));
  v1::CommitResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const grpc::Status status = stub_->Current()->consumers->Commit(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response.changed();
}

absl::Status IncidentClient::ListConsumers(
    absl::FunctionRef<bool(const v1::Consumer&)> visit) const {
  v1::ListConsumersRequest request;
  request.set_page_size(kListPageSize);
  for (int page = 0; page < kListPagesMax; ++page) {
    v1::ListConsumersResponse response;
    grpc::ClientContext context;
    SetDeadline(options_.timeout, &context);
    const grpc::Status status =
        stub_->Current()->consumers->ListConsumers(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    for (const v1::Consumer& consumer : response.consumers()) {
      if (!visit(consumer)) return absl::OkStatus();
    }
    if (response.next_page_token().empty()) return absl::OkStatus();
    if (response.next_page_token() == request.page_token()) {
      return absl::InternalError("the hub sent a page whose next page is itself");
    }
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError(absl::StrCat("the hub sent ", kListPagesMax, " pages, and no end"));
}

absl::Status IncidentClient::DeleteConsumer(absl::string_view consumer) const {
  v1::DeleteConsumerRequest request;
  request.set_consumer(std::string(consumer));
  v1::DeleteConsumerResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  return FromGrpcStatus(stub_->Current()->consumers->DeleteConsumer(&context, request, &response));
}

absl::StatusOr<v1::CreateBackupResponse> IncidentClient::CreateBackup(
    const v1::CreateBackupRequest& request) const {
  v1::CreateBackupResponse response;
  grpc::ClientContext context;
  SetDeadline(options_.timeout, &context);
  const auto stub = v1::MaintenanceService::NewStub(stub_->Current()->channel);
  const grpc::Status status = stub->CreateBackup(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

std::unique_ptr<Subscription> IncidentClient::Subscribe(SubscriptionOptions options,
                                                        SubscriptionHandler handler) const {
  if (options.client.empty()) options.client = options_.name;
  return std::make_unique<Subscription>(stub_, std::move(options), std::move(handler));
}

}  // namespace incidenthub::client
