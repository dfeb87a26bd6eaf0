#include "server/upstream/bigpanda_api.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/logging.h"
#include "common/strings.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "server/domain/lifecycle.h"

namespace incidenthub {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

// A part of a path: ids are anybody's text.
std::string Escape(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::string_view("-._~").find(c) != absl::string_view::npos) {
      escaped.push_back(c);
    } else {
      escaped.push_back('%');
      escaped.push_back(kHexDigits[byte >> 4U]);
      escaped.push_back(kHexDigits[byte & 0xFU]);
    }
  }
  return escaped;
}

std::string IncidentUrl(const UpstreamSource& source, absl::string_view environment_id,
                        absl::string_view incident_id, absl::string_view action) {
  return absl::StrCat(source.base_url, "/resources/v2.0/environments/", Escape(environment_id),
                      "/incidents/", Escape(incident_id), "/", action);
}

std::string Sentence(absl::string_view done, absl::string_view actor, absl::string_view note) {
  return absl::StrCat(done, " by ", actor, " through incident-hub", note.empty() ? "." : ": ",
                      note);
}

void Flatten(const google::protobuf::Value& value, std::vector<std::string>* texts) {
  if (value.has_string_value()) {
    texts->push_back(value.string_value());
  } else if (value.has_list_value()) {
    for (const auto& element : value.list_value().values()) Flatten(element, texts);
  } else if (value.has_struct_value()) {
    for (const auto& [name, member] : value.struct_value().fields()) Flatten(member, texts);
  }
}

// What the body of an error says: {"status": 404, "errors": ["..."]}, or what stands for it.
std::string ErrorText(absl::string_view body) {
  google::protobuf::Struct json;
  if (google::protobuf::util::JsonStringToMessage(std::string(body), &json).ok()) {
    std::vector<std::string> texts;
    for (const char* name : {"errors", "message", "error"}) {
      const auto found = json.fields().find(name);
      if (found != json.fields().end()) Flatten(found->second, &texts);
      if (!texts.empty()) return absl::StrJoin(texts, "; ");
    }
  }
  std::string text(Echo(absl::StripAsciiWhitespace(body)));
  // It may be anything, and what is told to people is UTF-8.
  for (char& c : text) {
    if (!absl::ascii_isascii(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

std::string WithoutSecrets(std::string text, const UpstreamSource& source) {
  for (const std::string& secret : {source.api_key, source.app_key}) {
    if (!secret.empty()) text = absl::StrReplaceAll(text, {{secret, "[key]"}});
  }
  return text;
}

// One line, bounded.
std::string Presentable(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  if (text.size() <= kUpstreamErrorBytesMax) return text;
  size_t size = kUpstreamErrorBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  text.resize(size);
  return text;
}

Verdict VerdictOf(Endpoint endpoint, int status) {
  if (status >= 200 && status < 300) return Verdict::kDone;
  switch (status) {
    case 401:
      return Verdict::kBadKey;
    case 403:
      return Verdict::kForbidden;
    case 404:
      return Verdict::kNotFound;
    case 409:
      return endpoint == Endpoint::kResolve || endpoint == Endpoint::kCallback ? Verdict::kAlready
                                                                               : Verdict::kRefused;
    case 408:
    case 425:
    case 429:
      return Verdict::kRetry;
    default:
      // Neither is an answer about the incident: a proxy's, or of a host that has moved.
      return status >= 500 || status < 400 ? Verdict::kRetry : Verdict::kRefused;
  }
}

}  // namespace

absl::string_view NameOf(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kResolve:
      return "resolve";
    case Endpoint::kComment:
      return "comment";
    case Endpoint::kCallback:
      return "callback";
    case Endpoint::kEnvironments:
      return "environments";
  }
  return "";
}

absl::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDone:
      return "done";
    case Verdict::kAlready:
      return "already";
    case Verdict::kRetry:
      return "retry";
    case Verdict::kBadKey:
      return "bad_key";
    case Verdict::kForbidden:
      return "forbidden";
    case Verdict::kNotFound:
      return "not_found";
    case Verdict::kRefused:
      return "refused";
  }
  return "";
}

HttpRequest ResolveRequest(const UpstreamSource& source, absl::string_view environment_id,
                           const v1::Incident& incident) {
  const std::string text =
      Sentence("Resolved", incident.resolution().actor(), incident.resolution().note());
  return {IncidentUrl(source, environment_id, incident.id(), "resolve"), source.api_key,
          absl::StrCat("{\"comments\":", JsonQuote(text), "}")};
}

HttpRequest CommentRequest(const UpstreamSource& source, absl::string_view environment_id,
                           const v1::Incident& incident) {
  const std::string text = Sentence("Acknowledged", incident.acknowledgement().actor(),
                                    incident.acknowledgement().note());
  return {IncidentUrl(source, environment_id, incident.id(), "comments"), source.api_key,
          absl::StrCat("{\"comment\":", JsonQuote(text), "}")};
}

HttpRequest CallbackRequest(const UpstreamSource& source, absl::string_view incident_id) {
  return {absl::StrCat(source.base_url, "/resources/v2.1/outbound/callback"), source.api_key,
          absl::StrCat("{\"event_type\":\"incident#new\",\"incident_id\":", JsonQuote(incident_id),
                       ",\"app_key\":", JsonQuote(source.app_key), "}")};
}

HttpRequest EnvironmentsRequest(const UpstreamSource& source) {
  return {absl::StrCat(source.base_url, "/resources/v2.0/environments"), source.api_key, ""};
}

Reading ReadAnswer(const UpstreamSource& source, Endpoint endpoint, const HttpAnswer& answer) {
  Reading reading;
  if (answer.status == 0) {
    reading.text = Presentable(
        WithoutSecrets(absl::StrCat(source.base_url, " was not reached: ", answer.error), source));
    return reading;
  }
  reading.verdict = VerdictOf(endpoint, answer.status);
  if (reading.verdict == Verdict::kDone) return reading;
  std::string text = absl::StrCat(source.base_url, " answered ", answer.status);
  if (const std::string said = ErrorText(answer.body); !said.empty()) {
    absl::StrAppend(&text, ": ", said);
  }
  reading.text = Presentable(WithoutSecrets(std::move(text), source));
  return reading;
}

}  // namespace incidenthub
