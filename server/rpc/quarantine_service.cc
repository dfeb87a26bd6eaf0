#include "server/rpc/quarantine_service.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "server/domain/validate.h"
#include "server/rpc/answer_later.h"
#include "server/rpc/paging.h"
#include "server/rpc/quarantine_replay.h"
#include "server/rpc/receipt.h"

namespace incidenthub {
namespace {

using internal::v1::QuarantinedBody;

// A page token is the number of the page's last body, in hexadecimal.
constexpr absl::string_view kTokenMark = "q1-";

absl::StatusOr<uint64_t> ParsePageToken(const std::string& page_token) {
  if (page_token.empty()) return uint64_t{0};
  absl::string_view text(page_token);
  uint64_t before = 0;
  if (!absl::ConsumePrefix(&text, kTokenMark) || !absl::SimpleHexAtoi(text, &before) ||
      before == 0) {
    return BadPageToken(page_token);
  }
  return before;
}

void Describe(uint64_t id, const QuarantinedBody& body, v1::QuarantinedBody* described) {
  described->set_id(id);
  described->set_source(body.source());
  described->set_kind(std::string(KindOf(body)));
  described->set_reason(body.reason());
  if (body.has_receive_time()) *described->mutable_receive_time() = body.receive_time();
  described->set_size(static_cast<uint32_t>(body.raw().size()));
}

absl::Status CheckId(uint64_t id) {
  return id == 0 ? FieldError(kFieldInvalid, "id", "is required") : absl::OkStatus();
}

}  // namespace

absl::Status ReadQuarantinePage(const Quarantine& quarantine,
                                const v1::ListQuarantinedRequest& request,
                                v1::ListQuarantinedResponse* response) {
  ASSIGN_OR_RETURN(const ReadLimits limits, PageLimits(request.page_size()));
  ASSIGN_OR_RETURN(const uint64_t before, ParsePageToken(request.page_token()));
  // One more than there is room for: whether there is a next page.
  const std::vector<uint64_t> ids = quarantine.NewestBelow(before, limits.events + 1);
  size_t bytes = 0;
  size_t looked_at = 0;
  uint64_t last = 0;
  for (const uint64_t id : ids) {
    const bool full = static_cast<size_t>(response->bodies_size()) >= limits.events ||
                      bytes >= limits.bytes || looked_at >= kQuarantinePageLookedAtBytesMax;
    if (full) {
      response->set_next_page_token(absl::StrCat(kTokenMark, absl::Hex(last)));
      return absl::OkStatus();
    }
    last = id;
    ASSIGN_OR_RETURN(const std::optional<QuarantinedBody> body, quarantine.Get(id));
    // It has left, or is about to come.
    if (!body.has_value()) continue;
    looked_at += body->ByteSizeLong();
    Describe(id, *body, response->add_bodies());
    bytes += response->bodies().rbegin()->ByteSizeLong();
  }
  // Some have left meanwhile, and below them there may be more.
  if (ids.size() > limits.events) {
    response->set_next_page_token(absl::StrCat(kTokenMark, absl::Hex(last)));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* QuarantineServiceImpl::ListQuarantined(
    grpc::CallbackServerContext* context, const v1::ListQuarantinedRequest* request,
    v1::ListQuarantinedResponse* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kListQuarantined, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  return AnswerLater(
      environment_.read_pool, context,
      [this, request, response, call = Audited(Rpc::kListQuarantined, *caller, *context, "")] {
        absl::Status status = ReadQuarantinePage(*environment_.quarantine, *request, response);
        LogAudit(call, status);
        return status;
      });
}

grpc::ServerUnaryReactor* QuarantineServiceImpl::GetQuarantined(
    grpc::CallbackServerContext* context, const v1::GetQuarantinedRequest* request,
    v1::GetQuarantinedResponse* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kGetQuarantined, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  return AnswerLater(
      environment_.read_pool, context,
      [this, request, response,
       call = Audited(Rpc::kGetQuarantined, *caller, *context, absl::StrCat(request->id()))] {
        absl::Status status = Get(*request, response);
        LogAudit(call, status);
        return status;
      });
}

absl::Status QuarantineServiceImpl::Get(const v1::GetQuarantinedRequest& request,
                                        v1::GetQuarantinedResponse* response) const {
  RETURN_IF_ERROR(CheckId(request.id()));
  ASSIGN_OR_RETURN(std::optional<QuarantinedBody> body, environment_.quarantine->Get(request.id()));
  if (!body.has_value()) return QuarantinedNotFound(request.id());
  Describe(request.id(), *body, response->mutable_body());
  response->set_raw(std::move(*body->mutable_raw()));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* QuarantineServiceImpl::ReplayQuarantined(
    grpc::CallbackServerContext* context, const v1::ReplayQuarantinedRequest* request,
    v1::ReplayQuarantinedResponse* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kReplayQuarantined, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  ReplayCall call;
  call.reactor = context->DefaultReactor();
  call.response = response;
  call.id = request->id();
  call.audited = Audited(Rpc::kReplayQuarantined, *caller, *context, absl::StrCat(request->id()));
  grpc::ServerUnaryReactor* const reactor = call.reactor;
  if (!environment_.read_pool->TryPost([this, call]() mutable {
        // Once it is submitted the call may be over at any moment.
        if (const absl::Status status = StartReplay(&call); !status.ok()) Refuse(call, status);
      })) {
    Refuse(call, WithRetryDelay(ReasonError("QUEUE_FULL", "too many reads wait already; try again"),
                                absl::Seconds(1)));
  }
  return reactor;
}

absl::Status QuarantineServiceImpl::StartReplay(ReplayCall* call) const {
  RETURN_IF_ERROR(CheckId(call->id));
  ASSIGN_OR_RETURN(std::optional<QuarantinedBody> body, environment_.quarantine->Get(call->id));
  if (!body.has_value()) return QuarantinedNotFound(call->id);
  call->source = body->source();
  const decode::SourceKind* const kind = environment_.find_kind(KindOf(*body));
  ASSIGN_OR_RETURN(Replay replay, ReadAgain(*std::move(body), kind));

  CommandGroup group;
  group.bytes = replay.bytes;
  group.principal = call->audited.principal;
  std::vector<uint64_t> ids;
  for (v1::Delivery& delivery : replay.deliveries) {
    ids.push_back(delivery.id());
    group.commands.emplace_back(std::move(delivery));
  }
  FinishReplayCommand finish;
  finish.id = call->id;
  finish.deliveries = ids.size();
  finish.rest = std::move(replay.rest);
  const bool has_rest = finish.rest.has_value();
  if (has_rest) group.bytes += finish.rest->ByteSizeLong();
  ids.push_back(replay.items);
  group.commands.emplace_back(std::move(finish));
  group.done = [call = *call, ids = std::move(ids), has_rest](std::vector<Outcome> outcomes) {
    FinishReplay(call, ids, has_rest, std::move(outcomes));
  };
  return environment_.sequencer->Submit(std::move(group));
}

void QuarantineServiceImpl::FinishReplay(const ReplayCall& call, const std::vector<uint64_t>& ids,
                                         bool has_rest, std::vector<Outcome> outcomes) {
  // The last one is refused if any of those before is.
  if (!outcomes.back().ok()) return Refuse(call, outcomes.back().status());
  if (!has_rest) outcomes.pop_back();
  size_t accepted = 0;
  size_t duplicates = 0;
  size_t ignored = 0;
  uint64_t kept_as = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    v1::Receipt& receipt = *call.response->add_receipts();
    receipt = ToReceipt(ids[i], std::move(outcomes[i]));
    if (receipt.has_accepted()) (receipt.accepted().duplicate() ? duplicates : accepted) += 1;
    if (receipt.has_ignored()) ++ignored;
    if (receipt.has_quarantined()) kept_as = receipt.quarantined().id();
  }
  Log(LogLevel::kInfo, "quarantined body replayed",
      {{"quarantine_id", call.id},
       {"source", call.source},
       {"accepted", accepted},
       {"duplicates", duplicates},
       {"ignored", ignored},
       {"rest_kept_as", kept_as}});
  LogAudit(call.audited, absl::OkStatus(), 0, true);
  call.reactor->Finish(grpc::Status::OK);
}

void QuarantineServiceImpl::Refuse(const ReplayCall& call, const absl::Status& status) {
  static RepeatedLine lines;
  if (const auto left_out = lines.Next()) {
    Log(LogLevel::kWarning, "quarantined body not replayed",
        {{"quarantine_id", call.id},
         {"source", call.source},
         {"error", status},
         {"more_before", *left_out}});
  }
  LogAudit(call.audited, status);
  call.reactor->Finish(ToGrpcStatus(status));
}

}  // namespace incidenthub
