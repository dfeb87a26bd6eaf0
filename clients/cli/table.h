// Rows of cells with a header, for people.

#ifndef INCIDENTHUB_CLIENTS_CLI_TABLE_H_
#define INCIDENTHUB_CLIENTS_CLI_TABLE_H_

#include <string>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/text.h"

namespace incidenthub::client {

struct Cell {
  // Safe to print.
  std::string text;
  Colour colour = Colour::kNone;
};
// As many cells as the other rows.
using Row = std::vector<Cell>;

Row HeaderRow(const std::vector<std::string>& names);

// `-` for nothing; made safe to print.
std::string OrDash(const std::string& text);

// Aligned, but for the last column. kOutput: it could not be written.
ExitCode WriteTable(const std::vector<Row>& rows, const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_TABLE_H_
