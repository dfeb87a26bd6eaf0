#include "clients/cli/backup.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/text.h"

namespace incidenthub::client {
namespace {

std::string BackupText(const v1::CreateBackupResponse& backup) {
  constexpr double kMebibyte = 1 << 20;
  constexpr double kNanosPerSecond = 1e9;
  const double seconds = static_cast<double>(backup.duration().seconds()) +
                         static_cast<double>(backup.duration().nanos()) / kNanosPerSecond;
  return absl::StrFormat("%s: up to sequence %d, %.1f MiB, in %.1f s, at %s on the hub's machine",
                         Printable(backup.name()), backup.head_sequence(),
                         static_cast<double>(backup.bytes()) / kMebibyte, seconds,
                         Printable(backup.path()));
}

}  // namespace

ExitCode RunBackup(const Session& session) {
  v1::CreateBackupRequest request;
  if (!session.invocation.operands.empty()) request.set_name(session.invocation.operands[0]);
  const absl::StatusOr<v1::CreateBackupResponse> backup = session.hub.CreateBackup(request);
  if (!backup.ok()) return Fail("backup", backup.status(), session);
  if (session.invocation.json) {
    return WriteJson("backup", Json(*backup), session.environment);
  }
  return WriteLine(BackupText(*backup), session.environment) ? ExitCode::kOk : ExitCode::kOutput;
}

}  // namespace incidenthub::client
