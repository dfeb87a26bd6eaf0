#include "clients/cli/log_level.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "incidenthub/v1/maintenance_service.pb.h"

namespace incidenthub::client {
namespace {

constexpr absl::string_view kPrefix = "LOG_LEVEL_";

std::string LevelName(v1::LogLevel level) {
  const std::string& name = v1::LogLevel_Name(level);
  // One that is newer than this program.
  if (name.empty()) return absl::StrCat(level);
  return absl::AsciiStrToLower(absl::string_view(name).substr(kPrefix.size()));
}

}  // namespace

ExitCode RunLogLevel(const Session& session) {
  // Its name was checked with the arguments.
  v1::LogLevel level = v1::LOG_LEVEL_UNSPECIFIED;
  v1::LogLevel_Parse(absl::StrCat(kPrefix, absl::AsciiStrToUpper(session.invocation.operands[0])),
                     &level);
  const absl::StatusOr<v1::LogLevel> before = session.hub.SetLogLevel(level);
  if (!before.ok()) return Fail("log-level", before.status(), session);
  if (session.invocation.json) {
    v1::SetLogLevelResponse response;
    response.set_previous_level(*before);
    return WriteJson("log-level", Json(response), session.environment);
  }
  return WriteLine(absl::StrCat("the hub logs from ", LevelName(level), " on; before, from ",
                                LevelName(*before)),
                   session.environment)
             ? ExitCode::kOk
             : ExitCode::kOutput;
}

}  // namespace incidenthub::client
