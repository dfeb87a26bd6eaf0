#include "clients/cpp/incident_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/hub_stub.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"

namespace incidenthub::client {
namespace {

// Keeps the sum below in the clock's range.
constexpr absl::Duration kTimeoutMax = absl::Hours(24);

// Calls `visit` for the page that `request` asks for and those that follow, until it returns false.
template <typename Response, typename Request, typename Call, typename Visit>
absl::Status ForEachPage(Request request, Call call, Visit visit) {
  for (int page = 0; page < kListPagesMax; ++page) {
    Response response;
    grpc::ClientContext context;
    const grpc::Status status = call(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    if (!visit(response) || response.next_page_token().empty()) return absl::OkStatus();
    if (response.next_page_token() == request.page_token()) {
      return absl::InternalError("the hub sent a page whose next page is itself");
    }
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError(absl::StrCat("the hub sent ", kListPagesMax, " pages, and no end"));
}

}  // namespace

IncidentClient::IncidentClient(ClientOptions options)
    : options_(std::move(options)),
      stub_(std::make_shared<HubStub>(options_.address, options_.credentials)) {}

IncidentClient::~IncidentClient() = default;

void IncidentClient::Prepare(grpc::ClientContext* context) const {
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(std::min(options_.timeout, kTimeoutMax)));
  stub_->Authorize(context);
}

absl::StatusOr<v1::Incident> IncidentClient::Get(absl::string_view id) const {
  v1::GetIncidentRequest request;
  request.set_incident_id(std::string(id));
  v1::GetIncidentResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status = stub_->Current()->rpc->GetIncident(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return std::move(*response.mutable_incident());
}

absl::Status IncidentClient::List(const std::vector<std::string>& matchers,
                                  absl::FunctionRef<bool(const v1::Incident&)> visit) const {
  v1::ListIncidentsRequest request;
  for (const std::string& matcher : matchers) request.add_matchers(matcher);
  request.set_page_size(kListPageSize);
  return ForEachPage<v1::ListIncidentsResponse>(
      std::move(request),
      [this](grpc::ClientContext* context, const v1::ListIncidentsRequest& page,
             v1::ListIncidentsResponse* response) {
        Prepare(context);
        return stub_->Current()->rpc->ListIncidents(context, page, response);
      },
      [&visit](const v1::ListIncidentsResponse& page) {
        return absl::c_all_of(page.incidents(), visit);
      });
}

absl::Status IncidentClient::History(absl::string_view id,
                                     absl::FunctionRef<bool(const v1::Event&)> visit,
                                     bool* truncated) const {
  if (truncated != nullptr) *truncated = false;
  v1::ListEventsRequest request;
  request.set_incident_id(std::string(id));
  request.set_page_size(kHistoryPageSize);
  return ForEachPage<v1::ListEventsResponse>(
      std::move(request),
      [this](grpc::ClientContext* context, const v1::ListEventsRequest& page,
             v1::ListEventsResponse* response) {
        Prepare(context);
        return stub_->Current()->rpc->ListEvents(context, page, response);
      },
      [&visit, truncated](const v1::ListEventsResponse& page) {
        if (!absl::c_all_of(page.events(), visit)) return false;
        if (truncated != nullptr) *truncated = page.truncated();
        return true;
      });
}

absl::StatusOr<v1::AckResponse> IncidentClient::Ack(const v1::AckRequest& request) const {
  v1::AckResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status = stub_->Current()->rpc->Ack(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::UnackResponse> IncidentClient::Unack(const v1::UnackRequest& request) const {
  v1::UnackResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status = stub_->Current()->rpc->Unack(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::ResolveResponse> IncidentClient::Resolve(
    const v1::ResolveRequest& request) const {
  v1::ResolveResponse response;
  grpc::ClientContext context;
  Prepare(&context);
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
  Prepare(&context);
  const grpc::Status status = stub_->Current()->consumers->Commit(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response.changed();
}

absl::Status IncidentClient::ListConsumers(
    absl::FunctionRef<bool(const v1::Consumer&)> visit) const {
  v1::ListConsumersRequest request;
  request.set_page_size(kListPageSize);
  return ForEachPage<v1::ListConsumersResponse>(
      std::move(request),
      [this](grpc::ClientContext* context, const v1::ListConsumersRequest& page,
             v1::ListConsumersResponse* response) {
        Prepare(context);
        return stub_->Current()->consumers->ListConsumers(context, page, response);
      },
      [&visit](const v1::ListConsumersResponse& page) {
        return absl::c_all_of(page.consumers(), visit);
      });
}

absl::Status IncidentClient::ListUpstream(
    absl::FunctionRef<bool(const v1::UpstreamItem&)> visit) const {
  v1::ListUpstreamRequest request;
  request.set_page_size(kListPageSize);
  return ForEachPage<v1::ListUpstreamResponse>(
      std::move(request),
      [this](grpc::ClientContext* context, const v1::ListUpstreamRequest& page,
             v1::ListUpstreamResponse* response) {
        Prepare(context);
        return stub_->Current()->upstream->ListUpstream(context, page, response);
      },
      [&visit](const v1::ListUpstreamResponse& page) {
        return absl::c_all_of(page.items(), visit);
      });
}

absl::Status IncidentClient::ListQuarantined(
    absl::FunctionRef<bool(const v1::QuarantinedBody&)> visit) const {
  v1::ListQuarantinedRequest request;
  request.set_page_size(kListPageSize);
  return ForEachPage<v1::ListQuarantinedResponse>(
      std::move(request),
      [this](grpc::ClientContext* context, const v1::ListQuarantinedRequest& page,
             v1::ListQuarantinedResponse* response) {
        Prepare(context);
        return stub_->Current()->quarantine->ListQuarantined(context, page, response);
      },
      [&visit](const v1::ListQuarantinedResponse& page) {
        return absl::c_all_of(page.bodies(), visit);
      });
}

absl::StatusOr<v1::GetQuarantinedResponse> IncidentClient::GetQuarantined(uint64_t id) const {
  v1::GetQuarantinedRequest request;
  request.set_id(id);
  v1::GetQuarantinedResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status =
      stub_->Current()->quarantine->GetQuarantined(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::ReplayQuarantinedResponse> IncidentClient::ReplayQuarantined(uint64_t id) const {
  v1::ReplayQuarantinedRequest request;
  request.set_id(id);
  v1::ReplayQuarantinedResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status =
      stub_->Current()->quarantine->ReplayQuarantined(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::Status IncidentClient::DeleteConsumer(absl::string_view consumer) const {
  v1::DeleteConsumerRequest request;
  request.set_consumer(std::string(consumer));
  v1::DeleteConsumerResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  return FromGrpcStatus(stub_->Current()->consumers->DeleteConsumer(&context, request, &response));
}

absl::StatusOr<v1::CreateBackupResponse> IncidentClient::CreateBackup(
    const v1::CreateBackupRequest& request) const {
  v1::CreateBackupResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status =
      stub_->Current()->maintenance->CreateBackup(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<v1::LogLevel> IncidentClient::SetLogLevel(v1::LogLevel level) const {
  v1::SetLogLevelRequest request;
  request.set_level(level);
  v1::SetLogLevelResponse response;
  grpc::ClientContext context;
  Prepare(&context);
  const grpc::Status status =
      stub_->Current()->maintenance->SetLogLevel(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response.previous_level();
}

std::unique_ptr<Subscription> IncidentClient::Subscribe(SubscriptionOptions options,
                                                        SubscriptionHandler handler) const {
  if (options.client.empty()) options.client = options_.name;
  return std::make_unique<Subscription>(stub_, std::move(options), std::move(handler));
}

}  // namespace incidenthub::client
