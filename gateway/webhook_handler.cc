#include "gateway/webhook_handler.h"

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/decode/decoder.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/trace_context.h"
#include "gateway/batch_delivery.h"

namespace incidenthub::gateway {
namespace {

static_assert(kSourcesMax <= 64);

Admission BitOf(size_t index) { return Admission{1} << index; }

// Of the admitted sources the one that the app key means.
absl::StatusOr<std::string> SourceOfAppKey(const std::vector<const Source*>& sources,
                                           Admission admission, absl::string_view app_key) {
  if (app_key.empty()) return absl::InvalidArgumentError("is missing");
  for (size_t i = 0; i < sources.size(); ++i) {
    const Source& source = *sources[i];
    if ((admission & BitOf(i)) == 0) continue;
    if (source.app_keys == nullptr || source.app_keys->Accepts(app_key)) return source.name;
  }
  return absl::InvalidArgumentError("is not that of a source which this credential is good for");
}

}  // namespace

bool IsJsonContentType(absl::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))));
  return type.empty() || type == "application/json" || type == "text/json" ||
         (absl::StartsWith(type, "application/") && absl::EndsWith(type, "+json"));
}

WebhookHandler::WebhookHandler(std::vector<const Source*> sources, IngestClient* client,
                               Metrics* metrics)
    : sources_(std::move(sources)),
      kind_(*sources_.front()->kind),
      client_(*client),
      metrics_(*metrics) {
  INCIDENTHUB_CHECK(sources_.size() == 1 || kind_.has_app_keys);
}

HttpAnswer WebhookHandler::Unauthenticated() const {
  std::vector<std::string> places;
  std::string challenge;
  for (const Source* source : sources_) {
    if (challenge.empty()) challenge = source->Challenge();
    for (const auto& authenticator : source->authenticators) {
      std::string place = authenticator->Place();
      if (!absl::c_linear_search(places, place)) places.push_back(std::move(place));
    }
  }
  HttpAnswer answer =
      ErrorAnswer(401, "UNAUTHENTICATED",
                  absl::StrCat(absl::StrJoin(places, " or "), " holds no valid credential"));
  if (!challenge.empty()) answer.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  return answer;
}

std::optional<HttpAnswer> WebhookHandler::Refuse(const RequestHead& head, const RequestIds& ids,
                                                 Admission* admission) {
  std::vector<std::pair<const Source*, absl::Status>> refusals;
  for (size_t i = 0; i < sources_.size(); ++i) {
    absl::Status checked = sources_[i]->Check(head);
    if (checked.ok()) {
      *admission |= BitOf(i);
    } else {
      refusals.emplace_back(sources_[i], std::move(checked));
    }
  }
  if (*admission == 0) {
    for (const auto& [source, why] : refusals) source->LogRefusal(why, ids.request_id);
    return Unauthenticated();
  }
  if (!kind_.is_batch && !IsJsonContentType(head.ValueOf("Content-Type"))) {
    return ErrorAnswer(415, "CONTENT_TYPE_UNSUPPORTED",
                       absl::StrCat("the Content-Type must be application/json"));
  }
  return std::nullopt;
}

void WebhookHandler::Handle(std::string body, absl::Time start, Admission admission,
                            const RequestIds& ids, Respond respond) {
  size_t first = 0;
  while ((admission & BitOf(first)) == 0) ++first;
  const auto source_of_app_key = [this, admission](absl::string_view app_key) {
    return SourceOfAppKey(sources_, admission, app_key);
  };
  const decode::SourceContext context{sources_[first]->name, source_of_app_key};
  if (kind_.is_batch) {
    HandleBatch(std::move(body), start, context, ids, std::move(respond));
  } else {
    HandleOne(std::move(body), start, context, ids, std::move(respond));
  }
}

void WebhookHandler::NoteRefused(const absl::Status& error, absl::string_view source,
                                 const RequestIds& ids) {
  metrics_.DecodeFailed(ErrorReason(error));
  if (const auto left_out = refused_lines_.Next()) {
    Log(LogLevel::kWarning, "body refused",
        {{"source", source},
         {"error", error},
         {"request_id", ids.request_id},
         {"trace_id", TraceIdOf(ids.traceparent)},
         {"more_before", *left_out}});
  }
}

void WebhookHandler::HandleOne(std::string body, absl::Time start,
                               const decode::SourceContext& context, const RequestIds& ids,
                               Respond respond) {
  decode::Item item;
  const absl::Status decoded = kind_.decode(&body, context, [&item, &ids](decode::Item only) {
    item = std::move(only);
    StampDelivery(item.raw, ids, &item.delivery);
    return true;
  });
  if (!decoded.ok()) {
    NoteRefused(decoded, context.source, ids);
    return respond(AnswerForRequestError(decoded));
  }
  if (item.outcome == decode::Item::Outcome::kTest) {
    if (const auto left_out = test_lines_.Next()) {
      Log(LogLevel::kInfo, "a source tries the way",
          {{"source", context.source}, {"request_id", ids.request_id}, {"more_before", *left_out}});
    }
    return respond(AnswerForTest());
  }
  // Its memory is not needed while the hub is waited for.
  std::string().swap(body);
  std::string unmapped_reason;
  if (item.delivery.has_unmapped()) {
    unmapped_reason = item.delivery.unmapped().reason();
    metrics_.DecodeFailed("UNMAPPED");
  }
  client_.Deliver(std::move(item.delivery), start,
                  [this, &ids, source = std::string(context.source),
                   unmapped_reason = std::move(unmapped_reason), respond = std::move(respond)](
                      const absl::StatusOr<v1::Receipt>& receipt) mutable {
                    CountDelivery(source, receipt, &metrics_);
                    respond(AnswerFor(receipt, source, ids, unmapped_reason));
                  });
}

void WebhookHandler::HandleBatch(std::string body, absl::Time start,
                                 const decode::SourceContext& context, const RequestIds& ids,
                                 Respond respond) {
  const std::shared_ptr<BatchDelivery> batch =
      BatchDelivery::Start(start, ids, std::move(respond), &client_, &metrics_);
  absl::Status decoded = kind_.decode(
      &body, context, [&batch](decode::Item item) { return batch->Add(std::move(item)); });
  if (!decoded.ok()) NoteRefused(decoded, context.source, ids);
  std::string().swap(body);
  batch->Finish(std::move(decoded));
}

HttpAnswer WebhookHandler::AnswerFor(const absl::StatusOr<v1::Receipt>& receipt,
                                     absl::string_view source, const RequestIds& ids,
                                     absl::string_view unmapped_reason) {
  if (!receipt.ok()) return AnswerForDeliveryError(receipt.status());
  if (receipt->has_quarantined()) {
    if (const auto left_out = quarantined_lines_.Next()) {
      Log(LogLevel::kWarning, "body is no incident, kept in quarantine",
          {{"source", source},
           {"quarantine_id", receipt->quarantined().id()},
           {"reason", unmapped_reason},
           {"request_id", ids.request_id},
           {"trace_id", TraceIdOf(ids.traceparent)},
           {"more_before", *left_out}});
    }
  }
  return AnswerForReceipt(*receipt, unmapped_reason);
}

}  // namespace incidenthub::gateway
