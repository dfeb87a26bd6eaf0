#include "gateway/http_head.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/error_details.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

absl::Status Invalid(Reason reason, absl::string_view message) {
  return ReasonError(absl::StatusCode::kInvalidArgument, reason, message);
}

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("!#$%&'*+-.^_`|~").find(c) != absl::string_view::npos;
}

bool IsToken(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

bool IsFieldValue(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || !absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

absl::Status ParseRequestLine(absl::string_view line, RequestHead* head) {
  head->line = line;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == absl::string_view::npos || first == last) {
    return Invalid("HEAD_INVALID", "the request line is not METHOD TARGET VERSION");
  }
  head->method = line.substr(0, first);
  head->target = line.substr(first + 1, last - first - 1);
  const absl::string_view version = line.substr(last + 1);
  const bool target_is_graphic = std::all_of(head->target.begin(), head->target.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (!IsToken(head->method) || !target_is_graphic || head->target.empty()) {
    return Invalid("HEAD_INVALID", "the request line is not METHOD TARGET VERSION");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Invalid("HEAD_INVALID", "the version is neither HTTP/1.1 nor HTTP/1.0");
  }
  head->is_http_1_0 = version == "HTTP/1.0";
  head->path = head->target.substr(0, head->target.find('?'));
  return absl::OkStatus();
}

absl::Status ParseField(absl::string_view line, RequestHead* head) {
  const size_t colon = line.find(':');
  // A blank before the colon, and a line that goes on the one before, are read differently by
  // different programs; both fail as names.
  if (colon == absl::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Invalid("HEAD_INVALID", "a header line is not NAME: VALUE");
  }
  // Before blanks are taken off: a vertical tab is none in HTTP, and hides a value from programs
  // that know that.
  if (!IsFieldValue(line.substr(colon + 1))) {
    return Invalid("HEAD_INVALID", "a header value holds a control character");
  }
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  if (head->fields.size() == kHeadFieldsMax) {
    return ReasonError(absl::StatusCode::kResourceExhausted, "HEADERS_TOO_MANY",
                       absl::StrCat("more than ", kHeadFieldsMax, " header lines"));
  }
  head->fields.emplace_back(line.substr(0, colon), value);
  return absl::OkStatus();
}

absl::Status FindFraming(RequestHead* head) {
  const size_t lengths = head->CountOf("Content-Length");
  const size_t codings = head->CountOf("Transfer-Encoding");
  if (lengths > 1) return Invalid("FRAMING_INVALID", "more than one Content-Length");
  if (lengths > 0 && codings > 0) {
    return Invalid("FRAMING_INVALID", "both Content-Length and Transfer-Encoding");
  }
  if (codings > 0) {
    if (codings > 1 || head->is_http_1_0 ||
        !absl::EqualsIgnoreCase(head->ValueOf("Transfer-Encoding"), "chunked")) {
      return Invalid("FRAMING_INVALID", "the only Transfer-Encoding taken is chunked, on HTTP/1.1");
    }
    head->framing = BodyFraming::kChunked;
  }
  if (lengths > 0) {
    const absl::string_view length = head->ValueOf("Content-Length");
    if (!IsDigits(length)) return Invalid("FRAMING_INVALID", "Content-Length is not a number");
    head->framing = BodyFraming::kLength;
    if (!absl::SimpleAtoi(length, &head->content_length)) {
      head->content_length = std::numeric_limits<uint64_t>::max();
    }
  }
  return absl::OkStatus();
}

void FindConnection(RequestHead* head) {
  bool close = false;
  bool keep_alive = false;
  for (const auto& [name, value] : head->fields) {
    if (!absl::EqualsIgnoreCase(name, "Connection")) continue;
    for (const absl::string_view part : absl::StrSplit(value, ',')) {
      const absl::string_view option = absl::StripAsciiWhitespace(part);
      close = close || absl::EqualsIgnoreCase(option, "close");
      keep_alive = keep_alive || absl::EqualsIgnoreCase(option, "keep-alive");
    }
  }
  head->keep_alive = !close && (keep_alive || !head->is_http_1_0);
  head->expects_continue =
      !head->is_http_1_0 && absl::EqualsIgnoreCase(head->ValueOf("Expect"), "100-continue");
}

}  // namespace

bool IsFieldName(absl::string_view text) { return IsToken(text); }

size_t RequestHead::CountOf(absl::string_view name) const {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(), [name](const auto& field) {
    return absl::EqualsIgnoreCase(field.first, name);
  }));
}

absl::string_view RequestHead::ValueOf(absl::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (absl::EqualsIgnoreCase(field_name, name)) return value;
  }
  return {};
}

absl::StatusOr<RequestHead> ParseRequestHead(absl::string_view bytes) {
  RequestHead head;
  bool first = true;
  while (true) {
    const size_t end = bytes.find("\r\n");
    // A bare LF stays inside of its line, and is refused there as a control character.
    if (end == absl::string_view::npos) {
      return Invalid("HEAD_INVALID", "a line does not end in CRLF");
    }
    const absl::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (first) {
      RETURN_IF_ERROR(ParseRequestLine(line, &head));
      first = false;
    } else if (line.empty()) {
      break;
    } else {
      RETURN_IF_ERROR(ParseField(line, &head));
    }
  }
  RETURN_IF_ERROR(FindFraming(&head));
  FindConnection(&head);
  return head;
}

}  // namespace incidenthub::gateway
