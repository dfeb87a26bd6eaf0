// Each check of what was answered, and of what became of the incidents: on a record that agrees
// with itself, and on ones that do not.

#include "tests/e2e/random_run/checks.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

EventFact Fact(uint64_t sequence, uint64_t previous, v1::EventType type, v1::State state) {
  EventFact fact;
  fact.logged.sequence = sequence;
  fact.logged.previous_sequence = previous;
  fact.logged.incident_id = "a";
  fact.logged.type = type;
  fact.state = state;
  fact.status = v1::STATUS_CRITICAL;
  fact.etag = absl::StrCat("e", sequence);
  fact.commit_time = At(static_cast<int64_t>(sequence));
  return fact;
}

EventFact FromDelivery(EventFact fact, uint64_t serial) {
  fact.serial = serial;
  return fact;
}

EventFact FromCommand(EventFact fact, const std::string& note, const std::string& request_id) {
  fact.note = note;
  fact.request_id = request_id;
  return fact;
}

// Two deliveries, of which the newer came first, with an acknowledgement that ends by itself.
Record GoodRecord() {
  Record record;
  record.specs = {{.serial = 1,
                   .incident_id = "a",
                   .version = 0,
                   .event_type = {},
                   .status = "Warning",
                   .severity = {},
                   .host = {},
                   .environment = {}},
                  {.serial = 2,
                   .incident_id = "a",
                   .version = 1,
                   .event_type = {},
                   .status = "Critical",
                   .severity = {},
                   .host = {},
                   .environment = {}}};
  record.facts = {
      FromDelivery(Fact(1, 0, v1::EVENT_TYPE_OPENED, v1::STATE_OPEN), 2),
      FromCommand(Fact(3, 1, v1::EVENT_TYPE_ACKNOWLEDGED, v1::STATE_ACKNOWLEDGED), "n1", "r1"),
      FromDelivery(Fact(4, 3, v1::EVENT_TYPE_LATE, v1::STATE_ACKNOWLEDGED), 1),
      Fact(6, 4, v1::EVENT_TYPE_UNACKNOWLEDGED, v1::STATE_OPEN)};
  record.facts[1].expire_time = record.facts[2].expire_time = At(5);
  record.facts[3].reason = v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED;
  for (EventFact& fact : record.facts) {
    fact.title = TitleOf(2);
    fact.update_seconds = UpdatedOn(1);
  }
  record.posts = {{.begin = At(0), .serial = 2, .incident_id = "a", .status = 504},
                  {.begin = At(1),
                   .serial = 2,
                   .incident_id = "a",
                   .status = 200,
                   .answered_id = "a",
                   .sequence = 1,
                   .duplicate = true},
                  {.begin = At(3),
                   .serial = 1,
                   .incident_id = "a",
                   .status = 200,
                   .answered_id = "a",
                   .sequence = 4}};
  Command command;
  command.incident_id = "a";
  command.note = "n1";
  command.request_id = "r1";
  command.etag = "e1";
  command.answers.resize(2);
  command.answers[0].status = absl::UnavailableError("gone");
  command.answers[1] = {.begin = At(4),
                        .end = At(4),
                        .status = absl::OkStatus(),
                        .changed = true,
                        .incident_id = "a",
                        .sequence = 4,
                        .etag = "e4"};
  record.commands = {command};
  return record;
}

// What the checks say of the good record, changed.
std::vector<std::string> Check(const std::function<void(Record*)>& change) {
  Record record = GoodRecord();
  change(&record);
  for (const EventFact& fact : record.facts) record.log.Add(fact.logged);
  std::vector<std::string> texts;
  for (const Findings& findings :
       {CheckPosts(record), CheckCommands(record), CheckDeliveriesOnce(record),
        CheckLifecycle(record), CheckConverged(record)}) {
    for (const Finding& finding : findings) {
      texts.push_back(absl::StrCat(finding.check, ": ", finding.text));
    }
  }
  return texts;
}

TEST(RandomRunChecksTest, ARecordThatAgreesBreaksNothing) {
  EXPECT_THAT(Check([](Record*) {}), IsEmpty());
}

TEST(RandomRunChecksTest, AnsweredSeesAnswersThatNobodyNamed) {
  EXPECT_THAT(Check([](Record* r) { r->posts[0].status = 500; }),
              ElementsAre("answered: delivery 2 of a was answered 500 "));
  EXPECT_THAT(Check([](Record* r) { r->posts[2].answered_id = "b"; }),
              ElementsAre("answered: delivery 1 of a was answered for b "));
  EXPECT_THAT(Check([](Record* r) { r->commands[0].answers[0].status = absl::InternalError("x"); }),
              ElementsAre(HasSubstr("answered: Ack of a, n1 was answered INTERNAL: x")));
  EXPECT_THAT(Check([](Record* r) {
                r->commands[0].etag = "";
                r->commands[0].answers[0].status = absl::AbortedError("etag");
              }),
              ElementsAre(HasSubstr("was answered ABORTED")));
}

TEST(RandomRunChecksTest, DurableSeesAPromiseThatWasNotKept) {
  EXPECT_THAT(Check([](Record* r) { r->posts[2].sequence = 2; }),
              ElementsAre("durable: delivery 1 of a was answered with 2, which there never was"));
  EXPECT_THAT(Check([](Record* r) { r->posts[2].sequence = 1; }),
              ElementsAre(HasSubstr("durable: delivery 1 of a was answered with the event of")));
  EXPECT_THAT(Check([](Record* r) { r->commands[0].note = "n2"; }),
              ElementsAre(HasSubstr("durable: Ack of a, n2 changed something, and no event")));
  EXPECT_THAT(Check([](Record* r) { r->commands[0].answers[1].etag = "e9"; }),
              ElementsAre(HasSubstr("etag e9, which there never was")));
  EXPECT_THAT(Check([](Record* r) {
                r->commands[0].answers[0].status = absl::OkStatus();
                r->commands[0].answers[0] = r->commands[0].answers[1];
                for (CommandAnswer& answer : r->commands[0].answers) answer.changed = false;
              }),
              ElementsAre(HasSubstr("was told that it changed nothing, and made an event")));
}

