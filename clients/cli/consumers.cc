#include "clients/cli/consumers.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "incidenthub/v1/consumer_service.pb.h"

namespace incidenthub::client {
namespace {

std::string ConsumerStateName(v1::Consumer::State state) {
  switch (state) {
    case v1::Consumer::STATE_LIVE:
      return "live";
    case v1::Consumer::STATE_CATCHING_UP:
      return "catching-up";
    case v1::Consumer::STATE_STALLED:
      return "stalled";
    case v1::Consumer::STATE_DISCONNECTED:
      return "disconnected";
    default:
      return absl::StrCat(state);
  }
}

Colour ConsumerStateColour(v1::Consumer::State state) {
  switch (state) {
    case v1::Consumer::STATE_LIVE:
      return Colour::kGreen;
    case v1::Consumer::STATE_CATCHING_UP:
      return Colour::kYellow;
    case v1::Consumer::STATE_STALLED:
      return Colour::kRed;
    default:
      return Colour::kDim;
  }
}

// `2h3m1s`; `-` where nothing is behind.
std::string LagTime(const v1::Consumer& consumer) {
  if (consumer.lag_events() == 0) return "-";
  const absl::Duration lag = absl::Seconds(consumer.lag_seconds());
  const absl::Duration unit = lag < absl::Seconds(1) ? absl::Milliseconds(1) : absl::Seconds(1);
  return absl::FormatDuration(absl::Trunc(lag, unit));
}

Row RowOf(const v1::Consumer& consumer) {
  const bool below = consumer.below_floor();
  return {{OrDash(consumer.name()), Colour::kBold},
          {ConsumerStateName(consumer.state()), ConsumerStateColour(consumer.state())},
          {absl::StrCat(consumer.position_sequence())},
          {absl::StrCat(consumer.lag_events(), below ? " below floor" : ""),
           below ? Colour::kRed : Colour::kNone},
          {LagTime(consumer)},
          {OrDash(consumer.client()), Colour::kCyan},
          {OrDash(consumer.peer())}};
}

ExitCode List(const Session& session) {
  std::vector<Row> rows = {
      HeaderRow({"NAME", "STATE", "POSITION", "LAG", "LAG TIME", "CLIENT", "ADDRESS"})};
  ExitCode code = ExitCode::kOk;
  const absl::Status status = session.hub.ListConsumers([&](const v1::Consumer& consumer) {
    if (session.invocation.json) {
      code = Worse(code, WriteJson(consumer.name(), Json(consumer), session.environment));
      return session.environment.out.good();
    }
    rows.push_back(RowOf(consumer));
    return true;
  });
  if (!status.ok()) return Fail("consumers", status, session);
  if (session.invocation.json) return code;
  if (rows.size() == 1) {
    session.environment.err << "incidentctl: no consumers\n";
    return ExitCode::kOk;
  }
  return WriteTable(rows, session);
}

ExitCode Delete(const Session& session) {
  const std::vector<std::string>& operands = session.invocation.operands;
  ExitCode worst = ExitCode::kOk;
  for (size_t i = 1; i < operands.size(); ++i) {
    const std::string& name = operands[i];
    const absl::Status status = session.hub.DeleteConsumer(name);
    ExitCode code = ExitCode::kOk;
    if (!status.ok()) {
      code = Fail(absl::StrCat("consumers delete ", name), status, session);
    } else if (session.invocation.json) {
      v1::DeleteConsumerRequest deleted;
      deleted.set_consumer(name);
      absl::StatusOr<std::string> json = Json(deleted);
      if (json.ok()) AddMember("deleted", "true", &*json);
      code = WriteJson(name, json, session.environment);
    } else if (!WriteLine(absl::StrCat(Printable(name), ": deleted"), session.environment)) {
      code = ExitCode::kOutput;
    }
    worst = Worse(worst, code);
    if (code == ExitCode::kUnreachable) {
      SayNotTried(session, i + 1);
      break;
    }
  }
  return worst;
}

}  // namespace

ExitCode RunConsumers(const Session& session) {
  return session.invocation.operands.empty() ? List(session) : Delete(session);
}

}  // namespace incidenthub::client
