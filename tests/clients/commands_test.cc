#include "clients/cli/commands.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/clients/cli_fixture.h"
#include "tests/clients/sample_incident.h"
#include "tests/clients/tcp_black_hole.h"

namespace incidenthub::client {
namespace {

using testing::FromText;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SampleIncident;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CommandsTest : public CliTest {
 protected:
  void PutThree() {
    hub_.Put(FromText<v1::Incident>(R"pb(
      id: "a"
      state: STATE_OPEN
      status: STATUS_CRITICAL
      severity: STATUS_CRITICAL
      start_time { seconds: 1767323045 }
      etag: "e-a"
      sequence: 1
      alerts {
        primary_property: "host"
        tags { name: "host" text: "db-1" }
        description: "down"
      }
    )pb"));
    hub_.Put(SampleIncident());
    hub_.Put(FromText<v1::Incident>(R"pb(
      id: "c\x1b[31m"
      state: STATE_RESOLVED
      status_text: "Odd"
      sequence: 50
      resolution {
        actor: "bob"
        origin: ORIGIN_RESPONDER
        time { seconds: 1767323045 }
      }
    )pb"));
  }
};

TEST_F(CommandsTest, ListAsksForWhatMatches) {
  PutThree();
  EXPECT_EQ(Run({"list", "--match=state=open", "--match", "id!=\"x y\""}).code, ExitCode::kOk);
  ASSERT_THAT(hub_.lists(), SizeIs(1));
  EXPECT_THAT(hub_.lists()[0].matchers(), ::testing::ElementsAre("state=open", "id!=\"x y\""));
}

TEST_F(CommandsTest, ListOfNothingThatMatchesSaysSo) {
  const Result result = Run({"list", "--match=state=open"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.err, "incidentctl: no incidents that match\n");
}

TEST_F(CommandsTest, HelpGoesToTheOutputAndIsOk) {
  const Result program = Run({"help"});
  EXPECT_EQ(program.code, ExitCode::kOk);
  EXPECT_THAT(program.out, HasSubstr("Exit codes"));
  EXPECT_EQ(Run({"--help"}).out, program.out);
  EXPECT_EQ(Run({"help", "help"}).out, program.out);
  for (const std::string command :
       {"list", "get", "history", "watch", "ack", "unack", "resolve", "backup"}) {
    const Result page = Run({"help", command});
    EXPECT_EQ(page.code, ExitCode::kOk);
    EXPECT_THAT(page.out, StartsWith("incidentctl " + command + ":"));
    EXPECT_THAT(page.out, HasSubstr("Examples"));
    EXPECT_EQ(Run({command, "--help"}).out, page.out);
    EXPECT_THAT(program.out, HasSubstr("\n  " + command));
  }
}

TEST_F(CommandsTest, HelpFitsATerminal) {
  for (const std::string command :
       {"help", "list", "get", "history", "watch", "ack", "unack", "resolve", "backup"}) {
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(Run({"help", command}).out, '\n'))) {
      EXPECT_LE(line.size(), 88U) << line;
    }
  }
}

TEST_F(CommandsTest, VersionIsPrinted) {
  EXPECT_THAT(Run({"--version"}).out, ::testing::MatchesRegex("incidentctl [0-9.]+\n"));
  EXPECT_EQ(Run({"version"}).code, ExitCode::kOk);
}

TEST_F(CommandsTest, UsageErrorsGoToTheErrorOutputAndExitWithTwo) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {}, {"resovle", "x"}, {"list", "--nope"}, {"ack"}, {"get", "x", "--count=1"}}) {
    const Result result = Run(words);
    EXPECT_EQ(result.code, ExitCode::kUsage);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, StartsWith("incidentctl: "));
  }
  EXPECT_THAT(Run({"\x1b[2J"}).err, HasSubstr("\\x1b[2J"));
}

