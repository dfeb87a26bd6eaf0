#include "tests/support/fake_bigpanda_api.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/logging.h"
#include "tests/support/fake_bigpanda_json.h"

namespace incidenthub::testing {
namespace {

FakeHttpAnswer Done(int status) {
  return {status, "", absl::StrCat("{\"status\":", status, ",\"data\":{}}"), std::nullopt};
}

FakeHttpAnswer Error(int status, absl::string_view text) {
  return {status, "", ErrorJson(status, text), std::nullopt};
}

FakeHttpAnswer BadBody(absl::string_view wanted) {
  return Error(400, absl::StrCat("the body is no ", wanted));
}

// Of what an incident says to a request.
FakeHttpAnswer ErrorOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return Error(404, status.message());
    case absl::StatusCode::kFailedPrecondition:
      return Error(409, status.message());
    default:
      return Error(500, status.message());
  }
}

// Fills in what method and path say.
void ParsePath(const FakeHttpRequest& http, BigPandaRequest* request) {
  const std::vector<absl::string_view> parts = absl::StrSplit(http.path, '/');
  // "", "resources", "v2.0", "environments", ENVIRONMENT, "incidents", INCIDENT, ACTION.
  const bool is_get = http.method == "GET";
  const bool is_post = http.method == "POST";
  if (is_get && http.path == "/resources/v2.0/environments") {
    request->endpoint = BigPandaEndpoint::kEnvironments;
  } else if (is_post && http.path == "/resources/v2.1/outbound/callback") {
    request->endpoint = BigPandaEndpoint::kCallback;
  } else if (is_post && parts.size() == 8 && parts[1] == "resources" && parts[2] == "v2.0" &&
             parts[3] == "environments" && parts[5] == "incidents" &&
             (parts[7] == "resolve" || parts[7] == "comments")) {
    request->endpoint =
        parts[7] == "resolve" ? BigPandaEndpoint::kResolve : BigPandaEndpoint::kComments;
    request->environment_id = PercentDecode(parts[4]);
    request->incident_id = PercentDecode(parts[6]);
  }
}

// Fills in what the body says.
void ParseBody(const std::string& body, BigPandaRequest* request) {
  request->body = body;
  const auto object = ParseJsonObject(body);
  if (!object.has_value()) return;
  const bool is_resolve = request->endpoint == BigPandaEndpoint::kResolve;
  request->comment = StringMember(*object, is_resolve ? "comments" : "comment").value_or("");
  if (request->endpoint == BigPandaEndpoint::kCallback) {
    request->incident_id = StringMember(*object, "incident_id").value_or("");
    request->event_type = StringMember(*object, "event_type").value_or("");
    request->app_key = StringMember(*object, "app_key").value_or("");
  }
}

}  // namespace

