#include "clients/cli/table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace incidenthub::client {
namespace {

constexpr absl::string_view kGap = "  ";

}  // namespace

Row HeaderRow(const std::vector<std::string>& names) {
  Row header;
  for (const std::string& name : names) header.push_back({name, Colour::kDim});
  return header;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : Printable(text); }

ExitCode WriteTable(const std::vector<Row>& rows, const Session& session) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      absl::StrAppend(&line,
                      session.style.painter.Paint(row[i].colour,
                                                  last ? row[i].text : Pad(row[i].text, widths[i])),
                      last ? "" : kGap);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    if (!WriteLine(line, session.environment)) return ExitCode::kOutput;
  }
  return ExitCode::kOk;
}

}  // namespace incidenthub::client