TEST_F(CommandsTest, ListIsAnAlignedTableInTheHubsOrder) {
  PutThree();
  hub_.set_page_size(2);
  const Result result = Run({"list"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(
      result.out,
      "STATE         STATUS    SEVERITY  STARTED              ID         WHO    SUMMARY\n"
      "open          critical  critical  2026-01-02 03:04:05  a                 host=db-1: down\n"
      "acknowledged  warning   critical  2026-01-02 03:04:05  5f1e7a0c   alice  host=web-2 "
      "check=CPU: CPU over 90% (+1 alert)\n"
      "resolved      Odd       -         -                    c\\x1b[31m  bob\n");
}

TEST_F(CommandsTest, ListIsCutToTheTerminalButTheIdNeverIs) {
  PutThree();
  terminal_ = true;
  columns_ = 85;
  variables_["NO_COLOR"] = "1";
  const Result result = Run({"list", "--state=acknowledged"});
  EXPECT_EQ(
      result.out,
      "STATE         STATUS   SEVERITY  STARTED              ID        WHO    SUMMARY\n"
      "acknowledged  warning  critical  2026-01-02 03:04:05  5f1e7a0c  alice  host=web-2 ...\n");
  columns_ = 20;
  EXPECT_THAT(Run({"list"}).out, HasSubstr("5f1e7a0c"));
}

TEST_F(CommandsTest, ListShowsAnIncidentThatCameTwiceOnceWhereItCameLast) {
  hub_.Put(FromText<v1::Incident>("id: 'a' state: STATE_OPEN"));
  hub_.Put(FromText<v1::Incident>("id: 'b' state: STATE_OPEN"));
  hub_.Put(FromText<v1::Incident>("id: 'a' state: STATE_ACKNOWLEDGED"));
  const std::vector<std::string> lines = absl::StrSplit(Run({"list"}).out, '\n');
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines[1], HasSubstr("b"));
  EXPECT_THAT(lines[2], StartsWith("acknowledged"));
  // By then it is no longer open.
  EXPECT_THAT(Run({"list", "--state=open"}).out, Not(HasSubstr("  a")));
}

TEST_F(CommandsTest, ListFiltersByState) {
  PutThree();
  const Result result = Run({"list", "--state=open,resolved", "--json"});
  const std::vector<std::string> lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], HasSubstr("\"STATE_OPEN\""));
  EXPECT_THAT(lines[1], HasSubstr("\"STATE_RESOLVED\""));
}

TEST_F(CommandsTest, ListOfNothingSaysSoAndIsOk) {
  Result result = Run({"list"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "incidentctl: no incidents\n");
  result = Run({"list", "--json"});
  EXPECT_EQ(result.out, "");
  PutThree();
  hub_.Put(FromText<v1::Incident>("id: 'a' state: STATE_ACKNOWLEDGED"));
  EXPECT_EQ(Run({"list", "--state=open"}).err, "incidentctl: no incidents in these states\n");
}

TEST_F(CommandsTest, ListAsJsonHasNoControlCharacters) {
  PutThree();
  const Result result = Run({"--json", "list"});
  EXPECT_THAT(JsonLines(result.out), SizeIs(3));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST_F(CommandsTest, ListThatIsCutShortIsAnErrorNotAShortTable) {
  PutThree();
  hub_.FailNext(ReasonError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "going"));
  const Result result = Run({"list"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("list: the hub refused: UNAVAILABLE (SHUTTING_DOWN): going"));
}

TEST_F(CommandsTest, IncidentWithoutAJsonFormIsNamedAndTheOthersArePrinted) {
  hub_.Put(FromText<v1::Incident>("id: 'bad' start_time { seconds: 999999999999999 }"));
  hub_.Put(FromText<v1::Incident>("id: 'good'"));
  const Result result = Run({"list", "--json"});
  EXPECT_EQ(result.code, ExitCode::kOutput);
  EXPECT_THAT(JsonLines(result.out), SizeIs(1));
  EXPECT_THAT(result.err, StartsWith("incidentctl: bad: no JSON form"));
}

TEST_F(CommandsTest, ColoursOnlyWhereTheyAreWanted) {
  PutThree();
  const std::string escape = "\x1b[31m";
  EXPECT_THAT(Run({"list"}).out, Not(HasSubstr(escape)));
  EXPECT_THAT(Run({"list", "--color=always"}).out, HasSubstr(escape));
  terminal_ = true;
  EXPECT_THAT(Run({"list"}).out, HasSubstr(escape));
  EXPECT_THAT(Run({"list", "--color=never"}).out, Not(HasSubstr(escape)));
  EXPECT_THAT(Run({"list", "--json"}).out, Not(HasSubstr(escape)));
  variables_["TERM"] = "dumb";
  EXPECT_THAT(Run({"list"}).out, Not(HasSubstr(escape)));
  variables_["TERM"] = "xterm";
  variables_["NO_COLOR"] = "1";
  EXPECT_THAT(Run({"list"}).out, Not(HasSubstr(escape)));
  EXPECT_THAT(Run({"list", "--color=always"}).out, HasSubstr(escape));
}

TEST_F(CommandsTest, GetShowsEachIncidentOnAPage) {
  PutThree();
  const Result result = Run({"get", "5f1e7a0c", "a"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, StartsWith("Incident 5f1e7a0c\n"));
  EXPECT_THAT(result.out, HasSubstr("/incident/resolved = false\n\nIncident a\n"));
}

TEST_F(CommandsTest, GetAsJsonIsTheWholeIncident) {
  PutThree();
  const Result result = Run({"get", "--json", "5f1e7a0c", "a"});
  const auto lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(2));
  v1::Incident incident;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[0], &incident).ok());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(incident, SampleIncident()))
      << lines[0];
}

