#include "clients/cli/arguments.h"

#include <algorithm>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

absl::StatusOr<Invocation> Parse(const Words& arguments,
                                 std::map<std::string, std::string> variables = {}) {
  return ParseArguments(arguments, [variables](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  });
}

void ExpectUsageError(const Words& arguments, const std::string& message) {
  const absl::StatusOr<Invocation> invocation = Parse(arguments);
  EXPECT_THAT(invocation, testing::HasCode(absl::StatusCode::kInvalidArgument))
      << ::testing::PrintToString(arguments);
  EXPECT_THAT(std::string(invocation.status().message()), HasSubstr(message));
}

TEST(ArgumentsTest, FlagsMayStandAnywhere) {
  Words words = {"--note=n", "--hub=h:1", "ack", "id1", "id2"};
  std::sort(words.begin(), words.end());
  int orders = 0;
  do {
    // The command comes before its operands; everything else may move.
    const auto at = [&words](absl::string_view word) {
      return std::find(words.begin(), words.end(), word);
    };
    if (at("ack") > at("id1") || at("ack") > at("id2")) continue;
    ++orders;
    const absl::StatusOr<Invocation> invocation = Parse(words);
    ASSERT_OK(invocation) << ::testing::PrintToString(words);
    EXPECT_EQ(invocation->command, Command::kAck);
    EXPECT_EQ(invocation->note, "n");
    EXPECT_EQ(invocation->hub, "h:1");
    EXPECT_THAT(invocation->operands, ::testing::UnorderedElementsAre("id1", "id2"));
  } while (std::next_permutation(words.begin(), words.end()));
  EXPECT_EQ(orders, 40);
}

TEST(ArgumentsTest, ConsumersAreListedOrDeletedByName) {
  EXPECT_THAT(Parse({"consumers"})->operands, ElementsAre());
  EXPECT_THAT(Parse({"consumers", "delete", "a", "b"})->operands, ElementsAre("delete", "a", "b"));
  ExpectUsageError({"consumers", "drop", "a"}, "\"drop\" is neither");
  ExpectUsageError({"consumers", "delete"}, "needs the name of a consumer");
  ExpectUsageError({"consumers", "delete", "a", ""}, "a name is empty");
  EXPECT_THAT(Parse({"quarantine"})->operands, ElementsAre());
  EXPECT_THAT(Parse({"quarantine", "list"})->operands, ElementsAre("list"));
  EXPECT_THAT(Parse({"quarantine", "show", "17"})->operands, ElementsAre("show", "17"));
  EXPECT_THAT(Parse({"quarantine", "replay", "17", "18"})->operands,
              ElementsAre("replay", "17", "18"));
  ExpectUsageError({"quarantine", "drop", "17"}, "\"drop\" is none of them");
  ExpectUsageError({"quarantine", "list", "17"}, "one too many");
  ExpectUsageError({"quarantine", "show"}, "needs the number of a body");
  ExpectUsageError({"quarantine", "show", "17", "18"}, "give one number");
  ExpectUsageError({"quarantine", "replay", "17", "x"}, "\"x\" is no number of a body");
  ExpectUsageError({"quarantine", "replay", "0"}, "\"0\" is no number of a body");
  EXPECT_EQ(Parse({"watch", "--consumer=pager"})->consumer, "pager");
  ExpectUsageError({"watch", "--consumer="}, "keeps a position for");
  ExpectUsageError({"list", "--consumer=pager"}, "is no flag of list");
}

TEST(ArgumentsTest, ALogLevelIsOneOfFour) {
  for (const absl::string_view level : kLogLevelWords) {
    const auto invocation = Parse({"log-level", std::string(level)});
    ASSERT_OK(invocation);
    EXPECT_EQ(invocation->command, Command::kLogLevel);
    EXPECT_THAT(invocation->operands, ElementsAre(level));
  }
  ExpectUsageError({"log-level"}, "log-level takes one of debug, info, warning, error");
  ExpectUsageError({"log-level", "loud"}, "log-level takes one of debug, info, warning, error");
  ExpectUsageError({"log-level", "info", "debug"}, "takes one of");
}

TEST(ArgumentsTest, ValuesMayFollowInTheNextWordEvenBeforeTheCommand) {
  const auto invocation = Parse({"--note", "two words", "--json", "resolve", "--actor", "-", "x"});
  ASSERT_OK(invocation);
  EXPECT_EQ(invocation->command, Command::kResolve);
  EXPECT_EQ(invocation->note, "two words");
  EXPECT_EQ(invocation->actor, "-");
  EXPECT_TRUE(invocation->json);
  EXPECT_THAT(invocation->operands, ElementsAre("x"));
}

