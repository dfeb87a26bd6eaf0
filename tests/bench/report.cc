#include "tests/bench/report.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace incidenthub::bench {
namespace {

constexpr std::array<std::pair<const char*, double>, 4> kPercentiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1.0}}};
// What is worth dividing by what.
constexpr std::array<std::pair<const char*, const char*>, 3> kRatios = {
    {{"webhooks", "echo"}, {"webhooks_followed", "echo"}, {"webhooks", "fdatasync"}}};

double Micros(int64_t nanos) { return static_cast<double>(nanos) / 1000; }

std::string ToJson(const Part& part) {
  std::string json =
      absl::StrFormat("{\"per_second\":%.1f,\"errors\":%d", part.per_second, part.errors);
  for (const auto& [name, share] : kPercentiles) {
    absl::StrAppendFormat(&json, ",\"%s_us\":%.1f", name, Micros(part.latencies.Percentile(share)));
  }
  for (const auto& [process, time] : part.cpu) {
    absl::StrAppendFormat(&json, ",\"%s_cpu_us\":%.1f", process, absl::ToDoubleMicroseconds(time));
  }
  if (part.hub_bytes > 0) absl::StrAppend(&json, ",\"hub_bytes\":", part.hub_bytes);
  if (part.hub_bytes_before > 0) {
    absl::StrAppend(&json, ",\"hub_bytes_before\":", part.hub_bytes_before);
  }
  return json + "}";
}

}  // namespace

const Part* Report::Find(const std::string& name) const {
  for (const Part& part : parts) {
    if (part.name == name) return &part;
  }
  return nullptr;
}

std::optional<double> Report::Ratio(const std::string& name, const std::string& of) const {
  const Part* part = Find(name);
  const Part* base = Find(of);
  if (part == nullptr || base == nullptr || base->per_second == 0) return std::nullopt;
  return part->per_second / base->per_second;
}

std::string Report::ToTable() const {
  std::string table = absl::StrFormat(
      "%d connections, bodies of %d bytes\n\n%-44s %10s %9s %9s %9s %9s\n", connections, body_bytes,
      "", "a second", "p50 us", "p90 us", "p99 us", "max us");
  for (const Part& part : parts) {
    absl::StrAppendFormat(&table, "%-44s %10.0f", part.what, part.per_second);
    for (const auto& [name, share] : kPercentiles) {
      absl::StrAppendFormat(&table, " %9.0f", Micros(part.latencies.Percentile(share)));
    }
    for (const auto& [process, time] : part.cpu) {
      absl::StrAppendFormat(&table, "  %s %.0f us CPU", process, absl::ToDoubleMicroseconds(time));
    }
    if (part.hub_bytes > 0) absl::StrAppend(&table, "  hub holds ", part.hub_bytes >> 20U, " MiB");
    if (part.hub_bytes_before > 0) {
      absl::StrAppend(&table, ", ", part.hub_bytes_before >> 20U, " MiB before");
    }
    if (part.errors > 0) absl::StrAppend(&table, "  ", part.errors, " ERRORS");
    table += '\n';
  }
  table += '\n';
  for (const auto& [name, of] : kRatios) {
    if (const std::optional<double> ratio = Ratio(name, of); ratio.has_value()) {
      absl::StrAppendFormat(&table, "%s / %s: %.2f\n", name, of, *ratio);
    }
  }
  return table;
}

std::string Report::ToJson() const {
  std::vector<std::string> members = {
      absl::StrCat("\"connections\":", connections), absl::StrCat("\"body_bytes\":", body_bytes),
      absl::StrFormat("\"rate\":%.1f", rate), absl::StrCat("\"subscribers\":", subscribers)};
  for (const Part& part : parts) {
    members.push_back(absl::StrCat("\"", part.name, "\":", bench::ToJson(part)));
  }
  for (const auto& [name, of] : kRatios) {
    if (const std::optional<double> ratio = Ratio(name, of); ratio.has_value()) {
      members.push_back(absl::StrFormat("\"%s_to_%s\":%.3f", name, of, *ratio));
    }
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}\n");
}

}  // namespace incidenthub::bench
