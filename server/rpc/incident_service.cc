#include "server/rpc/incident_service.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/status_macros.h"
#include "common/trace_context.h"
#include "server/domain/matcher.h"
#include "server/domain/validate.h"
#include "server/fanout/resume_token.h"
#include "server/rpc/answer_later.h"
#include "server/rpc/incident_history.h"
#include "server/rpc/incident_page.h"
#include "server/rpc/paging.h"

namespace incidenthub {
namespace {

constexpr absl::Duration kHeartbeatMin = absl::Seconds(1);
constexpr absl::Duration kHeartbeatMax = absl::Seconds(60);
constexpr absl::Duration kHeartbeatDefault = absl::Seconds(10);
constexpr size_t kClientBytesMax = 128;
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// Ends a call that fails before it begins.
class RefusedStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

absl::StatusOr<v1::SubscribeRequest> ParseSubscribe(const grpc::ByteBuffer& buffer) {
  grpc::ByteBuffer copy(buffer);
  v1::SubscribeRequest request;
  if (!grpc::SerializationTraits<v1::SubscribeRequest>::Deserialize(&copy, &request).ok()) {
    return FieldError(kFieldInvalid, "request", "is no incidenthub.v1.SubscribeRequest");
  }
  return request;
}

absl::StatusOr<absl::Duration> HeartbeatInterval(const v1::SubscribeRequest& request) {
  if (!request.has_heartbeat_interval()) return kHeartbeatDefault;
  const absl::Duration interval = absl::Seconds(request.heartbeat_interval().seconds()) +
                                  absl::Nanoseconds(request.heartbeat_interval().nanos());
  if (interval < kHeartbeatMin || interval > kHeartbeatMax) {
    return FieldError(kFieldInvalid, "heartbeat_interval",
                      absl::StrCat("is ", absl::FormatDuration(interval), "; allowed are ",
                                   absl::FormatDuration(kHeartbeatMin), " to ",
                                   absl::FormatDuration(kHeartbeatMax)));
  }
  return interval;
}

absl::StatusOr<Subscription::Start> SubscriptionStart(const v1::SubscribeRequest& request) {
  switch (request.start_case()) {
    case v1::SubscribeRequest::kResumeToken: {
      ASSIGN_OR_RETURN(internal::v1::ResumeToken token, DecodeResumeToken(request.resume_token()));
      return token;
    }
    case v1::SubscribeRequest::kFromNow:
      return Subscription::FromNow();
    case v1::SubscribeRequest::kSnapshot:
    case v1::SubscribeRequest::START_NOT_SET:
      break;
  }
  return Subscription::Snapshot();
}

absl::StatusOr<Matchers> ParseMatchers(
    const google::protobuf::RepeatedPtrField<std::string>& matchers) {
  return Matchers::Parse({matchers.begin(), matchers.end()});
}

absl::StatusOr<SubscribeOptions> ReadOptions(const v1::SubscribeRequest& request) {
  SubscribeOptions options;
  switch (request.mode()) {
    case v1::SubscribeRequest::MODE_UNSPECIFIED:
    case v1::SubscribeRequest::MODE_EVERY_EVENT:
      break;
    case v1::SubscribeRequest::MODE_LATEST_ONLY:
      options.latest_only = true;
      break;
    default:
      return FieldError(kFieldInvalid, "mode",
                        absl::StrCat("is ", request.mode(), ", which this hub does not know"));
  }
  options.require_history = request.require_history();
  if (options.require_history && options.latest_only) {
    return FieldError(kFieldInvalid, "require_history",
                      "asks for every event, but mode is MODE_LATEST_ONLY; leave one of them out");
  }
  ASSIGN_OR_RETURN(Matchers matchers, ParseMatchers(request.matchers()));
  options.matchers = std::make_shared<const Matchers>(std::move(matchers));
  return options;
}

absl::StatusOr<SubscribeReactor::Parameters> ReadSubscribe(const grpc::ByteBuffer& buffer) {
  SubscribeReactor::Parameters parameters;
  ASSIGN_OR_RETURN(const v1::SubscribeRequest request, ParseSubscribe(buffer));
  ASSIGN_OR_RETURN(parameters.heartbeat_interval, HeartbeatInterval(request));
  if (request.client().size() > kClientBytesMax) {
    return FieldError(
        kFieldInvalid, "client",
        absl::StrCat("has ", request.client().size(), " bytes; allowed are ", kClientBytesMax));
  }
  parameters.label.client = request.client();
  if (!request.consumer().empty()) {
    RETURN_IF_ERROR(ValidateConsumer(request.consumer()));
    parameters.consumer = request.consumer();
    parameters.at_position = request.start_case() == v1::SubscribeRequest::START_NOT_SET;
  }
  ASSIGN_OR_RETURN(parameters.options, ReadOptions(request));
  ASSIGN_OR_RETURN(parameters.start, SubscriptionStart(request));
  if (const auto* token = std::get_if<internal::v1::ResumeToken>(&parameters.start)) {
    RETURN_IF_ERROR(CheckMatchersOf(*token, parameters.options.matchers->hash()));
  }
  return parameters;
}

// Of its form, or empty.
std::string TraceparentOf(const grpc::CallbackServerContext& context) {
  const auto [first, last] = context.client_metadata().equal_range(kTraceparentKey);
  if (first == last || std::next(first) != last) return "";
  const absl::string_view value(first->second.data(), first->second.size());
  return IsTraceparent(value) ? std::string(value) : "";
}

// A page token is the last sequence of the page before, in hexadecimal, with a mark that tells it
// from other text.
constexpr absl::string_view kPageTokenMark = "p1-";

absl::StatusOr<Sequence> PagePosition(const std::string& page_token) {
  if (page_token.empty()) return Sequence{0};
  absl::string_view text(page_token);
  Sequence position = 0;
  if (!absl::ConsumePrefix(&text, kPageTokenMark) || !absl::SimpleHexAtoi(text, &position)) {
    return BadPageToken(page_token);
  }
  return position;
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* IncidentServiceImpl::Subscribe(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kSubscribe, *context);
  if (!caller.ok()) return new RefusedStream(caller.status());
  absl::StatusOr<SubscribeReactor::Parameters> parameters = ReadSubscribe(*request);
  if (!parameters.ok()) return new RefusedStream(parameters.status());
  std::atomic<size_t>* const open = environment_.subscribe.open_streams;
  if (open->fetch_add(1) >= environment_.max_streams) {
    open->fetch_sub(1);
    return new RefusedStream(WithRetryDelay(
        ReasonError(
            "TOO_MANY_STREAMS",
            absl::StrCat("as many Subscribe streams are open already as --max_streams allows: ",
                         environment_.max_streams)),
        kRetryDelay));
  }
  parameters->label.peer = context->peer();
  parameters->caller = *std::move(caller);
  return SubscribeReactor::Start(environment_.subscribe, context, *std::move(parameters));
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* IncidentServiceImpl::Submit(Rpc rpc, grpc::CallbackServerContext* context,
                                                      const Request& request, Response* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(rpc, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  CommandGroup group;
  group.traceparent = TraceparentOf(*context);
  group.bytes = request.ByteSizeLong();
  group.commands.emplace_back(request);
  group.principal = caller->principal;
  AuditedCall call = Audited(rpc, *caller, *context, request.incident_id(), request.actor());
  // A caller that hangs up cancels nothing; gRPC keeps `response` until Finish.
  call.trace_id = std::string(TraceIdOf(group.traceparent));
  group.done = [call, reactor, response](std::vector<Outcome> outcomes) {
    if (!outcomes[0].ok()) {
      LogAudit(call, outcomes[0].status());
      return reactor->Finish(ToGrpcStatus(outcomes[0].status()));
    }
    auto& committed = std::get<Committed>(*outcomes[0]);
    LogAudit(call, absl::OkStatus(), committed.sequence, committed.changed);
    response->set_changed(committed.changed);
    *response->mutable_incident() = *std::move(committed.incident);
    reactor->Finish(grpc::Status::OK);
  };
  if (const absl::Status status = environment_.sequencer->Submit(std::move(group)); !status.ok()) {
    LogAudit(call, status);
    reactor->Finish(ToGrpcStatus(status));
  }
  return reactor;
}

grpc::ServerUnaryReactor* IncidentServiceImpl::Ack(grpc::CallbackServerContext* context,
                                                   const v1::AckRequest* request,
                                                   v1::AckResponse* response) {
  return Submit(Rpc::kAck, context, *request, response);
}

grpc::ServerUnaryReactor* IncidentServiceImpl::Unack(grpc::CallbackServerContext* context,
                                                     const v1::UnackRequest* request,
                                                     v1::UnackResponse* response) {
  return Submit(Rpc::kUnack, context, *request, response);
}

grpc::ServerUnaryReactor* IncidentServiceImpl::Resolve(grpc::CallbackServerContext* context,
                                                       const v1::ResolveRequest* request,
                                                       v1::ResolveResponse* response) {
  return Submit(Rpc::kResolve, context, *request, response);
}

template <typename Read>
grpc::ServerUnaryReactor* IncidentServiceImpl::ReadLater(Rpc rpc,
                                                         grpc::CallbackServerContext* context,
                                                         Read read) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(rpc, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  return AnswerLater(environment_.read_pool, context, std::move(read));
}

grpc::ServerUnaryReactor* IncidentServiceImpl::GetIncident(grpc::CallbackServerContext* context,
                                                           const v1::GetIncidentRequest* request,
                                                           v1::GetIncidentResponse* response) {
  return ReadLater(Rpc::kGetIncident, context,
                   [this, request, response] { return Get(*request, response); });
}

grpc::ServerUnaryReactor* IncidentServiceImpl::ListIncidents(
    grpc::CallbackServerContext* context, const v1::ListIncidentsRequest* request,
    v1::ListIncidentsResponse* response) {
  return ReadLater(Rpc::kListIncidents, context,
                   [this, request, response] { return List(*request, response); });
}

grpc::ServerUnaryReactor* IncidentServiceImpl::ListEvents(grpc::CallbackServerContext* context,
                                                          const v1::ListEventsRequest* request,
                                                          v1::ListEventsResponse* response) {
  return ReadLater(Rpc::kListEvents, context, [this, request, response] {
    return ReadHistoryPage(*environment_.store, *request, response);
  });
}

absl::Status IncidentServiceImpl::Get(const v1::GetIncidentRequest& request,
                                      v1::GetIncidentResponse* response) const {
  RETURN_IF_ERROR(ValidateIncidentId(request.incident_id()));
  ASSIGN_OR_RETURN(std::optional<IncidentState> state,
                   environment_.store->FindIncident(request.incident_id()));
  if (!state.has_value()) return IncidentNotFound(request.incident_id());
  *response->mutable_incident() = std::move(state->incident);
  return absl::OkStatus();
}

absl::Status IncidentServiceImpl::List(const v1::ListIncidentsRequest& request,
                                       v1::ListIncidentsResponse* response) const {
  ASSIGN_OR_RETURN(const ReadLimits limits, PageLimits(request.page_size()));
  ASSIGN_OR_RETURN(const Sequence after, PagePosition(request.page_token()));
  // A token beyond the head, as of a hub that was put back, is at the end.
  const Sequence position = std::min(after, environment_.store->applied());
  ASSIGN_OR_RETURN(const Matchers matchers, ParseMatchers(request.matchers()));
  ASSIGN_OR_RETURN(const Sequence next, ReadIncidentPage(*environment_.store, position, limits,
                                                         matchers, response->mutable_incidents()));
  if (next != 0) response->set_next_page_token(absl::StrCat(kPageTokenMark, absl::Hex(next)));
  return absl::OkStatus();
}

}  // namespace incidenthub
