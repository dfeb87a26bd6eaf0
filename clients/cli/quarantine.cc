#include "clients/cli/quarantine.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/printing.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "incidenthub/v1/quarantine_service.pb.h"

namespace incidenthub::client {
namespace {

// The command line was checked.
uint64_t IdOf(const std::string& operand) {
  uint64_t id = 0;
  static_cast<void>(absl::SimpleAtoi(operand, &id));
  return id;
}

Row RowOf(const v1::QuarantinedBody& body, const Style& style) {
  return {{absl::StrCat(body.id()), Colour::kBold},
          {LocalTime(body.has_receive_time(), body.receive_time(), style.time_zone)},
          {OrDash(body.source()), Colour::kCyan},
          {OrDash(body.kind())},
          {absl::StrCat(body.size())},
          {OrDash(body.reason())}};
}

ExitCode List(const Session& session) {
  std::vector<Row> rows = {HeaderRow({"NUMBER", "RECEIVED", "SOURCE", "KIND", "BYTES", "WHY"})};
  ExitCode code = ExitCode::kOk;
  const absl::Status status = session.hub.ListQuarantined([&](const v1::QuarantinedBody& body) {
    if (session.invocation.json) {
      code = Worse(code, WriteJson(absl::StrCat(body.id()), Json(body), session.environment));
      return session.environment.out.good();
    }
    rows.push_back(RowOf(body, session.style));
    return true;
  });
  if (!status.ok()) return Fail("quarantine list", status, session);
  if (session.invocation.json) return code;
  if (rows.size() == 1) {
    session.environment.err << "incidentctl: nothing is in quarantine\n";
    return ExitCode::kOk;
  }
  return WriteTable(rows, session);
}

// Byte for byte for a file or a pipe; a terminal would obey what is in it.
void WriteRaw(const std::string& raw, Environment& environment) {
  if (!environment.out_is_terminal) {
    environment.out << raw << std::flush;
    return;
  }
  for (const absl::string_view line : absl::StrSplit(raw, '\n')) {
    environment.out << Printable(line) << "\n";
  }
  environment.out << std::flush;
}

ExitCode Show(const Session& session) {
  const std::string& operand = session.invocation.operands[1];
  Environment& environment = session.environment;
  const absl::StatusOr<v1::GetQuarantinedResponse> got = session.hub.GetQuarantined(IdOf(operand));
  if (!got.ok()) {
    return Fail(absl::StrCat("quarantine show ", operand), got.status(), session);
  }
  if (session.invocation.json) return WriteJson(operand, Json(*got), environment);
  const v1::QuarantinedBody& body = got->body();
  environment.err << "incidentctl: " << body.id() << ": " << body.size() << " bytes, from "
                  << OrDash(body.source()) << " (" << OrDash(body.kind()) << "), received "
                  << LocalTime(body.has_receive_time(), body.receive_time(),
                               session.style.time_zone)
                  << "\n  " << OrDash(body.reason()) << "\n";
  WriteRaw(got->raw(), environment);
  return environment.out.good() ? ExitCode::kOk : ExitCode::kOutput;
}

std::string ReceiptText(const v1::Receipt& receipt) {
  switch (receipt.outcome_case()) {
    case v1::Receipt::kAccepted:
      return absl::StrCat(
          "item ", receipt.id(), ": ", Printable(receipt.accepted().incident_id()),
          receipt.accepted().duplicate() ? ", known already (sequence " : " (sequence ",
          receipt.accepted().sequence(), ")");
    case v1::Receipt::kIgnored:
      return absl::StrCat("item ", receipt.id(),
                          ": ignored; it is about an incident that the hub does not hold");
    case v1::Receipt::kQuarantined:
      return absl::StrCat("the rest maps to no incident, and is kept as ",
                          receipt.quarantined().id());
    case v1::Receipt::kRejected:
      return absl::StrCat("item ", receipt.id(), ": ", Printable(receipt.rejected().message()));
    case v1::Receipt::OUTCOME_NOT_SET:
      break;
  }
  return absl::StrCat("item ", receipt.id(), ": -");
}

ExitCode WriteReplayed(const std::string& operand, const v1::ReplayQuarantinedResponse& response,
                       const Session& session) {
  if (session.invocation.json) {
    absl::StatusOr<std::string> json = Json(response);
    // As a 64-bit number is in protobuf's JSON.
    if (json.ok()) AddMember("id", absl::StrCat("\"", IdOf(operand), "\""), &*json);
    return WriteJson(operand, json, session.environment);
  }
  for (const v1::Receipt& receipt : response.receipts()) {
    if (!WriteLine(absl::StrCat(IdOf(operand), ": ", ReceiptText(receipt)), session.environment)) {
      return ExitCode::kOutput;
    }
  }
  return ExitCode::kOk;
}

ExitCode Replay(const Session& session) {
  const std::vector<std::string>& operands = session.invocation.operands;
  ExitCode worst = ExitCode::kOk;
  for (size_t i = 1; i < operands.size(); ++i) {
    const absl::StatusOr<v1::ReplayQuarantinedResponse> replayed =
        session.hub.ReplayQuarantined(IdOf(operands[i]));
    const ExitCode code = replayed.ok() ? WriteReplayed(operands[i], *replayed, session)
                                        : Fail(absl::StrCat("quarantine replay ", operands[i]),
                                               replayed.status(), session);
    worst = Worse(worst, code);
    if (code == ExitCode::kUnreachable) {
      SayNotTried(session, i + 1);
      break;
    }
  }
  return worst;
}

}  // namespace

ExitCode RunQuarantine(const Session& session) {
  const std::vector<std::string>& operands = session.invocation.operands;
  if (operands.empty() || operands[0] == kListWord) return List(session);
  return operands[0] == kShowWord ? Show(session) : Replay(session);
}

}  // namespace incidenthub::client