TEST(ArgumentsTest, HyphensAndUnderscoresAreTheSameInNames) {
  const auto invocation =
      Parse({"watch", "--from-now", "--until-sequence=5", "--count", "3", "-json"});
  ASSERT_OK(invocation);
  EXPECT_TRUE(invocation->from_now);
  EXPECT_EQ(invocation->until_sequence, 5U);
  EXPECT_EQ(invocation->count, 3U);
  EXPECT_TRUE(invocation->json);
}

TEST(ArgumentsTest, NothingAfterTwoDashesIsAFlag) {
  const auto invocation = Parse({"get", "--", "--json", "-x", "--"});
  ASSERT_OK(invocation);
  EXPECT_FALSE(invocation->json);
  EXPECT_THAT(invocation->operands, ElementsAre("--json", "-x", "--"));
}

TEST(ArgumentsTest, EveryMatcherCounts) {
  for (const char* command : {"list", "watch"}) {
    const auto invocation = Parse({command, "--match=state=open", "--match", "tag.team=~\"a b\""});
    ASSERT_OK(invocation);
    EXPECT_THAT(invocation->matchers, ElementsAre("state=open", "tag.team=~\"a b\""));
    EXPECT_FALSE(invocation->latest_only);
  }
  EXPECT_TRUE(Parse({"watch", "--latest-only"})->latest_only);
  ExpectUsageError({"list", "--match="}, "--match is a matcher like state=open");
  ExpectUsageError({"get", "x", "--match=state=open"}, "--match is no flag of get");
  ExpectUsageError({"list", "--latest_only"}, "--latest_only is no flag of list");
}

TEST(ArgumentsTest, LastOfARepeatedFlagCounts) {
  EXPECT_EQ(Parse({"ack", "x", "--note=a", "--note=b"})->note, "b");
  EXPECT_FALSE(Parse({"list", "--json", "--json=false"})->json);
}

TEST(ArgumentsTest, HubComesFromTheFlagElseTheVariableElseLoopback) {
  const std::map<std::string, std::string> variables = {{"INCIDENTHUB_ADDRESS", "there:2"}};
  EXPECT_EQ(Parse({"list"})->hub, "127.0.0.1:50051");
  EXPECT_EQ(Parse({"list"}, variables)->hub, "there:2");
  EXPECT_EQ(Parse({"list", "--hub=here:1"}, variables)->hub, "here:1");
}

TEST(ArgumentsTest, HubWithoutAPortGetsTheUsualOne) {
  EXPECT_EQ(Parse({"list", "--hub=here"})->hub, "here:50051");
  EXPECT_EQ(Parse({"list", "--hub=[::1]"})->hub, "[::1]:50051");
  EXPECT_EQ(Parse({"list", "--hub=[::1]:7"})->hub, "[::1]:7");
}

TEST(ArgumentsTest, BadVariableIsNamedAndInNobodysWay) {
  const std::map<std::string, std::string> variables = {{"INCIDENTHUB_ADDRESS", "http://x"}};
  EXPECT_THAT(Parse({"list"}, variables).status().ToString(), HasSubstr("INCIDENTHUB_ADDRESS"));
  EXPECT_OK(Parse({"list", "--hub=here:1"}, variables));
  EXPECT_OK(Parse({"help"}, variables));
}

TEST(ArgumentsTest, StatesAreRead) {
  EXPECT_THAT(Parse({"list", "--state=open,resolved"})->states,
              ElementsAre(v1::STATE_OPEN, v1::STATE_RESOLVED));
  EXPECT_THAT(Parse({"list", "--state=Acknowledged"})->states, ElementsAre(v1::STATE_ACKNOWLEDGED));
}

TEST(ArgumentsTest, TimeoutsAreRead) {
  EXPECT_EQ(Parse({"list"})->timeout, absl::Seconds(5));
  EXPECT_EQ(Parse({"list", "--timeout=250ms"})->timeout, absl::Milliseconds(250));
  EXPECT_EQ(Parse({"list", "--timeout=2"})->timeout, absl::Seconds(2));
  EXPECT_EQ(Parse({"list", "--timeout=1h"})->timeout, absl::Hours(1));
  EXPECT_EQ(Parse({"backup"})->timeout, absl::Minutes(10)) << "a backup may take a while";
  EXPECT_EQ(Parse({"backup", "--timeout=5s"})->timeout, absl::Seconds(5));
}

