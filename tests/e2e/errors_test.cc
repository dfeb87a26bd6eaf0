// Every reason that a client of the hub can be told, as grpcurl shows it: the code, the reason, the
// same in words, the field at fault, and when to come back.

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error_reasons.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/e2e/error_hub.h"
#include "tests/e2e/storage_errors.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  std::string reason;
  // Makes a client be told so, and returns what grpcurl printed.
  std::function<std::string(ErrorHub*)> provoke;
  // A part of the message.
  std::string words;
  // As BadRequest names it; empty: no field is at fault.
  std::string field = {};
  // More that is printed.
  std::string more = {};
};

void PrintTo(const Case& shown, std::ostream* out) { *out << shown.reason; }

std::string FieldInvalid(ErrorHub* hub) {
  hub->Start();
  return hub->CallIncidents("Ack", R"({"incident_id":"a"})");
}

// A hub that knows the viewers ann and bob by the tokens "ann" and "bob", and ann also by "old",
// which has expired.
void StartWithAccess(ErrorHub* hub) {
  const auto hash = [](absl::string_view token) {
    const auto digest = Sha256(token);
    return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
  };
  std::ofstream(hub->access_file()) << absl::StrCat(
      R"({"principals":[{"name":"ann","roles":["viewer"],"tokens":[{"sha256":")", hash("ann"),
      R"("},{"sha256":")", hash("old"), R"(","expire_time":"2020-01-02T03:04:05Z"}]},)",
      R"({"name":"bob","roles":["viewer"],"tokens":[{"sha256":")", hash("bob"), R"("}]}]})");
  hub->Start({absl::StrCat("--access_config=", hub->access_file())});
}

std::string CallWithToken(ErrorHub* hub, const std::string& token) {
  StartWithAccess(hub);
  return hub->CallAs(token, "IncidentService/ListIncidents", "{}");
}

std::string CredentialMissing(ErrorHub* hub) { return CallWithToken(hub, ""); }
std::string CredentialInvalid(ErrorHub* hub) { return CallWithToken(hub, "eve"); }
std::string CredentialExpired(ErrorHub* hub) { return CallWithToken(hub, "old"); }

std::string RoleMissing(ErrorHub* hub) {
  StartWithAccess(hub);
  return hub->CallAs("ann", "IncidentService/Resolve", R"({"incident_id":"a","actor":"ann"})");
}

std::string ConsumerOfOther(ErrorHub* hub) {
  StartWithAccess(hub);
  const auto credentials = hub->Credentials("ann");
  const auto subscriber = hub->Subscribe({.credentials = credentials, .consumer = "pager"});
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  return hub->CallAs("bob", "ConsumerService/DeleteConsumer", R"({"consumer":"pager"})");
}

std::string MatcherInvalid(ErrorHub* hub) {
  hub->Start();
  return hub->CallIncidents("Subscribe", R"({"matchers":["id=a","state=opne"]})");
}

std::string ResumeTokenInvalid(ErrorHub* hub) {
  hub->Start();
  return hub->CallIncidents("Subscribe", R"({"resume_token":"nonsense"})");
}

// As of a hub that has come an event further than this one.
std::string HubBehindToken(ErrorHub* hub) {
  hub->Start();
  const auto subscriber = hub->Subscribe();
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  auto token = DecodeResumeToken(subscriber->history().last_token);
  EXPECT_OK(token);
  if (!token.ok()) return "";
  token->set_position(token->position() + 1);
  return hub->CallIncidents("Subscribe",
                            absl::StrCat(R"({"resume_token":")", EncodeResumeToken(*token), "\"}"));
}

std::string ResumeTokenOtherMatchers(ErrorHub* hub) {
  hub->Start();
  const auto subscriber = hub->Subscribe();
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  return hub->CallIncidents("Subscribe", absl::StrCat(R"({"matchers":["id=a"],"resume_token":")",
                                                      subscriber->history().last_token, "\"}"));
}

std::string PageTokenInvalid(ErrorHub* hub) {
  hub->Start();
  return hub->CallIncidents("ListIncidents", R"({"page_token":"nonsense"})");
}

std::string RequestIdReused(ErrorHub* hub) {
  hub->Start();
  hub->Fill();
  hub->CallIncidents("Ack", R"({"incident_id":"a","actor":"ada","request_id":"id-1"})");
  return hub->CallIncidents("Ack", R"({"incident_id":"b","actor":"ada","request_id":"id-1"})");
}