TEST(RandomRunChecksTest, OnceSeesASecondEvent) {
  const auto again = [](size_t others) {
    return [others](Record* r) {
      for (uint64_t i = 0; i < others; ++i) {
        r->specs.push_back(r->specs[0]);
        r->facts.push_back(r->facts.back());
        r->facts.back().logged.type = v1::EVENT_TYPE_LATE;
        r->facts.back().reason = v1::SystemCause::REASON_UNSPECIFIED;
        r->facts.back().serial = i + 1 == others ? 1 : 3 + i;
        r->facts.back().logged.sequence = 7 + i;
        r->facts.back().logged.previous_sequence = 6 + i;
        r->facts.back().etag = absl::StrCat("e", 7 + i);
      }
    };
  };
  EXPECT_THAT(Check(again(1)), ElementsAre(HasSubstr("is delivery 1, again after 0 others")));
  EXPECT_THAT(Check(again(16)), ElementsAre(HasSubstr("is delivery 1, again after 15 others")));
  // So many deliveries later it need not be known.
  EXPECT_THAT(Check(again(17)), IsEmpty());
  EXPECT_THAT(Check([](Record* r) {
                r->facts[3].note = "n1";
                r->facts[3].reason = v1::SystemCause::REASON_UNSPECIFIED;
              }),
              Contains("once: Ack of a, n1 made 2 events"));
}

TEST(RandomRunChecksTest, LifecycleSeesAWrongStep) {
  EXPECT_THAT(Check([](Record* r) { r->facts[2].logged.previous_sequence = 1; }),
              ElementsAre(HasSubstr("of a at 4 follows 1, not 3")));
  EXPECT_THAT(Check([](Record* r) { r->facts[2].state = v1::STATE_OPEN; }),
              Contains(HasSubstr("at 4, STATE_OPEN, follows EVENT_TYPE_ACKNOWLEDGED of a at 3")));
  EXPECT_THAT(Check([](Record* r) { r->facts[0].logged.type = v1::EVENT_TYPE_REOPENED; }),
              ElementsAre(HasSubstr("STATE_OPEN, follows nothing")));
  EXPECT_THAT(Check([](Record* r) { r->facts[2].serial = 0; }),
              Contains(HasSubstr("has 0 causes")));
  EXPECT_THAT(Check([](Record* r) { r->facts[3].etag = "e1"; }),
              Contains(HasSubstr("has an etag that was there")));
  EXPECT_THAT(Check([](Record* r) { r->commands[0].etag = "e0"; }),
              ElementsAre(HasSubstr("with etag e0 acted on e1")));
}

TEST(RandomRunChecksTest, ExpiresSeesAnEndTooEarlyOrNever) {
  EXPECT_THAT(Check([](Record* r) { r->facts[2].expire_time = At(60); }),
              ElementsAre(HasSubstr("expires: EVENT_TYPE_UNACKNOWLEDGED of a at 6 comes before")));
  EXPECT_THAT(Check([](Record* r) { r->facts.pop_back(); }),
              ElementsAre(HasSubstr("expires: EVENT_TYPE_LATE of a at 4 is the last")));
}

TEST(RandomRunChecksTest, ConvergedSeesAnIncidentThatIsNotAsItsNewestDeliverySays) {
  EXPECT_THAT(Check([](Record* r) { r->facts[3].title = TitleOf(1); }),
              ElementsAre(HasSubstr("says delivery 1, STATUS_CRITICAL; the newest is delivery 2")));
  EXPECT_THAT(Check([](Record* r) { r->specs[1].active = false; }),
              ElementsAre(HasSubstr("is STATE_OPEN, and the newest, delivery 2, is over")));
  EXPECT_THAT(Check([](Record* r) {
                r->facts[3].logged.type = v1::EVENT_TYPE_RESOLVED;
                r->facts[3].state = v1::STATE_RESOLVED;
                r->facts[3].reason = v1::SystemCause::REASON_UNSPECIFIED;
                r->facts[3].serial = 2;
              }),
              Contains(HasSubstr("is STATE_RESOLVED, and the newest, delivery 2, is active")));
}

TEST(RandomRunChecksTest, APurgedIncidentBeginsAnew) {
  EXPECT_THAT(
      Check([](Record* r) {
        r->facts[3].logged.type = v1::EVENT_TYPE_RESOLVED;
        r->facts[3].state = v1::STATE_RESOLVED;
        r->facts[3].reason = v1::SystemCause::REASON_UNSPECIFIED;
        r->facts[3].note = "n2";
        r->facts.push_back(Fact(7, 6, v1::EVENT_TYPE_PURGED, v1::STATE_RESOLVED));
        r->facts.back().reason = v1::SystemCause::REASON_RETENTION;
        r->facts.push_back(FromDelivery(Fact(8, 0, v1::EVENT_TYPE_OPENED, v1::STATE_OPEN), 1));
        r->facts.back().title = TitleOf(1);
        r->facts.back().status = v1::STATUS_WARNING;
        r->facts.back().update_seconds = UpdatedOn(0);
      }),
      IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
