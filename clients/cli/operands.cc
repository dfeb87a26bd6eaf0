#include "clients/cli/operands.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace incidenthub::client {
namespace {

absl::Status UsageError(absl::string_view what) { return absl::InvalidArgumentError(what); }

absl::Status CheckQuarantineOperands(const std::vector<std::string>& operands) {
  if (operands.empty()) return absl::OkStatus();
  const std::string& word = operands[0];
  if (word != kListWord && word != kShowWord && word != kReplayWord) {
    return UsageError(absl::StrCat("quarantine takes ", kListWord, ", ", kShowWord, " ID or ",
                                   kReplayWord, " ID...; \"", word, "\" is none of them"));
  }
  if (word == kListWord) {
    if (operands.size() == 1) return absl::OkStatus();
    return UsageError(
        absl::StrCat("quarantine list takes no arguments; \"", operands[1], "\" is one too many"));
  }
  if (operands.size() == 1) {
    return UsageError(absl::StrCat("quarantine ", word,
                                   " needs the number of a body; `incidentctl quarantine list` "
                                   "shows them"));
  }
  if (word == kShowWord && operands.size() > 2) {
    return UsageError("quarantine show is of one body; give one number");
  }
  for (size_t i = 1; i < operands.size(); ++i) {
    uint64_t id = 0;
    if (!absl::SimpleAtoi(operands[i], &id) || id == 0) {
      return UsageError(absl::StrCat("quarantine ", word, ": \"", operands[i],
                                     "\" is no number of a body, like 17"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOperands(const Invocation& invocation) {
  const absl::string_view name = CommandName(invocation.command);
  switch (invocation.command) {
    case Command::kHelp:
      if (invocation.operands.size() > 1) return UsageError("help takes one command at most");
      break;
    case Command::kGet:
    case Command::kHistory:
    case Command::kAck:
    case Command::kUnack:
    case Command::kResolve:
      if (invocation.operands.empty()) {
        return UsageError(absl::StrCat(name, " needs the id of an incident: incidentctl ", name,
                                       " ID; `incidentctl list` shows the ids"));
      }
      for (const std::string& id : invocation.operands) {
        if (id.empty()) return UsageError(absl::StrCat(name, ": an id is empty"));
      }
      if (!invocation.etag.empty() && invocation.operands.size() > 1) {
        return UsageError("--etag belongs to one incident; give one id");
      }
      if (!invocation.request_id.empty() && invocation.operands.size() > 1) {
        return UsageError("--request_id belongs to one request; give one id");
      }
      if (invocation.command == Command::kHistory && invocation.operands.size() > 1) {
        return UsageError("history is of one incident; give one id");
      }
      break;
    case Command::kConsumers:
      if (invocation.operands.empty()) break;
      if (invocation.operands[0] != kDeleteWord) {
        return UsageError(absl::StrCat("consumers takes no arguments, or ", kDeleteWord,
                                       " and names; \"", invocation.operands[0], "\" is neither"));
      }
      if (invocation.operands.size() == 1) {
        return UsageError(absl::StrCat("consumers ", kDeleteWord,
                                       " needs the name of a consumer; `incidentctl consumers` "
                                       "shows them"));
      }
      for (const std::string& consumer : invocation.operands) {
        if (consumer.empty()) return UsageError("consumers: a name is empty");
      }
      break;
    case Command::kQuarantine:
      return CheckQuarantineOperands(invocation.operands);
    case Command::kBackup:
      if (invocation.operands.size() > 1) return UsageError("backup takes one name at most");
      break;
    case Command::kToken:
      if (invocation.operands != std::vector<std::string>{std::string(kNewWord)}) {
        return UsageError("token takes one word: incidentctl token new");
      }
      break;
    case Command::kLogLevel:
      if (invocation.operands.size() != 1 ||
          std::find(std::begin(kLogLevelWords), std::end(kLogLevelWords), invocation.operands[0]) ==
              std::end(kLogLevelWords)) {
        return UsageError(
            absl::StrCat("log-level takes one of ", absl::StrJoin(kLogLevelWords, ", ")));
      }
      break;
    case Command::kWatch:
      if (invocation.from_now && !invocation.resume_token.empty()) {
        return UsageError("--from_now and --resume_token exclude each other; give one");
      }
      [[fallthrough]];
    case Command::kList:
    case Command::kUpstream:
    case Command::kVersion:
      if (!invocation.operands.empty()) {
        return UsageError(absl::StrCat(name, " takes no arguments; \"", invocation.operands[0],
                                       "\" is one too many"));
      }
      break;
  }
  return absl::OkStatus();
}

}  // namespace incidenthub::client