std::string BatchTooLarge(ErrorHub* hub) {
  hub->Start();
  std::string deliveries = "{}";
  for (int i = 1; i < 1025; ++i) deliveries += ",{}";
  return hub->Call("IngestService/Ingest", absl::StrCat(R"({"deliveries":[)", deliveries, "]}"));
}

std::string EventTooLarge(ErrorHub* hub) {
  hub->Start();
  // Fits with a hundred bytes or so to spare; with a note it does not.
  v1::Delivery delivery = MakeDelivery("large", 1, (size_t{3} << 20U) - 1000);
  IngestSession session(hub->hub_port());
  const auto receipts = session.Send({std::move(delivery)});
  EXPECT_OK(receipts);
  EXPECT_TRUE(receipts->at(0).has_accepted()) << receipts->at(0).ShortDebugString();
  return hub->CallIncidents("Resolve", absl::StrCat(R"({"incident_id":"large","actor":"ada",)",
                                                    R"("note":")", std::string(4096, 'x'), "\"}"));
}

std::string IncidentNotFound(ErrorHub* hub) {
  hub->Start();
  return hub->CallIncidents("GetIncident", R"({"incident_id":"nobody"})");
}

std::string QuarantinedNotFound(ErrorHub* hub) {
  hub->Start();
  return hub->Call("QuarantineService/GetQuarantined", R"({"id":7})");
}

std::string StillUnmapped(ErrorHub* hub) {
  hub->Start();
  v1::Delivery delivery;
  delivery.set_source("bigpanda");
  delivery.mutable_unmapped()->set_raw(R"({"incident":{}})");
  IngestSession session(hub->hub_port());
  EXPECT_OK(session.Send({std::move(delivery)}));
  return hub->Call("QuarantineService/ReplayQuarantined", R"({"id":1})");
}

std::string IncidentResolved(ErrorHub* hub) {
  hub->Start();
  hub->Fill();
  return hub->CallIncidents("Ack", R"({"incident_id":"r","actor":"ada"})");
}

std::string EtagMismatch(ErrorHub* hub) {
  hub->Start();
  hub->Fill();
  return hub->CallIncidents("Resolve", R"({"incident_id":"b","actor":"ada","etag":"stale"})");
}

std::string TooManyStreams(ErrorHub* hub) {
  hub->Start({"--max_streams=1"});
  const auto subscriber = hub->Subscribe();
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  return hub->CallIncidents("Subscribe", "{}");
}

std::string TooManyIngestStreams(ErrorHub* hub) {
  hub->Start();
  std::vector<std::unique_ptr<IngestSession>> sessions;
  for (int i = 0; i < 64; ++i) {
    sessions.push_back(std::make_unique<IngestSession>(hub->hub_port()));
    EXPECT_OK(sessions.back()->Send({MakeDelivery("a", i)}));
  }
  return hub->Call("IngestService/Ingest", "{}");
}

constexpr char kMoreDiskThanThereIs[] = "--min_free_bytes=4611686018427387904";

std::string DiskFull(ErrorHub* hub) {
  hub->Start({kMoreDiskThanThereIs});
  return hub->CallIncidents("Ack", R"({"incident_id":"a","actor":"ada"})");
}

// The hub ends while grpcurl follows it.
std::string ShuttingDown(ErrorHub* hub) {
  hub->Start();
  auto follower = Process::Start(hub->Command("IncidentService/Subscribe", "{}"));
  EXPECT_OK(follower);
  if (!follower.ok()) return "";
  EXPECT_TRUE(ErrorHub::WaitForMetric(hub->hub(), "incidenthub_subscriptions", 1));
  EXPECT_OK(hub->hub().Stop());
  EXPECT_OK((*follower)->WaitForExit(kPatience));
  return (*follower)->err();
}

std::string ConsumerNotFound(ErrorHub* hub) {
  hub->Start();
  const auto subscriber = hub->Subscribe();
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  return hub->Call("ConsumerService/Commit",
                   absl::StrCat(R"({"consumer":"nobody","resume_token":")",
                                subscriber->history().last_token, "\"}"));
}

// Another one subscribes while grpcurl follows as this consumer.
std::string SubscriptionTakenOver(ErrorHub* hub) {
  hub->Start();
  const auto command = hub->Command("IncidentService/Subscribe", R"({"consumer":"pager"})");
  auto older = Process::Start(command);
  EXPECT_OK(older);
  if (!older.ok()) return "";
  EXPECT_TRUE(ErrorHub::WaitForMetric(hub->hub(), "incidenthub_consumers", 1));
  auto newer = Process::Start(command);
  EXPECT_OK(newer);
  EXPECT_OK((*older)->WaitForExit(kPatience));
  return (*older)->err();
}