absl::string_view BigPandaEndpointName(BigPandaEndpoint endpoint) {
  switch (endpoint) {
    case BigPandaEndpoint::kResolve:
      return "resolve";
    case BigPandaEndpoint::kComments:
      return "comments";
    case BigPandaEndpoint::kCallback:
      return "callback";
    case BigPandaEndpoint::kEnvironments:
      return "environments";
    case BigPandaEndpoint::kUnknown:
      break;
  }
  return "unknown";
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const absl::string_view escape = text.substr(i, 3);
    if (escape.size() == 3 && escape[0] == '%' &&
        absl::ascii_isxdigit(static_cast<unsigned char>(escape[1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(escape[2]))) {
      decoded += absl::HexStringToBytes(escape.substr(1));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

FakeBigPandaApi::FakeBigPandaApi(const FakeBigPandaOptions& options, FakeIncidents* incidents)
    : options_(options), incidents_(*incidents), api_key_(options.api_key) {}

FakeHttpAnswer FakeBigPandaApi::Handle(const FakeHttpRequest& http) {
  BigPandaRequest request;
  request.time = absl::Now();
  request.method = http.method;
  request.path = http.path;
  ParsePath(http, &request);
  ParseBody(http.body, &request);

  bool let_through = false;
  std::optional<BigPandaFault> fault;
  {
    absl::MutexLock lock(&mu_);
    EndpointState& state = State(request.endpoint);
    let_through = state.rate.Arrive(request.time, options_.rate_limit);
    fault = state.faults.Next();
  }
  FakeHttpAnswer answer;
  if (!fault.has_value() || fault->takes_effect) answer = Answer(http, request, let_through);
  if (fault.has_value()) {
    const bool is_status = fault->kind == BigPandaFault::Kind::kStatus;
    if (is_status || !fault->takes_effect) {
      answer = Error(is_status ? fault->status : 500, "scripted fault");
      answer.retry_after = fault->retry_after;
      if (!fault->body.empty()) answer.body = fault->body;
    }
    answer.fault = std::move(fault);
  }

  request.status = answer.status;
  request.faulty = answer.fault.has_value();
  absl::MutexLock lock(&mu_);
  ++State(request.endpoint).count;
  requests_.push_back(std::move(request));
  if (requests_.size() > kBigPandaRequestsMax) requests_.pop_front();
  changed_.SignalAll();
  return answer;
}

FakeHttpAnswer FakeBigPandaApi::Answer(const FakeHttpRequest& http, const BigPandaRequest& request,
                                       bool let_through) {
  if (auto refused = Refuse(http, request, let_through); refused.has_value()) return *refused;
  if (request.endpoint == BigPandaEndpoint::kEnvironments) return Environments();
  const auto body = ParseJsonObject(http.body);
  if (!body.has_value()) return BadBody("JSON object");
  switch (request.endpoint) {
    case BigPandaEndpoint::kResolve:
      return Resolve(request, *body);
    case BigPandaEndpoint::kComments:
      return Comment(request, *body);
    case BigPandaEndpoint::kCallback:
      return Callback(*body);
    default:
      return Error(404, "not found");
  }
}

std::optional<FakeHttpAnswer> FakeBigPandaApi::Refuse(const FakeHttpRequest& http,
                                                      const BigPandaRequest& request,
                                                      bool let_through) {
  absl::MutexLock lock(&mu_);
  if (http.authorization != absl::StrCat("Bearer ", api_key_)) {
    return Error(401, "missing or invalid API key");
  }
  if (!let_through) {
    FakeHttpAnswer answer = Error(429, "too many requests");
    answer.retry_after = options_.rate_limit_retry_after;
    return answer;
  }
  if (request.endpoint == BigPandaEndpoint::kUnknown) return Error(404, "not found");
  if (forbidden_.count(request.environment_id) > 0) {
    return Error(403, "the API key's role may not act in this environment");
  }
  return std::nullopt;
}

FakeHttpAnswer FakeBigPandaApi::Resolve(const BigPandaRequest& request,
                                        const google::protobuf::Struct& body) {
  const auto comments = StringMember(body, "comments");
  if (!comments.has_value()) return BadBody("{\"comments\": \"text\"}");
  const absl::Status status =
      incidents_.RequestResolve(request.environment_id, request.incident_id, *comments);
  return status.ok() ? Done(202) : ErrorOf(status);
}

FakeHttpAnswer FakeBigPandaApi::Comment(const BigPandaRequest& request,
                                        const google::protobuf::Struct& body) {
  const auto comment = StringMember(body, "comment");
  if (!comment.has_value()) return BadBody("{\"comment\": \"text\"}");
  const absl::Status status =
      incidents_.AddComment(request.environment_id, request.incident_id, *comment);
  return status.ok() ? Done(204) : ErrorOf(status);
}

FakeHttpAnswer FakeBigPandaApi::Callback(const google::protobuf::Struct& body) {
  const auto event_type = StringMember(body, "event_type");
  const auto incident_id = StringMember(body, "incident_id");
  const auto app_key = StringMember(body, "app_key");
  if (!event_type.has_value() || !incident_id.has_value() || !app_key.has_value()) {
    return BadBody("{\"event_type\": \"...\", \"incident_id\": \"...\", \"app_key\": \"...\"}");
  }
  if (*event_type != "incident#new") return Error(400, "event_type is not incident#new");
  if (*app_key != options_.app_key) {
    return Error(options_.wrong_app_key_status, "no integration has this app_key");
  }
  const absl::Status status = incidents_.Unlock(*incident_id);
  return status.ok() ? Done(200) : ErrorOf(status);
}

FakeHttpAnswer FakeBigPandaApi::Environments() {
  std::string json = "[";
  absl::MutexLock lock(&mu_);
  for (const BigPandaEnvironment& environment : options_.environments) {
    if (forbidden_.count(environment.id) > 0) continue;
    absl::StrAppend(&json, json.size() > 1 ? "," : "", "{\"id\":", JsonQuote(environment.id),
                    ",\"name\":", JsonQuote(environment.name), "}");
  }
  return {200, "", absl::StrCat(json, "]"), std::nullopt};
}

void FakeBigPandaApi::SetApiKey(std::string key) {
  absl::MutexLock lock(&mu_);
  api_key_ = std::move(key);
}

void FakeBigPandaApi::SetPermitted(const std::string& environment_id, bool permitted) {
  absl::MutexLock lock(&mu_);
  if (permitted) {
    forbidden_.erase(environment_id);
  } else {
    forbidden_.insert(environment_id);
  }
}

void FakeBigPandaApi::AddFault(BigPandaEndpoint endpoint, BigPandaFault fault, int count) {
  absl::MutexLock lock(&mu_);
  State(endpoint).faults.Add(std::move(fault), count);
}

void FakeBigPandaApi::SetRandomFault(BigPandaEndpoint endpoint, BigPandaFault fault,
                                     double probability, uint64_t seed) {
  absl::MutexLock lock(&mu_);
  State(endpoint).faults.SetRandom(std::move(fault), probability, seed);
}

void FakeBigPandaApi::ClearFaults() {
  absl::MutexLock lock(&mu_);
  for (EndpointState& state : endpoints_) state.faults.Clear();
}

std::vector<BigPandaRequest> FakeBigPandaApi::requests() const {
  absl::MutexLock lock(&mu_);
  return {requests_.begin(), requests_.end()};
}

std::vector<BigPandaRequest> FakeBigPandaApi::requests(BigPandaEndpoint endpoint) const {
  std::vector<BigPandaRequest> all = requests();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [endpoint](const auto& one) { return one.endpoint != endpoint; }),
            all.end());
  return all;
}

void FakeBigPandaApi::ClearRequests() {
  absl::MutexLock lock(&mu_);
  requests_.clear();
  for (EndpointState& state : endpoints_) state.count = 0;
}

bool FakeBigPandaApi::WaitForRequests(BigPandaEndpoint endpoint, size_t count,
                                      absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (State(endpoint).count < count) {
    if (changed_.WaitWithDeadline(&mu_, deadline)) return State(endpoint).count >= count;
  }
  return true;
}

size_t FakeBigPandaApi::MostInASecond(BigPandaEndpoint endpoint) const {
  absl::MutexLock lock(&mu_);
  return State(endpoint).rate.most();
}

}  // namespace incidenthub::testing
