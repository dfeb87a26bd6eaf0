#include "clients/cli/printing.h"

#include "clients/cli/detail_view.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "simdjson.h"
#include "tests/clients/sample_incident.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using testing::FromText;
using testing::SampleIncident;

const Style& PlainUtc() {
  static const Style kStyle{absl::UTCTimeZone(), Painter(false)};
  return kStyle;
}

v1::Entry EntryOf(v1::Incident incident, const std::string& event) {
  v1::Entry entry;
  entry.set_membership(v1::MEMBERSHIP_UPDATED);
  *entry.mutable_event() = FromText<v1::Event>(event);
  *entry.mutable_event()->mutable_incident() = std::move(incident);
  return entry;
}

TEST(PrintingTest, WordsForEnumsAreLowerCaseAndUnknownOnesNumbers) {
  EXPECT_EQ(StateName(v1::STATE_OPEN), "open");
  EXPECT_EQ(StateName(v1::STATE_UNSPECIFIED), "-");
  EXPECT_EQ(StateName(static_cast<v1::State>(99)), "99");
  EXPECT_EQ(EventTypeName(v1::EVENT_TYPE_REOPENED), "reopened");
  EXPECT_EQ(EventTypeName(static_cast<v1::EventType>(99)), "99");
  EXPECT_EQ(StatusName(v1::STATUS_CRITICAL, "Critical"), "critical");
  EXPECT_EQ(StatusName(v1::STATUS_UNSPECIFIED, "Odd\x1b"), "Odd\\x1b");
  EXPECT_EQ(StatusName(v1::STATUS_UNSPECIFIED, ""), "-");
}

TEST(PrintingTest, SummaryIsAboutTheAlertThatSaysMost) {
  v1::Incident incident = SampleIncident();
  EXPECT_EQ(Summary(incident), "host=web-2 check=CPU: CPU over 90% (+1 alert)");
  incident.set_status(v1::STATUS_CRITICAL);
  EXPECT_EQ(Summary(incident), "host=web-1 check=ping: ping (+1 alert)");
  incident.mutable_alerts(0)->clear_tags();
  EXPECT_EQ(Summary(incident), "ping (+1 alert)");
  incident.mutable_alerts(0)->clear_description();
  EXPECT_EQ(Summary(incident), "(+1 alert)");
  incident.clear_alerts();
  EXPECT_EQ(Summary(incident), "itd_priority_1=1000 team=db, web");
  incident.clear_tags();
  EXPECT_EQ(Summary(incident), "");
}

TEST(PrintingTest, WhoIsTheOneThatIsOnIt) {
  v1::Incident incident = SampleIncident();
  EXPECT_EQ(Who(incident), "alice");
  incident.mutable_resolution()->set_origin(v1::Resolution::ORIGIN_SOURCE);
  EXPECT_EQ(Who(incident), "");
  incident.mutable_resolution()->set_actor("bob");
  EXPECT_EQ(Who(incident), "bob");
  incident.clear_resolution();
  incident.clear_acknowledgement();
  EXPECT_EQ(Who(incident), "Ann");
  incident.mutable_assignee()->clear_name();
  incident.mutable_assignee()->set_email("ann@example.com");
  EXPECT_EQ(Who(incident), "ann@example.com");
}

TEST(PrintingTest, EntryLineOfAnActionAndOfADelivery) {
  EXPECT_EQ(EntryLine(EntryOf(SampleIncident(), R"pb(
                        type: EVENT_TYPE_ACKNOWLEDGED
                        commit_time { seconds: 1767323225 }
                        action { actor: "alice" note: "looking" }
                      )pb"),
                      PlainUtc()),
            "2026-01-02 03:07:05 ~ acknowledged   acknowledged critical/warning  "
            "5f1e7a0c                  host=web-2 check=CPU: CPU over 90% (+1 alert)"
            "  by alice: looking");
  v1::Entry entry = EntryOf(FromText<v1::Incident>("id: 'x' state: STATE_OPEN"), R"pb(
    type: EVENT_TYPE_OPENED
    delivery { source: "bigpanda" }
  )pb");
  entry.set_membership(v1::MEMBERSHIP_ENTERED);
  EXPECT_EQ(EntryLine(entry, PlainUtc()),
            "- + opened         open         -/-               x                         "
            "from bigpanda");
  entry.set_membership(v1::MEMBERSHIP_LEFT);
  EXPECT_THAT(EntryLine(entry, PlainUtc()), ::testing::StartsWith("- - opened"));
}