std::string HistoryCompacted(ErrorHub* hub) {
  // What is still in memory is sent all the same.
  hub->Start({"--retain_bytes=1048576", "--ring_bytes=1048576"});
  const auto subscriber = hub->Subscribe({.start = StreamStart::kFromNow});
  EXPECT_TRUE(ErrorHub::WaitForMetric(hub->hub(), "incidenthub_subscriptions", 1));
  IngestSession session(hub->hub_port());
  EXPECT_OK(session.Send({MakeDelivery("a", 1)}));
  EXPECT_TRUE(subscriber->WaitForSequence(1, kPatience));
  subscriber->Stop();
  for (int i = 2; i < 40; ++i) EXPECT_OK(session.Send({MakeDelivery("a", i, 100'000)}));
  EXPECT_TRUE(WaitUntil(
      [hub] {
        const auto floor = hub->hub().Metric("incidenthub_floor_sequence");
        return floor.ok() && *floor > 1;
      },
      kPatience));
  return hub->CallIncidents("Subscribe", absl::StrCat(R"({"require_history":true,"resume_token":")",
                                                      subscriber->history().last_token, "\"}"));
}

std::string CreateBackup(ErrorHub* hub, const std::string& name) {
  return hub->Call("MaintenanceService/CreateBackup", absl::StrCat(R"({"name":")", name, "\"}"));
}

std::string BackupDirNotSet(ErrorHub* hub) {
  hub->Start();
  return CreateBackup(hub, "one");
}

std::string BackupExists(ErrorHub* hub) {
  hub->Start({absl::StrCat("--backup_dir=", hub->backup_dir())});
  CreateBackup(hub, "one");
  return CreateBackup(hub, "one");
}

std::string TooManyBackups(ErrorHub* hub) {
  for (int i = 0; i < 100; ++i) {
    std::filesystem::create_directories(absl::StrCat(hub->backup_dir(), "/", i));
  }
  hub->Start({absl::StrCat("--backup_dir=", hub->backup_dir())});
  return CreateBackup(hub, "one");
}

std::string BackupFailed(ErrorHub* hub) {
  hub->Start({"--backup_dir=/proc/no/such/place"});
  return CreateBackup(hub, "one");
}

std::vector<Case> Cases() {
  return {
      {"FIELD_INVALID", FieldInvalid, "actor: is required", "actor"},
      {"CREDENTIAL_MISSING", CredentialMissing, "the call has no credential"},
      {"CREDENTIAL_INVALID", CredentialInvalid, "not one of those that the hub was given"},
      {"CREDENTIAL_EXPIRED", CredentialExpired, "has expired at 2020-01-02T03:04:05"},
      {"ROLE_MISSING", RoleMissing, "Resolve takes the role responder"},
      {"CONSUMER_OF_OTHER", ConsumerOfOther, "belongs to principal"},
      {"MATCHER_INVALID", MatcherInvalid, "at byte 6 of `state=opne`", "matchers[1]"},
      {"RESUME_TOKEN_INVALID", ResumeTokenInvalid, "is damaged; send one exactly as",
       "resume_token"},
      {"RESUME_TOKEN_OTHER_MATCHERS", ResumeTokenOtherMatchers, "was made with no matchers",
       "resume_token"},
      {"PAGE_TOKEN_INVALID", PageTokenInvalid, "is no next_page_token", "page_token"},
      {"REQUEST_ID_REUSED", RequestIdReused, "was the id of another command", "request_id"},
      {"BATCH_TOO_LARGE", BatchTooLarge, "has 1025 deliveries; allowed are 1024", "deliveries"},
      {"EVENT_TOO_LARGE", EventTooLarge, "bytes encoded; allowed are 3145728"},
      {"INCIDENT_NOT_FOUND", IncidentNotFound, "no incident has the id", "",
       R"("incident_id": "nobody")"},
      {"CONSUMER_NOT_FOUND", ConsumerNotFound, "no consumer"},
      {"QUARANTINED_NOT_FOUND", QuarantinedNotFound, "no quarantined body has the number 7"},
      {"STILL_UNMAPPED", StillUnmapped, "/incident/id"},
      {"SUBSCRIPTION_TAKEN_OVER", SubscriptionTakenOver, "pager"},
      {"INCIDENT_RESOLVED", IncidentResolved, "is resolved", "", R"("incident_id": "r")"},
      {"ETAG_MISMATCH", EtagMismatch, "has changed: its etag is", "", R"("current_etag": ")"},
      {"TOO_MANY_STREAMS", TooManyStreams, "as --max_streams allows: 1"},
      {"TOO_MANY_INGEST_STREAMS", TooManyIngestStreams, "64 Ingest streams are open already"},
      {"TOO_MANY_CONSUMERS", TooManyConsumers, "there are 10000 consumers already"},
      {"QUEUE_FULL", QueueFull, "a backup is being made already"},
      {"HUB_BEHIND_TOKEN", HubBehindToken, "has not come as far as the resume_token"},
      {"LOG_OUTCOME_UNKNOWN", LogOutcomeUnknown, "No space left on device"},
      {"DATA_DAMAGED", DataDamaged, "block checksum mismatch"},
      {"STORAGE_FAILED", StorageFailed, "No such file or directory"},
      {"DISK_FULL", DiskFull, "bytes free, fewer than"},
      {"HISTORY_COMPACTED", HistoryCompacted, "were dropped, up to", "", R"("floor": ")"},
      {"BACKUP_DIR_NOT_SET", BackupDirNotSet, "start it with --backup_dir=DIRECTORY"},
      {"BACKUP_EXISTS", BackupExists, "choose another name"},
      {"TOO_MANY_BACKUPS", TooManyBackups, "there are 100 backups in"},
      {"BACKUP_FAILED", BackupFailed, "no backup was made: make \\\"/proc/no/such/place"},
      {"SHUTTING_DOWN", ShuttingDown, "the hub is shutting down"},
  };
}

class ErrorsTest : public ::testing::TestWithParam<Case> {};

TEST_P(ErrorsTest, IsShownByGrpcurl) {
  const Case& expected = GetParam();
  const HubReasonRow* row = error_reasons::Find(kHubReasons, expected.reason);
  ASSERT_NE(row, nullptr);
  ErrorHub hub;
  if (!hub.FindTool()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  const std::string shown = expected.provoke(&hub);
  if (!hub.hindrance().empty()) GTEST_SKIP() << hub.hindrance();
  EXPECT_THAT(shown, HasSubstr(absl::StrCat("\"code\": ", static_cast<int>(row->code))));
  EXPECT_THAT(shown, HasSubstr(absl::StrCat("\"reason\": \"", expected.reason, "\"")));
  EXPECT_THAT(shown, HasSubstr("\"domain\": \"incidenthub\""));
  EXPECT_THAT(shown, HasSubstr(expected.words));
  EXPECT_THAT(shown, HasSubstr(expected.more));
  if (expected.field.empty()) {
    EXPECT_THAT(shown, Not(HasSubstr("field_violations")));
  } else {
    EXPECT_THAT(shown, HasSubstr("field_violations"));
    EXPECT_THAT(shown, HasSubstr(absl::StrCat("\"field\": \"", expected.field, "\"")));
  }
  if (row->retry == Retry::kAfterDelay) {
    EXPECT_THAT(shown, AllOf(HasSubstr("google.rpc.RetryInfo"), HasSubstr("retry_delay")));
  } else {
    EXPECT_THAT(shown, Not(HasSubstr("RetryInfo")));
  }
}

INSTANTIATE_TEST_SUITE_P(EachReason, ErrorsTest, ::testing::ValuesIn(Cases()),
                         [](const auto& parameter) { return parameter.param.reason; });

// What no client can bring about from outside, and which test sees it instead.
struct Elsewhere {
  std::string reason;
  std::string why;
  std::string file;
  std::string test;
};

const std::vector<Elsewhere>& SeenElsewhere() {
  static const auto* const kTable = new std::vector<Elsewhere>{
      {"INTERNAL", "it takes a defect", "tests/common/error_details_test.cc",
       "AnErrorWithoutAReasonGetsOneByItsCode"},
  };
  return *kTable;
}

TEST(ErrorsCoverageTest, EveryReasonIsShownHereOrSeenElsewhere) {
  std::map<std::string, int> seen;
  for (const Case& shown : Cases()) ++seen[shown.reason];
  for (const Elsewhere& elsewhere : SeenElsewhere()) {
    ++seen[elsewhere.reason];
    std::ifstream file(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/", elsewhere.file));
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    EXPECT_THAT(text, HasSubstr(elsewhere.test)) << elsewhere.file;
  }
  for (const HubReasonRow& row : kHubReasons) {
    EXPECT_EQ(seen[std::string(row.name)], 1) << row.name;
  }
  for (const auto& [reason, count] : seen) {
    EXPECT_NE(error_reasons::Find(kHubReasons, reason), nullptr) << reason << " has no row";
  }
}

}  // namespace
}  // namespace incidenthub::testing