TEST_F(CommandsTest, GetOfAnUnknownIdPrintsTheOthersAndExitsWithOne) {
  PutThree();
  const Result result = Run({"get", "nope", "a"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.out, StartsWith("Incident a\n"));
  EXPECT_EQ(result.err,
            "incidentctl: get nope: the hub refused: NOT_FOUND (INCIDENT_NOT_FOUND): there is no "
            "incident \"nope\"\n"
            "  Hint: `incidentctl list` shows the incidents there are.\n");
}

TEST_F(CommandsTest, AckSaysWhatChanged) {
  PutThree();
  Result result = Run({"ack", "a", "--note=on it"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "a: acknowledged by alice (sequence 1000)\n");
  EXPECT_EQ(result.err, "");
  result = Run({"ack", "a", "--actor=bob"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out,
            "a: already acknowledged by alice at 2026-01-02 03:04:05; nothing changed\n");
  ASSERT_THAT(hub_.acks(), SizeIs(2));
  EXPECT_EQ(hub_.acks()[0].note(), "on it");
  EXPECT_EQ(hub_.acks()[0].etag(), "");
  EXPECT_EQ(hub_.acks()[1].actor(), "bob");
}

TEST_F(CommandsTest, ResolveSaysWhatChanged) {
  PutThree();
  Result result = Run({"resolve", "a", "--note", "done", "--etag=e-a"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "a: resolved by alice (sequence 1000)\n");
  ASSERT_THAT(hub_.resolves(), SizeIs(1));
  EXPECT_EQ(hub_.resolves()[0].note(), "done");
  EXPECT_EQ(hub_.resolves()[0].etag(), "e-a");
  result = Run({"resolve", "a"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "a: already resolved by alice at 2026-01-02 03:04:05; nothing changed\n");
}

TEST_F(CommandsTest, ResolveOfWhatItsSourceResolvedSaysSo) {
  hub_.Put(
      FromText<v1::Incident>("id: 's' state: STATE_RESOLVED resolution { origin: ORIGIN_SOURCE }"));
  EXPECT_EQ(Run({"resolve", "s"}).out, "s: already resolved by its source; nothing changed\n");
}

TEST_F(CommandsTest, ActionsAsJsonAlwaysSayWhetherTheyChangedSomething) {
  PutThree();
  Result result = Run({"ack", "a", "--json"});
  ASSERT_THAT(JsonLines(result.out), SizeIs(1));
  EXPECT_THAT(result.out, HasSubstr("\"changed\":true"));
  EXPECT_THAT(result.out, StartsWith("{\"incident\":{\"id\":\"a\""));
  result = Run({"ack", "a", "--json"});
  ASSERT_THAT(JsonLines(result.out), SizeIs(1));
  EXPECT_THAT(result.out, HasSubstr("\"changed\":false"));
}

TEST_F(CommandsTest, SeveralIdsAreEachTried) {
  PutThree();
  const Result result = Run({"ack", "nope", "a", "c\x1b[31m"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(result.out, "a: acknowledged by alice (sequence 1000)\n");
  EXPECT_THAT(result.err, HasSubstr("ack nope: the hub refused: NOT_FOUND"));
  EXPECT_THAT(
      result.err,
      HasSubstr("ack c\\x1b[31m: the hub refused: FAILED_PRECONDITION (INCIDENT_RESOLVED)"));
  EXPECT_THAT(hub_.acks(), SizeIs(3));
}

TEST_F(CommandsTest, ActionOnWhatHasChangedShowsTheNewEtagAndWhatToDo) {
  PutThree();
  const Result result = Run({"resolve", "a", "--etag=old"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("ABORTED (ETAG_MISMATCH)"));
  EXPECT_THAT(result.err, HasSubstr("current_etag = e-a"));
  EXPECT_THAT(result.err, HasSubstr("Hint: it has changed"));
}

TEST_F(CommandsTest, FieldViolationsAreShown) {
  hub_.FailNext(FieldError("FIELD_INVALID", "note", "has 5000 bytes; 4096 are allowed"));
  const Result result = Run({"ack", "a"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("INVALID_ARGUMENT (FIELD_INVALID)"));
  EXPECT_THAT(result.err, HasSubstr("note: has 5000 bytes; 4096 are allowed\n"));
}

TEST_F(CommandsTest, ActorIsTheFlagElseTheUserElseTheAccount) {
  PutThree();
  Run({"ack", "a", "--actor=flag"});
  Run({"ack", "a"});
  variables_.erase("USER");
  Run({"ack", "a"});
  ASSERT_THAT(hub_.acks(), SizeIs(3));
  EXPECT_EQ(hub_.acks()[0].actor(), "flag");
  EXPECT_EQ(hub_.acks()[1].actor(), "alice");
  EXPECT_EQ(hub_.acks()[2].actor(), "account");
  account_.clear();
  const Result result = Run({"resolve", "a"});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_THAT(result.err, HasSubstr("--actor=NAME"));
  EXPECT_THAT(hub_.resolves(), IsEmpty());
}

TEST_F(CommandsTest, HubThatIsNotThereExitsWithThreeAndSaysWhichAddress) {
  int port = 0;
  { port = testing::FakeIncidentService().port(); }
  const std::string hub = absl::StrCat("--hub=127.0.0.1:", port);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"list", hub},
                                             {"list", hub, "--json"},
                                             {"get", "a", hub},
                                             {"ack", hub, "a"},
                                             {"resolve", "a", hub}}) {
    const Result result = Run(words);
    EXPECT_EQ(result.code, ExitCode::kUnreachable);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(absl::StrCat("no answer from a hub at 127.0.0.1:", port)));
    EXPECT_THAT(result.err, HasSubstr("--hub, INCIDENTHUB_ADDRESS"));
  }
  EXPECT_THAT(Run({"ack", "a", "b", "c", hub}).err, HasSubstr("Not tried: b c\n"));
  EXPECT_THAT(Run({"get", "a", "b", hub}).err, HasSubstr("Not tried: b\n"));
}

TEST_F(CommandsTest, HubThatDoesNotAnswerInTimeExitsWithThree) {
  hub_.Hang();
  EXPECT_EQ(Run({"list", "--timeout=50ms"}).code, ExitCode::kUnreachable);
  EXPECT_EQ(Run({"ack", "a", "--timeout=50ms"}).code, ExitCode::kUnreachable);
  const testing::TcpBlackHole black_hole;
  EXPECT_EQ(Run({"get", "a", "--timeout=50ms", "--hub", black_hole.address()}).code,
            ExitCode::kUnreachable);
}

// As on a full disk, or when the reader of a pipe is gone.
TEST_F(CommandsTest, OutputThatTakesNothingExitsWithFour) {
  PutThree();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"help"},
                                             {"--version"},
                                             {"list"},
                                             {"list", "--json"},
                                             {"get", "a", "5f1e7a0c"},
                                             {"ack", "a"},
                                             {"resolve", "a"}}) {
    std::ostringstream broken;
    broken.setstate(std::ios::badbit);
    const Result result = RunTo(words, broken, [] { return ""; });
    EXPECT_EQ(result.code, ExitCode::kOutput) << words[0];
    EXPECT_THAT(result.err, HasSubstr("the output could not be written")) << words[0];
  }
}

}  // namespace
}  // namespace incidenthub::client