TEST(ArgumentsTest, HelpAndVersionStandAnywhere) {
  EXPECT_EQ(Parse({"help"})->command, Command::kHelp);
  EXPECT_EQ(Parse({"--help"})->command, Command::kHelp);
  EXPECT_EQ(Parse({"-h"})->command, Command::kHelp);
  EXPECT_THAT(Parse({"help", "ack"})->operands, ElementsAre("ack"));
  // Even where the rest is incomplete: that is when it is asked for.
  for (const Words& words : std::vector<Words>{{"ack", "--help"}, {"-h", "ack", "--count=1"}}) {
    const auto invocation = Parse(words);
    ASSERT_OK(invocation);
    EXPECT_EQ(invocation->command, Command::kHelp);
    EXPECT_THAT(invocation->operands, ElementsAre("ack"));
  }
  EXPECT_EQ(Parse({"--version"})->command, Command::kVersion);
  EXPECT_EQ(Parse({"version"})->command, Command::kVersion);
  EXPECT_EQ(Parse({"list", "--version"})->command, Command::kVersion);
}

TEST(ArgumentsTest, MistakesSayWhatToDo) {
  ExpectUsageError({}, "no command was given; `incidentctl help`");
  ExpectUsageError({"resovle", "x"}, "no command \"resovle\"; did you mean resolve?");
  ExpectUsageError({"frobnicate"}, "no command \"frobnicate\"; `incidentctl help` lists them");
  ExpectUsageError({"help", "resovle"}, "did you mean resolve?");
  ExpectUsageError({"help", "ack", "get"}, "one command at most");
  ExpectUsageError({"list", "--jsno"}, "no flag --jsno; did you mean --json?");
  ExpectUsageError({"list", "--frobnicate=1"}, "no flag --frobnicate; `incidentctl help`");
  ExpectUsageError({"list", "--note=x"}, "--note is no flag of list; `incidentctl help list`");
  ExpectUsageError({"watch", "--state=open"}, "--state is no flag of watch");
  ExpectUsageError({"ack", "x", "--note"}, "--note needs a value");
  ExpectUsageError({"get"}, "get needs the id of an incident: incidentctl get ID");
  ExpectUsageError({"ack"}, "ack needs the id");
  ExpectUsageError({"resolve", "--note=x"}, "resolve needs the id");
  ExpectUsageError({"backup", "one", "two"}, "backup takes one name at most");
  ExpectUsageError({"get", ""}, "an id is empty");
  ExpectUsageError({"list", "x"}, "list takes no arguments; \"x\"");
  ExpectUsageError({"watch", "x"}, "watch takes no arguments");
  ExpectUsageError({"watch", "--from_now", "--resume_token=t"}, "exclude each other");
  ExpectUsageError({"ack", "x", "y", "--etag=1"}, "--etag belongs to one incident");
  ExpectUsageError({"unack", "x", "y", "--request_id=r"}, "--request_id belongs to one request");
  ExpectUsageError({"unack"}, "unack needs the id");
  ExpectUsageError({"unack", "x", "--expire=2h"}, "--expire is no flag of unack");
  ExpectUsageError({"history"}, "history needs the id");
  ExpectUsageError({"history", "x", "y"}, "history is of one incident; give one id");
  ExpectUsageError({"history", "x", "--note=n"}, "--note is no flag of history");
}

TEST(ArgumentsTest, AnExpiryIsHowLongOrWhen) {
  EXPECT_EQ(Parse({"ack", "x"})->expire_after, std::nullopt);
  EXPECT_EQ(Parse({"ack", "x", "--expire=2h"})->expire_after, absl::Hours(2));
  EXPECT_EQ(Parse({"ack", "x", "--expire", "1h30m"})->expire_after, absl::Minutes(90));
  EXPECT_EQ(Parse({"ack", "x", "--expire=744h"})->expire_after, absl::Hours(744));
  const auto at = Parse({"ack", "x", "--expire=2h", "--expire=2026-01-02T15:04:05.5+01:00"});
  ASSERT_OK(at);
  EXPECT_EQ(at->expire_after, std::nullopt);
  EXPECT_EQ(at->expire_time, absl::FromUnixMillis(1'767'362'645'500));
  for (const char* expire :
       {"", "0", "-1h", "745h", "inf", "-inf", "soon", "2026-01-02", "infinite-future", "2"}) {
    ExpectUsageError({"ack", "x", std::string("--expire=") + expire}, "--expire is how long");
  }
}

