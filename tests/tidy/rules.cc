#include "tests/tidy/rules.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace incidenthub {
namespace {

using Prefixes = std::vector<absl::string_view>;

constexpr absl::string_view kOwnFolders[] = {"common/", "server/", "gateway/", "clients/",
                                             "tests/"};

// What the files whose path begins with `files` may include of the project; the first row that fits
// counts. Every file may include its own folder's headers by naming the folder here like any other.
struct Direction {
  absl::string_view files;
  Prefixes may_include;
};

const std::vector<Direction>& Directions() {
  static const auto* const kTable = new std::vector<Direction>{
      {"common/decode/", {"common/", "incidenthub/v1/"}},
      {"common/", {"common/", "incidenthub/v1/"}},
      {"server/domain/", {"common/", "incidenthub/", "server/domain/"}},
      {"server/db/", {"common/", "incidenthub/", "server/domain/", "server/db/"}},
      {"server/log/", {"common/", "incidenthub/", "server/domain/", "server/db/", "server/log/"}},
      {"server/store/",
       {"common/", "incidenthub/", "server/domain/", "server/db/", "server/store/"}},
      {"server/fanout/",
       {"common/", "incidenthub/", "server/domain/", "server/store/", "server/fanout/"}},
      // The log's interface, never an implementation: server.cc alone chooses.
      {"server/core/",
       {"common/", "incidenthub/", "server/domain/", "server/log/event_log.h", "server/store/",
        "server/fanout/", "server/core/"}},
      {"server/upstream/",
       {"common/", "incidenthub/", "server/domain/", "server/store/", "server/core/",
        "server/upstream/"}},
      {"server/access/", {"common/", "incidenthub/", "server/access/"}},
      {"server/rpc/",
       {"common/", "incidenthub/", "server/domain/", "server/log/event_log.h", "server/store/",
        "server/fanout/", "server/core/", "server/backup/", "server/upstream/", "server/access/",
        "server/rpc/"}},
      {"server/backup/",
       {"common/", "incidenthub/", "server/domain/", "server/db/", "server/log/", "server/store/",
        "server/core/", "server/backup/"}},
      {"server/options.",
       {"common/", "server/core/retention.h", "server/upstream/worker.h", "server/options.h"}},
      // Reads the numbers that each layer keeps.
      {"server/metrics.",
       {"common/", "server/domain/", "server/db/", "server/log/event_log.h", "server/store/",
        "server/fanout/", "server/core/", "server/upstream/", "server/rpc/", "server/metrics.h"}},
      {"server/doors.",
       {"common/", "server/access/", "server/rpc/tls_server_credentials.h", "server/options.h",
        "server/doors.h"}},
      {"server/server.h", {"common/", "server/options.h"}},
      {"server/server.cc", {"common/", "incidenthub/", "server/"}},
      {"server/main.cc", {"common/", "incidenthub/", "server/"}},
      {"gateway/",
       {"common/", "incidenthub/v1/", "incidenthub/internal/v1/gateway_config", "gateway/"}},
      {"clients/cpp/", {"common/", "incidenthub/v1/", "clients/cpp/"}},
      {"clients/cli/", {"common/", "incidenthub/v1/", "clients/cpp/", "clients/cli/"}},
  };
  return *kTable;
}

// Headers that begin with one of `headers` show only in files that begin with one of `only_in`; the
// first row that fits a header counts.
struct Leaf {
  absl::string_view library;
  Prefixes headers;
  Prefixes only_in;
};

const std::vector<Leaf>& Leaves() {
  static const auto* const kTable = new std::vector<Leaf>{
      {"RocksDB",
       {"rocksdb/"},
       {"server/db/", "server/log/local_event_log.cc", "server/store/store.cc",
        "server/store/retention.cc"}},
      {"libcurl", {"curl/"}, {"server/upstream/http_client.cc"}},
      {"RE2", {"re2/"}, {"server/domain/matcher.cc"}},
      {"simdjson", {"simdjson"}, {"common/decode/json"}},
      {"cjose", {"cjose/", "jansson"}, {"gateway/jws.cc"}},
      {"cpp-httplib", {"httplib.h"}, {"gateway/answer_renderer.cc", "common/admin_http.cc"}},
      {"prometheus-cpp",
       {"prometheus/"},
       {"server/metrics.", "gateway/metrics.", "common/metrics."}},
      {"spdlog", {"spdlog/", "fmt/"}, {"common/logging.cc"}},
      {"gRPC's status",
       {"grpcpp/support/status.h"},
       {"common/grpc_status.", "server/", "clients/cpp/", "gateway/ingest_"}},
      {"gRPC's log", {"grpc/support/log.h"}, {"common/grpc_log.cc"}},
      {"gRPC's buffers",
       {"grpcpp/support/byte_buffer.h", "grpcpp/support/slice.h"},
       {"server/rpc/", "clients/cpp/", "gateway/ingest_"}},
      {"gRPC's server side",
       {"grpcpp/server", "grpcpp/support/server_", "grpcpp/ext/", "grpcpp/health_check",
        "grpcpp/security/server_", "grpcpp/grpcpp.h"},
       {"server/rpc/", "server/doors.h", "server/server.cc"}},
      {"gRPC",
       {"grpcpp/", "grpc/"},
       {"clients/cpp/", "common/hub_credentials.cc", "gateway/ingest_", "server/rpc/gate.cc",
        "server/rpc/reflection_service.h", "server/rpc/tls_server_credentials.cc", "server/doors.h",
        "server/server.cc"}},
      {"generated gRPC code",
       {"incidenthub/v1/incident_service.grpc.pb.h", "incidenthub/v1/ingest_service.grpc.pb.h",
        "incidenthub/v1/consumer_service.grpc.pb.h", "incidenthub/v1/maintenance_service.grpc.pb.h",
        "incidenthub/v1/upstream_service.grpc.pb.h", "incidenthub/v1/quarantine_service.grpc.pb.h"},
       {"server/rpc/", "server/server.cc", "clients/cpp/", "gateway/ingest_"}},
  };
  return *kTable;
}

bool BeginsWithAny(absl::string_view text, const Prefixes& prefixes) {
  return absl::c_any_of(
      prefixes, [text](absl::string_view prefix) { return absl::StartsWith(text, prefix); });
}

bool IsTest(const Source& source) { return absl::StartsWith(source.path, "tests/"); }

// Calls `f(line number, line)` for each line; a newline at the end of the text begins no line.
template <typename F>
void ForEachLine(const Source& source, F f) {
  absl::string_view text = source.text;
  absl::ConsumeSuffix(&text, "\n");
  if (text.empty()) return;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) f(++number, line);
}

