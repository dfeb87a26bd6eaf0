// The command line of every binary: absl flags, with --help and --version that answer for this
// program.

#ifndef INCIDENTHUB_COMMON_FLAGS_H_
#define INCIDENTHUB_COMMON_FLAGS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace incidenthub {

// Parses argv into the program's ABSL_FLAGs and returns the positional arguments, without the
// program's name. Call once, first thing in main. `usage` is the text --help begins with.
//
// Ends the process: --help (every flag with its default) and --version with 0; an unknown flag or a
// value that does not parse with 1, naming it on standard error. --flagfile=FILE reads one
// --name=value a line.
std::vector<std::string> ParseFlags(absl::string_view usage, int argc, char** argv);

// What --version says after the program's name.
absl::string_view ProgramVersion();

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_FLAGS_H_
