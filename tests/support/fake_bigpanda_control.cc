#include "tests/support/fake_bigpanda_control.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/support/fake_bigpanda_json.h"

namespace incidenthub::testing {
namespace {

using google::protobuf::Struct;

constexpr int kFaultCountMax = 1'000'000;

FakeHttpAnswer Json(int status, std::string body) {
  return {status, "", std::move(body), std::nullopt};
}

FakeHttpAnswer Error(int status, absl::string_view text) {
  return Json(status, ErrorJson(status, text));
}

FakeHttpAnswer Done() { return Json(200, "{\"status\":200,\"data\":{}}"); }

int HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    default:
      return 503;
  }
}

FakeHttpAnswer ShowIncident(const FakeIncidents& incidents, const std::string& id, int status) {
  const auto incident = incidents.Find(id);
  if (!incident.has_value()) return Error(404, absl::StrCat("incident ", id, " not found"));
  return Json(status, IncidentJson(*incident));
}

FakeHttpAnswer Open(const Struct& body, FakeIncidents* incidents) {
  const auto id = StringMember(body, "id");
  if (!id.has_value() || id->empty()) return Error(400, "give an \"id\"");
  const absl::Status status =
      incidents->Open(*id, StringMember(body, "environment_id").value_or(kBigPandaEnvironmentId));
  if (!status.ok()) return Error(HttpStatus(status), status.message());
  return ShowIncident(*incidents, *id, 201);
}

FakeHttpAnswer Import(const Struct& body, FakeIncidents* incidents) {
  const auto incident = IncidentOfWebhook(body);
  if (!incident.has_value()) return Error(400, "give a webhook's body, with an incident's id");
  const absl::Status status = incidents->Import(*incident);
  if (!status.ok()) return Error(HttpStatus(status), status.message());
  return ShowIncident(*incidents, incident->id, 201);
}

absl::Status Act(const std::string& id, absl::string_view action, const Struct& body,
                 FakeIncidents* incidents) {
  if (action == "update") return incidents->Update(id, StringMember(body, "status").value_or(""));
  if (action == "close") return incidents->Close(id);
  if (action == "reopen") return incidents->Reopen(id);
  if (action != "comment") return absl::NotFoundError(absl::StrCat("no action ", action));
  const auto comment = StringMember(body, "comment");
  if (!comment.has_value()) return absl::InvalidArgumentError("give a \"comment\"");
  return incidents->Comment(id, *comment);
}

std::optional<BigPandaEndpoint> EndpointOf(const Struct& body) {
  const std::string name = StringMember(body, "endpoint").value_or("");
  for (size_t i = 0; i < kBigPandaEndpointCount; ++i) {
    const auto endpoint = static_cast<BigPandaEndpoint>(i);
    if (BigPandaEndpointName(endpoint) == name) return endpoint;
  }
  return std::nullopt;
}

std::optional<BigPandaFault> FaultOf(const Struct& body) {
  const std::string kind = StringMember(body, "kind").value_or("");
  const absl::Duration pause = absl::Seconds(NumberMember(body, "seconds"));
  if (kind == "status") {
    const int status = static_cast<int>(std::clamp(NumberMember(body, "status"), 0.0, 599.0));
    return StatusFault(status < 100 ? 503 : status, StringMember(body, "retry_after").value_or(""));
  }
  if (kind == "delay") return DelayFault(pause);
  if (kind == "hang") return HangFault();
  if (kind == "reset") return ResetFault();
  if (kind == "garbage") return GarbageFault();
  if (kind == "huge-body") return HugeBodyFault();
  if (kind == "drip") return DripFault(pause);
  return std::nullopt;
}

FakeHttpAnswer AddFault(const Struct& body, FakeBigPandaApi* api) {
  const auto endpoint = EndpointOf(body);
  const auto fault = FaultOf(body);
  if (!endpoint.has_value() || !fault.has_value()) {
    return Error(400,
                 "give an \"endpoint\" (resolve, comments, callback, environments, unknown) "
                 "and a \"kind\" (status, delay, hang, reset, garbage, huge-body, drip)");
  }
  const double count = std::clamp<double>(NumberMember(body, "count"), 1, kFaultCountMax);
  api->AddFault(*endpoint, *fault, static_cast<int>(count));
  return Done();
}

FakeHttpAnswer ShowRequests(const FakeBigPandaApi& api) {
  const auto one = [](std::string* out, const BigPandaRequest& request) {
    absl::StrAppend(out, RequestJson(request));
  };
  return Json(200, absl::StrCat("[", absl::StrJoin(api.requests(), ",", one), "]"));
}

FakeHttpAnswer ShowWebhooks(const FakeWebhooks& webhooks) {
  const auto one = [](std::string* out, const BigPandaWebhook& webhook) {
    absl::StrAppend(out, WebhookJson(webhook));
  };
  return Json(200, absl::StrCat("{\"given_up\":", webhooks.given_up(), ",\"done\":[",
                                absl::StrJoin(webhooks.done(), ",", one), "]}"));
}

FakeHttpAnswer HandleGet(const std::vector<std::string>& path, const FakeBigPandaParts& parts) {
  if (path.size() == 2 && path[0] == "incidents") {
    return ShowIncident(parts.incidents, PercentDecode(path[1]), 200);
  }
  if (path.size() == 1 && path[0] == "requests") return ShowRequests(parts.api);
  if (path.size() == 1 && path[0] == "webhooks") return ShowWebhooks(parts.webhooks);
  return Error(404, "not found");
}

FakeHttpAnswer HandlePost(const std::vector<std::string>& path, const Struct& body,
                          const FakeBigPandaParts& parts) {
  if (path.size() == 1 && path[0] == "incidents") return Open(body, &parts.incidents);
  if (path.size() == 1 && path[0] == "import") return Import(body, &parts.incidents);
  if (path.size() == 1 && path[0] == "faults") return AddFault(body, &parts.api);
  if (path.size() == 1 && path[0] == "api-key") {
    const auto key = StringMember(body, "api_key");
    if (!key.has_value()) return Error(400, "give an \"api_key\"");
    parts.api.SetApiKey(*key);
    return Done();
  }
  if (path.size() == 1 && path[0] == "webhook-url") {
    const auto url = StringMember(body, "url");
    if (!url.has_value()) return Error(400, "give a \"url\"");
    parts.webhooks.SetUrl(*url);
    return Done();
  }
  if (path.size() == 3 && path[0] == "incidents") {
    const std::string id = PercentDecode(path[1]);
    const absl::Status status = Act(id, path[2], body, &parts.incidents);
    if (!status.ok()) return Error(HttpStatus(status), status.message());
    return ShowIncident(parts.incidents, id, 200);
  }
  return Error(404, "not found");
}

}  // namespace

FakeHttpAnswer HandleControl(const FakeHttpRequest& request, const FakeBigPandaParts& parts) {
  const std::vector<std::string> path =
      absl::StrSplit(absl::string_view(request.path).substr(sizeof kFakeControlPrefix - 1), '/');
  if (request.method == "GET") return HandleGet(path, parts);
  if (request.method != "POST") return Error(404, "not found");
  const auto body = request.body.empty() ? Struct() : ParseJsonObject(request.body);
  if (!body.has_value()) return Error(400, "the body is no JSON object");
  return HandlePost(path, *body, parts);
}

}  // namespace incidenthub::testing