TEST(PrintingTest, WhatTheSourceSaidOfAResolveIsOnTheLine) {
  const auto line = [](const std::string& upstream, const std::string& event) {
    return EntryLine(EntryOf(FromText<v1::Incident>("id: 'x' state: STATE_RESOLVED upstream { " +
                                                    upstream + "}"),
                             "type: EVENT_TYPE_UPDATED commit_time { seconds: 7 } " + event),
                     PlainUtc());
  };
  EXPECT_THAT(line("state: STATE_FAILED last_error: 'no'", "upstream_result { http_status: 400 }"),
              ::testing::EndsWith("  upstream failed: no"));
  EXPECT_THAT(
      line("state: STATE_CONFIRMED update_time { seconds: 7 }", "delivery { source: 'bigpanda' }"),
      ::testing::EndsWith("  from bigpanda; upstream confirmed"));
  EXPECT_THAT(
      line("state: STATE_CONFIRMED update_time { seconds: 6 }", "delivery { source: 'bigpanda' }"),
      ::testing::EndsWith("  from bigpanda"));
}

TEST(PrintingTest, TimesAreInTheReadersZone) {
  const Style style{absl::FixedTimeZone(2 * 60 * 60), Painter(false)};
  EXPECT_THAT(EntryLine(EntryOf(SampleIncident(), "commit_time { seconds: 1767323225 }"), style),
              ::testing::StartsWith("2026-01-02 05:07:05 "));
}

TEST(PrintingTest, LongSummariesAndNotesAreCut) {
  v1::Incident incident = FromText<v1::Incident>("id: 'x'");
  incident.add_alerts()->set_description(std::string(5000, 'd'));
  v1::Entry entry = EntryOf(incident, "");
  entry.mutable_event()->mutable_action()->set_note(std::string(4096, 'n'));
  EXPECT_LT(EntryLine(entry, PlainUtc()).size(), 400U);
}

TEST(PrintingTest, EntryLineFitsTheTerminalByItsSummaryAlone) {
  const v1::Entry entry = EntryOf(SampleIncident(), "action { actor: 'alice' }");
  const auto line = [&entry](size_t columns) {
    return EntryLine(entry, Style{absl::UTCTimeZone(), Painter(false), columns});
  };
  EXPECT_EQ(DisplayWidth(line(0)), 131U);
  EXPECT_EQ(line(131), line(0));
  EXPECT_EQ(DisplayWidth(line(130)), 130U);
  EXPECT_THAT(line(130), ::testing::EndsWith("(+1 al...  by alice"));
  // Where nothing would be left of it, the line is longer than the terminal.
  EXPECT_THAT(line(40),
              ::testing::EndsWith("5f1e7a0c                  host=web-2 check=CPU:...  by alice"));
}

