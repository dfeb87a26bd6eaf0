// The rules that the compiler does not know: which folder may include which, where a third-party
// library may show, how long a file may be. Pure functions over sources in memory, so that each
// rule is tested on an example that breaks it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace incidenthub {

// One file of the project.
struct Source {
  // From the root of the project, with '/': "server/core/batch.cc".
  std::string path;
  std::string text;
};

// What breaks a rule, a line each: "<path>:<line>: <what>". Empty: nothing does.
using Complaints = std::vector<std::string>;

inline constexpr int kLinesMax = 500;
inline constexpr int kColumnsMax = 100;

// Own headers come only from the folders below: proto <- common <- domain <- db <- { log, store }
// <- fanout, core <- rpc <- server.cc. A folder without a rule is a complaint too. Tests may
// include everything.
Complaints CheckDirections(const Source& source);

// A third-party header stays in its leaf. Tests may include every one.
Complaints CheckLeaves(const Source& source);

// At most `kLinesMax` lines a file and `kColumnsMax` columns a line; a UTF-8 character is one
// column.
Complaints CheckLengths(const Source& source);

// Nothing waits by sleeping: it waits for a condition, with a deadline.
Complaints CheckSleeps(const Source& source);

// A TODO says on its line when it goes ("once", "when", "until"); nothing is left half done under
// another name.
Complaints CheckForbiddenWords(const Source& source);

// Every .h and .cc of the project's own folders below `root`, in order of path. Generated files are
// not among them.
std::vector<Source> ReadSources(absl::string_view root);

}  // namespace incidenthub