TEST(ArgumentsTest, EveryActionTakesARequestId) {
  for (const char* command : {"ack", "unack", "resolve"}) {
    EXPECT_EQ(Parse({command, "x", "--request-id=r-1"})->request_id, "r-1");
  }
}

TEST(ArgumentsTest, BadValuesAreNamed) {
  ExpectUsageError({"list", "--json=maybe"}, "--json is true or false; it is \"maybe\"");
  ExpectUsageError({"list", "--color=red"}, "--color is auto, always or never");
  ExpectUsageError({"list", "--state=open,closed"}, "--state is some of open, acknowledged");
  ExpectUsageError({"list", "--state="}, "--state is some of");
  ExpectUsageError({"list", "--state=unspecified"}, "--state is some of");
  ExpectUsageError({"list", "--hub="}, "--hub is HOST:PORT");
  ExpectUsageError({"list", "--hub=http://h:1"}, "--hub is HOST:PORT");
  for (const char* timeout : {"0", "-1s", "2h", "soon", "", "nan", "inf"}) {
    ExpectUsageError({"list", std::string("--timeout=") + timeout}, "--timeout is a time like");
  }
  for (const char* count : {"0", "-1", "1.5", "", "x", "99999999999999999999"}) {
    ExpectUsageError({"watch", std::string("--count=") + count}, "--count is a whole number");
    ExpectUsageError({"watch", std::string("--until_sequence=") + count},
                     "--until_sequence is a whole number");
  }
}

// What a script with an unset variable passes must not quietly drop the guard that it asked for.
TEST(ArgumentsTest, EmptyEtagTokenAndActorAreMistakes) {
  ExpectUsageError({"ack", "x", "--etag="}, "--etag is an incident's etag");
  ExpectUsageError({"watch", "--resume_token="}, "--resume_token is a token");
  ExpectUsageError({"ack", "x", "--actor="}, "--actor is who acts");
  ExpectUsageError({"ack", "x", "--request_id="}, "--request_id is a name for this one request");
}

TEST(ArgumentsTest, CredentialsAreFilesOfFlagsElseOfTheEnvironment) {
  const std::map<std::string, std::string> variables = {{"INCIDENTHUB_CA_FILE", "ca"},
                                                        {"INCIDENTHUB_TOKEN_FILE", "token"},
                                                        {"INCIDENTHUB_CERT_FILE", "cert"},
                                                        {"INCIDENTHUB_KEY_FILE", "key"},
                                                        {"INCIDENTHUB_SERVER_NAME", "hub"}};
  const auto of_environment = Parse({"list"}, variables);
  ASSERT_OK(of_environment);
  EXPECT_EQ(of_environment->credentials.ca_file, "ca");
  EXPECT_EQ(of_environment->credentials.token_file, "token");
  EXPECT_EQ(of_environment->credentials.cert_file, "cert");
  EXPECT_EQ(of_environment->credentials.key_file, "key");
  EXPECT_EQ(of_environment->credentials.server_name, "hub");
  const auto of_flags = Parse(
      {"list", "--ca-file=c", "--token-file=t", "--cert-file=s", "--key-file=k", "--server-name=n"},
      variables);
  ASSERT_OK(of_flags);
  EXPECT_EQ(of_flags->credentials.ca_file, "c");
  EXPECT_EQ(of_flags->credentials.token_file, "t");
  EXPECT_EQ(of_flags->credentials.cert_file, "s");
  EXPECT_EQ(of_flags->credentials.key_file, "k");
  EXPECT_EQ(of_flags->credentials.server_name, "n");
  ExpectUsageError({"list", "--token_file="}, "--token_file is the name of a file");
}

TEST(ArgumentsTest, TokenTakesTheWordNew) {
  EXPECT_EQ(Parse({"token", "new"})->command, Command::kToken);
  ExpectUsageError({"token"}, "incidentctl token new");
  ExpectUsageError({"token", "old"}, "incidentctl token new");
  ExpectUsageError({"token", "new", "pager"}, "incidentctl token new");
}

}  // namespace
}  // namespace incidenthub::client
