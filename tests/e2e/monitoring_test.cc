// Alerts and the dashboard ask for nothing that the binaries do not print: an alert on a metric
// with another name never fires.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http_client.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Printed only where there is something to say: with TLS, with a consumer, with keys of a source,
// after a refusal. They have to stand in a source at least.
constexpr absl::string_view kOnlySometimes[] = {
    "incidenthub_calls_refused_total",
    "incidenthub_consumer_lag_events",
    "incidenthub_gateway_tls_certificate_expire_timestamp_seconds",
    "incidenthub_tls_certificate_expire_timestamp_seconds",
    "incidenthub_upstream_key_ok",
};

// What an expression asks for: a metric, and what has to stand in its line.
struct Selector {
  std::string name;
  // label="value", or label=" where the value is an expression.
  std::vector<std::string> labels;

  bool operator<(const Selector& other) const {
    return std::tie(name, labels) < std::tie(other.name, other.labels);
  }
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool IsNameChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::vector<std::string> LabelsOf(absl::string_view braces) {
  std::vector<std::string> labels;
  for (absl::string_view matcher :
       absl::StrSplit(braces, absl::ByAnyChar(", "), absl::SkipEmpty())) {
    // Prometheus adds it.
    if (absl::StartsWith(matcher, "namespace")) continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(matcher, absl::MaxSplits('=', 1));
    labels.push_back(absl::StartsWith(parts.second, "~") ? absl::StrCat(parts.first, "=\"")
                                                         : std::string(matcher));
  }
  return labels;
}

std::set<Selector> SelectorsOf(const std::string& path) {
  const std::string text = absl::StrReplaceAll(ReadFile(path), {{"\\\"", "\""}});
  std::set<Selector> selectors;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && IsNameChar(text[end])) ++end;
    const absl::string_view word = absl::string_view(text).substr(begin, end - begin);
    if (absl::StartsWith(word, "incidenthub_") || absl::StartsWith(word, "process_")) {
      Selector selector{std::string(word), {}};
      if (end < text.size() && text[end] == '{') {
        const size_t close = text.find('}', end);
        selector.labels = LabelsOf(absl::string_view(text).substr(end + 1, close - end - 1));
      }
      selectors.insert(std::move(selector));
    }
    begin = end + 1;
  }
  return selectors;
}

// The literals of all sources that a binary is made of.
std::string Sources() {
  std::string text;
  for (const char* folder : {"common", "server", "gateway"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/", folder))) {
      const std::string extension = entry.path().extension().string();
      if (extension == ".cc" || extension == ".h") text += ReadFile(entry.path().string());
    }
  }
  return text;
}

class MonitoringTest : public HubTest {
 protected:
  static std::vector<std::string> Scrape(const ServerProcess& server) {
    const absl::StatusOr<HttpResponse> response = HttpClient(server.admin_port()).Get("/metrics");
    EXPECT_OK(response);
    std::vector<std::string> samples;
    if (!response.ok()) return samples;
    for (absl::string_view line : absl::StrSplit(response->body, '\n', absl::SkipEmpty())) {
      if (!absl::StartsWith(line, "#")) samples.emplace_back(line);
    }
    return samples;
  }

  static bool Prints(const std::vector<std::string>& samples, const Selector& selector) {
    for (absl::string_view sample : samples) {
      if (!absl::ConsumePrefix(&sample, selector.name) || sample.empty() || IsNameChar(sample[0])) {
        continue;
      }
      bool has_all = true;
      for (const std::string& label : selector.labels) {
        has_all = has_all && (absl::StrContains(sample, absl::StrCat("{", label)) ||
                              absl::StrContains(sample, absl::StrCat(",", label)));
      }
      if (has_all) return true;
    }
    return false;
  }
};

TEST_F(MonitoringTest, AlertsAndTheDashboardAskForWhatTheBinariesPrint) {
  StartBoth();
  PostAccepted(DocumentedSample());
  std::vector<std::string> samples = Scrape(hub());
  for (std::string& sample : Scrape(gateway())) samples.push_back(std::move(sample));
  const std::string sources = Sources();

  for (const char* file : {"rules.yaml", "dashboard.json"}) {
    const std::set<Selector> selectors =
        SelectorsOf(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/k8s/components/monitoring/", file));
    EXPECT_THAT(selectors, SizeIs(Gt(20))) << file;
    std::vector<std::string> missing;
    for (const Selector& selector : selectors) {
      if (Prints(samples, selector)) continue;
      const bool sometimes = std::find(std::begin(kOnlySometimes), std::end(kOnlySometimes),
                                       selector.name) != std::end(kOnlySometimes);
      if (sometimes && absl::StrContains(sources, absl::StrCat("\"", selector.name, "\""))) {
        continue;
      }
      missing.push_back(absl::StrCat(selector.name, "{", absl::StrJoin(selector.labels, ","), "}"));
    }
    EXPECT_THAT(missing, IsEmpty()) << file;
  }
}

}  // namespace
}  // namespace incidenthub::testing