template <typename... What>
std::string Complaint(const Source& source, int line, const What&... what) {
  return absl::StrCat(source.path, ":", line, ": ", what...);
}

// Calls `f(line number, header)` for each #include, whichever way it is quoted.
template <typename F>
void ForEachInclude(const Source& source, F f) {
  ForEachLine(source, [&f](int number, absl::string_view line) {
    line = absl::StripAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "#")) return;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "include")) return;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.size() < 2) return;
    const char close = line.front() == '<' ? '>' : '"';
    line.remove_prefix(1);
    f(number, line.substr(0, line.find(close)));
  });
}

bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool ContainsWord(absl::string_view line, absl::string_view word) {
  for (size_t at = line.find(word); at != absl::string_view::npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !IsWordCharacter(line[at - 1]);
    const bool ends = end == line.size() || !IsWordCharacter(line[end]);
    if (begins && ends) return true;
  }
  return false;
}

// Columns of a line, a UTF-8 character being one: its continuation bytes are 10xxxxxx.
int Columns(absl::string_view line) {
  return static_cast<int>(absl::c_count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Complaints CheckDirections(const Source& source) {
  if (IsTest(source)) return {};
  const auto row = absl::c_find_if(Directions(), [&source](const Direction& direction) {
    return absl::StartsWith(source.path, direction.files);
  });
  if (row == Directions().end()) {
    return {Complaint(source, 1, "no rule says what this may include; see Directions() in ",
                      "tests/tidy/rules.cc")};
  }
  Complaints complaints;
  ForEachInclude(source, [&](int line, absl::string_view header) {
    const bool own = absl::StartsWith(header, "incidenthub/") ||
                     absl::c_any_of(kOwnFolders, [header](absl::string_view folder) {
                       return absl::StartsWith(header, folder);
                     });
    if (own && !BeginsWithAny(header, row->may_include)) {
      complaints.push_back(Complaint(source, line, "dependency direction: ", row->files,
                                     " may not include ", header, ", only ",
                                     absl::StrJoin(row->may_include, " ")));
    }
  });
  return complaints;
}

Complaints CheckLeaves(const Source& source) {
  if (IsTest(source)) return {};
  Complaints complaints;
  ForEachInclude(source, [&](int line, absl::string_view header) {
    const auto leaf = absl::c_find_if(
        Leaves(), [header](const Leaf& row) { return BeginsWithAny(header, row.headers); });
    if (leaf != Leaves().end() && !BeginsWithAny(source.path, leaf->only_in)) {
      complaints.push_back(Complaint(source, line, "third-party leaf: ", leaf->library, " (",
                                     header, ") shows only in ",
                                     absl::StrJoin(leaf->only_in, " ")));
    }
  });
  return complaints;
}

Complaints CheckLengths(const Source& source) {
  Complaints complaints;
  int lines = 0;
  ForEachLine(source, [&](int line, absl::string_view text) {
    lines = line;
    // A NOLINT and its reason stay on one line, which clang-format leaves alone.
    if (absl::StrContains(text, "NOLINT")) return;
    const int columns = Columns(text);
    if (columns > kColumnsMax) {
      complaints.push_back(
          Complaint(source, line, "line length: ", columns, " columns, at most ", kColumnsMax));
    }
  });
  if (lines > kLinesMax) {
    complaints.push_back(
        Complaint(source, lines, "file length: ", lines, " lines, at most ", kLinesMax));
  }
  return complaints;
}

// The words are put together here so that this file does not break its own rules.
Complaints CheckSleeps(const Source& source) {
  static const auto* const kWords = new std::vector<std::string>{
      absl::StrCat("sleep", "_for"), absl::StrCat("sleep", "_until"), absl::StrCat("Sleep", "For"),
      absl::StrCat("u", "sleep"),    absl::StrCat("nano", "sleep"),   absl::StrCat("sle", "ep"),
  };
  Complaints complaints;
  ForEachLine(source, [&](int line, absl::string_view text) {
    // In a comment they are English.
    text = text.substr(0, text.find("//"));
    for (const std::string& word : *kWords) {
      const size_t at = text.find(absl::StrCat(word, "("));
      if (at != absl::string_view::npos && ContainsWord(text, word)) {
        complaints.push_back(Complaint(source, line, "no sleeping: ", word,
                                       "; wait for a condition, with a deadline"));
      }
    }
  });
  return complaints;
}

Complaints CheckForbiddenWords(const Source& source) {
  static const auto* const kForbidden = new std::vector<std::string>{
      absl::StrCat("FIX", "ME"), absl::StrCat("XX", "X"), absl::StrCat("HA", "CK")};
  static const auto* const kToDo = new std::string(absl::StrCat("TO", "DO"));
  Complaints complaints;
  ForEachLine(source, [&](int line, absl::string_view text) {
    for (const std::string& word : *kForbidden) {
      if (ContainsWord(text, word)) {
        complaints.push_back(Complaint(source, line, "forbidden word: ", word));
      }
    }
    if (!ContainsWord(text, *kToDo)) return;
    if (!ContainsWord(text, "once") && !ContainsWord(text, "when") &&
        !ContainsWord(text, "until")) {
      complaints.push_back(
          Complaint(source, line, "forbidden word: a ", *kToDo, " that does not say when it goes"));
    }
  });
  return complaints;
}

std::vector<Source> ReadSources(absl::string_view root) {
  namespace fs = std::filesystem;
  std::vector<Source> sources;
  const fs::path base{std::string(root)};
  for (const absl::string_view folder : kOwnFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(base / std::string(folder))) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".cc" && extension != ".h")) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      Source source;
      source.path = entry.path().lexically_relative(base).generic_string();
      source.text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      sources.push_back(std::move(source));
    }
  }
  absl::c_sort(sources, [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

}  // namespace incidenthub
