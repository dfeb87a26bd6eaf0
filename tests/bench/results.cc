#include "tests/bench/results.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "tests/bench/plot.h"

namespace incidenthub::bench {
namespace {

// Of a text in a few lines at most.
std::string Quoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", " "}, {"\t", " "}}),
      "\"");
}

template <typename Pairs>
std::string Object(const Pairs& pairs) {
  return absl::StrCat("{",
                      absl::StrJoin(pairs, ",",
                                    [](std::string* out, const auto& pair) {
                                      absl::StrAppend(out, Quoted(pair.first), ":",
                                                      Quoted(pair.second));
                                    }),
                      "}");
}

absl::Status Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace

std::string Results::ToMarkdown() const {
  std::string text = absl::StrCat("# Benchmark results\n\n", setup, "\n");
  absl::StrAppend(&text, figures.ToMarkdown());
  if (!skipped.empty()) absl::StrAppend(&text, "\n## Not measured\n\n");
  for (const auto& [name, why] : skipped) absl::StrAppend(&text, "- ", name, ": ", why, "\n");
  absl::StrAppend(&text, "\n## Machine\n\n| | |\n| --- | --- |\n");
  for (const auto& [name, value] : machine) {
    absl::StrAppend(&text, "| ", name, " | ", value, " |\n");
  }
  return text;
}

std::string Results::ToJson() const {
  return absl::StrCat("{\"machine\":", Object(machine), ",\n\"setup\":", Quoted(setup),
                      ",\n\"skipped\":", Object(skipped), ",\n\"figures\":", figures.ToJson(),
                      "}\n");
}

absl::Status WriteResults(const Results& results, const std::string& prefix) {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(prefix).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  RETURN_IF_ERROR(Write(prefix + ".md", results.ToMarkdown()));
  RETURN_IF_ERROR(Write(prefix + ".json", results.ToJson()));
  return Write(prefix + ".svg", Plot(results.figures));
}

}  // namespace incidenthub::bench
