#include "server/rpc/upstream_service.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "server/domain/rank.h"
#include "server/rpc/answer_later.h"
#include "server/rpc/paging.h"

namespace incidenthub {
namespace {

// A page token is where the page before ended: the kind's place here, and the sequence.
constexpr absl::string_view kTokenMark = "u1-";

// In the order of the list.
constexpr std::array kKinds = {UpstreamKind::kFailed,   UpstreamKind::kUnconfirmed,
                               UpstreamKind::kPending,  UpstreamKind::kAccepted,
                               UpstreamKind::kCallback, UpstreamKind::kComment};

struct PagePosition {
  size_t kind = 0;
  Sequence after = 0;
};

std::string PageToken(const PagePosition& position) {
  return absl::StrCat(kTokenMark, position.kind, absl::Hex(position.after, absl::kZeroPad16));
}

absl::StatusOr<PagePosition> ParsePageToken(const std::string& page_token) {
  PagePosition position;
  absl::string_view text(page_token);
  if (text.empty()) return position;
  if (absl::ConsumePrefix(&text, kTokenMark) && !text.empty() &&
      absl::SimpleAtoi(text.substr(0, 1), &position.kind) && position.kind < kKinds.size() &&
      absl::SimpleHexAtoi(text.substr(1), &position.after)) {
    return position;
  }
  return BadPageToken(page_token);
}

v1::UpstreamItem::Kind KindOf(UpstreamKind kind) {
  if (kind == UpstreamKind::kCallback) return v1::UpstreamItem::KIND_CALLBACK;
  if (kind == UpstreamKind::kComment) return v1::UpstreamItem::KIND_COMMENT;
  return v1::UpstreamItem::KIND_RESOLVE;
}

v1::Upstream::State StateOf(UpstreamKind kind) {
  for (const auto state : {v1::Upstream::STATE_PENDING, v1::Upstream::STATE_ACCEPTED,
                           v1::Upstream::STATE_UNCONFIRMED, v1::Upstream::STATE_FAILED}) {
    if (PlaceOf(state, 0).kind == kind) return state;
  }
  return v1::Upstream::STATE_UNSPECIFIED;
}

absl::Status Fill(const Store& store, const UpstreamWorker& worker, const UpstreamWork& work,
                  v1::UpstreamItem* item) {
  item->set_kind(KindOf(work.kind));
  item->set_incident_id(work.incident_id);
  item->set_source(work.source);
  item->set_state(StateOf(work.kind));
  item->set_request_sequence(work.sequence);
  *item->mutable_since() = ToTimestamp(work.since);
  if (const std::optional<AgendaItem> known = worker.Describe(work.kind, work.sequence)) {
    item->set_attempts(known->attempts);
    item->set_last_error(known->last_error);
    *item->mutable_next_attempt_time() = ToTimestamp(known->due);
    return absl::OkStatus();
  }
  if (work.kind == UpstreamKind::kCallback || work.kind == UpstreamKind::kComment) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<IncidentState> state, store.FindIncident(work.incident_id));
  // What has changed since the list was read is about another state.
  if (state.has_value() && state->incident.upstream().request_sequence() == work.sequence &&
      state->incident.upstream().state() == item->state()) {
    item->set_attempts(state->incident.upstream().attempts());
    item->set_last_error(state->incident.upstream().last_error());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadUpstreamPage(const Store& store, const UpstreamWorker& worker,
                              const v1::ListUpstreamRequest& request,
                              v1::ListUpstreamResponse* response) {
  ASSIGN_OR_RETURN(const ReadLimits limits, PageLimits(request.page_size()));
  ASSIGN_OR_RETURN(PagePosition position, ParsePageToken(request.page_token()));
  size_t bytes = 0;
  while (position.kind < kKinds.size()) {
    const size_t room = limits.events - static_cast<size_t>(response->items_size());
    // One more than there is room for: whether there is a next page.
    ASSIGN_OR_RETURN(const std::vector<UpstreamWork> works,
                     store.upstream().Read(kKinds[position.kind], position.after, room + 1));
    for (const UpstreamWork& work : works) {
      v1::UpstreamItem item;
      if (static_cast<size_t>(response->items_size()) < limits.events) {
        RETURN_IF_ERROR(Fill(store, worker, work, &item));
        bytes += item.ByteSizeLong();
      }
      if (static_cast<size_t>(response->items_size()) == limits.events ||
          (bytes > limits.bytes && response->items_size() > 0)) {
        response->set_next_page_token(PageToken(position));
        return absl::OkStatus();
      }
      *response->add_items() = std::move(item);
      position.after = work.sequence;
    }
    position = {position.kind + 1, 0};
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* UpstreamServiceImpl::ListUpstream(grpc::CallbackServerContext* context,
                                                            const v1::ListUpstreamRequest* request,
                                                            v1::ListUpstreamResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(Rpc::kListUpstream, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  return AnswerLater(read_pool_, context, [this, request, response] {
    return ReadUpstreamPage(*store_, *worker_, *request, response);
  });
}

}  // namespace incidenthub