TEST(PrintingTest, DetailViewShowsEverything) {
  EXPECT_EQ(DetailView(SampleIncident(), PlainUtc()),
            R"(Incident 5f1e7a0c
  Summary:        host=web-2 check=CPU: CPU over 90% (+1 alert)
  State:          acknowledged
  Status:         warning, at worst critical
  Acknowledged:   by alice at 2026-01-02 03:07:05: looking
  Upstream:       pending
  Active:         yes
  Flapping:       no
  Snoozed:        yes, until 2026-01-02 04:04:05, or until it changes
  Started:        2026-01-02 03:04:05
  Changed:        2026-01-02 03:05:05
  Updated:        2026-01-02 03:06:05
  Source:         bigpanda
  Environment:    Production
  Shared by:      Sam <sam@example.com>
  Assigned to:    Ann
  Assigned by:    u-7
  Link:           http://bigp.io/abc
  Comment:        line one\nline two
  Sequence:       42
  Etag:           etag-42
Tags
  itd_priority_1 = 1000
  team = db, web
Alerts (2)
  ok (over)  al-1  since 2026-01-02 03:04:05 to 2026-01-02 03:05:00  from nagios.est
    ping
    host = web-1
    check = ping
  warning  al-2  since 2026-01-02 03:04:05
    CPU over 90%
    host = web-2
    check = CPU
    /maintenance = false
Related changes (2)
  MATCH  CHG0030001  Done  upgrade  same host  https://t/1
  rc-2
Also sent
  /a = 1
  /incident/resolved = false
)");
}

TEST(PrintingTest, DetailViewOfABareIncidentLeavesOutWhatWasNotReported) {
  EXPECT_EQ(DetailView(FromText<v1::Incident>("id: 'x' state: STATE_RESOLVED sequence: 1 "
                                              "resolution { origin: ORIGIN_SOURCE }"),
                       PlainUtc()),
            R"(Incident x
  State:          resolved
  Status:         -, at worst -
  Resolved:       by its source at -
  Sequence:       1
)");
}

// Sets every string field, at any depth, of `message` to `text`; lists get one element.
void FillStrings(const std::string& text, int depth, google::protobuf::Message* message) {
  const auto* reflection = message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const auto* field = message->GetDescriptor()->field(i);
    using Type = google::protobuf::FieldDescriptor;
    if (field->cpp_type() == Type::CPPTYPE_STRING) {
      if (field->is_repeated()) {
        reflection->AddString(message, field, text);
      } else {
        reflection->SetString(message, field, text);
      }
    } else if (field->cpp_type() == Type::CPPTYPE_MESSAGE && depth > 0) {
      FillStrings(text, depth - 1,
                  field->is_repeated() ? reflection->AddMessage(message, field)
                                       : reflection->MutableMessage(message, field));
    }
  }
}

// Terminals obey escape sequences: none of an incident's texts gets one through, whatever field it
// is in.
TEST(PrintingTest, NoFieldOfAnIncidentGetsAControlCharacterToATerminal) {
  v1::Entry entry;
  FillStrings(
      "\x1b]0;owned\x07\x1b[2J\nfake line\xC2\x9B"
      "31m\xE2\x80\xAE",
      6, &entry);
  ASSERT_FALSE(entry.event().incident().alerts().empty());
  const std::string& text = entry.event().incident().id();
  // What claims to be a hub may send any reason.
  absl::Status error = FieldError("FIELD_INVALID", text, text);
  google::rpc::ErrorInfo info;
  info.set_reason(text);
  error.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                   absl::Cord(info.SerializeAsString()));
  std::vector<std::string> outputs = {EntryLine(entry, PlainUtc()),
                                      DetailView(entry.event().incident(), PlainUtc()),
                                      ErrorText(text, text, error)};
  entry.mutable_event()->mutable_delivery()->set_source(entry.event().incident().id());
  outputs.push_back(EntryLine(entry, PlainUtc()));
  for (const std::string& output : outputs) {
    EXPECT_THAT(output, ::testing::HasSubstr("\\x1b]0;owned\\x07"));
    EXPECT_THAT(output,
                ::testing::Not(::testing::ContainsRegex("\x1b|\x07|\xC2\x9B|\xE2\x80\xAE")));
    EXPECT_THAT(output, ::testing::Not(::testing::HasSubstr("\nfake line")));
  }
}

