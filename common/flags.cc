#include "common/flags.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace incidenthub {
namespace {

std::string ProgramName(absl::string_view argv0) {
  const size_t slash = argv0.rfind('/');
  return std::string(slash == absl::string_view::npos ? argv0 : argv0.substr(slash + 1));
}

// Abseil's own --help names only flags of a file called like the binary, and exits 1.
bool AsksForHelp(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-help" || argument == "-h") return true;
  }
  return false;
}

// Flags of the libraries (Abseil's --flagfile and its kin) are not the program's.
bool IsOurs(const absl::CommandLineFlag& flag) {
  return !absl::StrContains(flag.Filename(), "absl/flags/") && !flag.IsRetired();
}

void PrintHelp(absl::string_view program, absl::string_view usage) {
  std::vector<const absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (IsOurs(*flag)) flags.push_back(flag);
  }
  std::sort(flags.begin(), flags.end(),
            [](const auto* a, const auto* b) { return a->Name() < b->Name(); });
  std::string text = absl::StrCat(program, ": ", usage, "\n\nFlags:\n");
  for (const absl::CommandLineFlag* flag : flags) {
    absl::StrAppend(&text, "  --", flag->Name(), " (default: ", flag->DefaultValue(), ")\n      ",
                    flag->Help(), "\n");
  }
  absl::StrAppend(&text,
                  "  --flagfile=FILE\n      Reads flags from FILE, one --name=value a line.\n"
                  "  --version\n      Prints the version.\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

std::vector<std::string> ParseFlags(absl::string_view usage, int argc, char** argv) {
  const std::string program = ProgramName(argv[0]);
  absl::SetProgramUsageMessage(usage);
  absl::FlagsUsageConfig config;
  config.version_string = [program] { return absl::StrCat(program, " ", ProgramVersion(), "\n"); };
  absl::SetFlagsUsageConfig(std::move(config));
  if (AsksForHelp(argc, argv)) {
    PrintHelp(program, usage);
    std::exit(std::fflush(stdout) == 0 ? 0 : 1);
  }
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  return {positional.begin() + 1, positional.end()};
}

absl::string_view ProgramVersion() { return INCIDENTHUB_VERSION; }

}  // namespace incidenthub