TEST(PrintingTest, JsonIsOneValidLineWithoutControlCharactersAndReadsBack) {
  v1::Entry entry;
  FillStrings("\x1b[2J\n\"\\\x7f</script>\xC2\x9B", 6, &entry);
  const auto json = Json(entry);
  ASSERT_OK(json);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ASSERT_EQ(parser.parse(*json).get(root), simdjson::SUCCESS);
  for (const char c : *json) ASSERT_GE(static_cast<unsigned char>(c), 0x20);
  EXPECT_THAT(*json, ::testing::Not(::testing::ContainsRegex("\x7f|\xC2\x9B")));
  v1::Entry back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(*json, &back).ok());
  EXPECT_EQ(back.SerializeAsString().size(), entry.SerializeAsString().size());
}

TEST(PrintingTest, JsonHasTheFieldNamesOfTheProtos) {
  EXPECT_EQ(*Json(FromText<v1::Incident>("id: 'x' state: STATE_OPEN status_text: 'Odd' "
                                         "sequence: 7 active: false")),
            R"({"id":"x","state":"STATE_OPEN","status_text":"Odd","active":false,"sequence":"7"})");
}

TEST(PrintingTest, WhatHasNoJsonFormIsAnErrorNotBrokenJson) {
  EXPECT_THAT(Json(FromText<v1::Incident>("start_time { seconds: 999999999999999 }")),
              testing::HasCode(absl::StatusCode::kInvalidArgument));
}

TEST(PrintingTest, AddMemberKeepsAnObjectValid) {
  std::string object = "{}";
  AddMember("a", "1", &object);
  EXPECT_EQ(object, R"({"a":1})");
  AddMember("b", "\"x\"", &object);
  EXPECT_EQ(object, R"({"a":1,"b":"x"})");
}

TEST(PrintingTest, ErrorTextSaysWhatWhyAndWhatHelps) {
  EXPECT_EQ(ErrorText("ack x", "h:1", FieldError("FIELD_INVALID", "actor", "is required")),
            "incidentctl: ack x: the hub refused: INVALID_ARGUMENT (FIELD_INVALID): "
            "actor: is required\n");
  absl::Status terse = absl::InvalidArgumentError("no");
  google::rpc::BadRequest bad_request;
  for (const char* field : {"actor", "note"}) {
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description("is \x1b wrong");
  }
  terse.SetPayload("type.googleapis.com/google.rpc.BadRequest",
                   absl::Cord(bad_request.SerializeAsString()));
  EXPECT_EQ(ErrorText("ack x", "h:1", terse),
            "incidentctl: ack x: the hub refused: INVALID_ARGUMENT: no\n"
            "  actor: is \\x1b wrong\n"
            "  note: is \\x1b wrong\n");
  EXPECT_EQ(ErrorText("ack x", "h:1",
                      ReasonError(absl::StatusCode::kAborted, "ETAG_MISMATCH", "it changed",
                                  {{"current_etag", "7"}})),
            "incidentctl: ack x: the hub refused: ABORTED (ETAG_MISMATCH): it changed\n"
            "  current_etag = 7\n"
            "  Hint: it has changed since you read it: look again with `incidentctl get`, then "
            "decide.\n");
  EXPECT_EQ(ErrorText("list", "h:1",
                      WithRetryDelay(ReasonError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                                                 "too much"),
                                     absl::Milliseconds(1500))),
            "incidentctl: list: the hub refused: RESOURCE_EXHAUSTED (QUEUE_FULL): too much\n"
            "  Try again in 1.5s.\n");
  EXPECT_EQ(ErrorText("list", "h:1", absl::UnavailableError("refused")),
            "incidentctl: list: no answer from a hub at h:1: UNAVAILABLE: refused\n"
            "  Is the address right (--hub, INCIDENTHUB_ADDRESS), and the hub up? One that speaks "
            "TLS wants --ca_file.\n");
}

TEST(PrintingTest, ExitCodeTellsAHubThatRefusedFromOneThatIsNotThere) {
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(ReasonError(absl::StatusCode::kUnavailable, "DISK_FULL", "x")),
            ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), ExitCode::kRefused);
}

}  // namespace
}  // namespace incidenthub::client
