// The project's own sources keep the rules of rules.h, and every rule finds an example that breaks
// it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/rules.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ProjectSources : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { sources_ = new std::vector<Source>(ReadSources(kRoot)); }
  static void TearDownTestSuite() {
    delete sources_;
    sources_ = nullptr;
  }

  static std::string All(Complaints (*rule)(const Source&)) {
    Complaints all;
    for (const Source& source : *sources_) {
      const Complaints complaints = rule(source);
      all.insert(all.end(), complaints.begin(), complaints.end());
    }
    return absl::StrJoin(all, "\n");
  }

  static constexpr char kRoot[] = INCIDENTHUB_SOURCE_DIR;
  static std::vector<Source>* sources_;
};

std::vector<Source>* ProjectSources::sources_ = nullptr;

// Without it, a wrong root would pass every rule.
TEST_F(ProjectSources, AreFound) {
  EXPECT_THAT(*sources_, Contains(::testing::Field(&Source::path, "server/main.cc")));
  EXPECT_THAT(*sources_, Contains(::testing::Field(&Source::path, "tests/tidy/rules.cc")));
  for (const Source& source : *sources_) EXPECT_FALSE(source.text.empty()) << source.path;
}

TEST_F(ProjectSources, IncludeOnlyFromTheFoldersBelow) { EXPECT_EQ(All(CheckDirections), ""); }
TEST_F(ProjectSources, KeepThirdPartyHeadersInTheirLeaf) { EXPECT_EQ(All(CheckLeaves), ""); }
TEST_F(ProjectSources, KeepFilesAndLinesShort) { EXPECT_EQ(All(CheckLengths), ""); }
TEST_F(ProjectSources, NeverSleep) { EXPECT_EQ(All(CheckSleeps), ""); }
TEST_F(ProjectSources, SayWhenWhatIsLeftGoes) { EXPECT_EQ(All(CheckForbiddenWords), ""); }

Source File(std::string path, std::string text) { return {std::move(path), std::move(text)}; }

TEST(CheckDirections, NamesTheFileTheLineAndTheRule) {
  const Source source = File("server/domain/merge.cc",
                             "#include \"server/domain/merge.h\"\n\n"
                             "#include \"server/store/store.h\"\n");
  EXPECT_THAT(CheckDirections(source),
              ElementsAre(AllOf(StartsWith("server/domain/merge.cc:3: dependency direction"),
                                HasSubstr("may not include server/store/store.h"))));
}

TEST(CheckDirections, RefusesEachWrongDirection) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"common/logging.h", "server/domain/ids.h"},
      {"common/logging.h", "incidenthub/internal/v1/log_record.pb.h"},
      {"server/domain/rank.h", "server/db/database.h"},
      {"server/db/database.h", "server/log/event_log.h"},
      {"server/log/local_event_log.cc", "server/store/store.h"},
      {"server/store/store.h", "server/log/event_log.h"},
      {"server/fanout/event_ring.h", "server/core/sequencer.h"},
      {"server/core/sequencer.cc", "server/log/local_event_log.h"},
      {"server/core/sequencer.cc", "server/rpc/read_pool.h"},
      {"server/rpc/read_pool.cc", "server/db/database.h"},
      {"server/rpc/read_pool.cc", "server/options.h"},
      {"server/options.h", "server/server.h"},
      {"server/server.h", "server/core/sequencer.h"},
      {"server/metrics.cc", "server/server.h"},
      {"gateway/main.cc", "server/domain/ids.h"},
      {"gateway/main.cc", "clients/cpp/backoff.h"},
      {"common/decode/json.cc", "gateway/http_status.h"},
      {"gateway/main.cc", "incidenthub/internal/v1/log_record.pb.h"},
      {"clients/cpp/backoff.h", "clients/cli/text.h"},
      {"clients/cli/text.h", "gateway/credentials.h"},
      {"server/main.cc", "tests/support/status_matchers.h"},
  };
  for (const auto& [path, header] : wrong) {
    EXPECT_THAT(CheckDirections(File(path, absl::StrCat("#include \"", header, "\"\n"))), SizeIs(1))
        << path << " including " << header;
  }
}

TEST(CheckDirections, AllowsWhatIsBelow) {
  const std::vector<std::pair<std::string, std::string>> right = {
      {"server/core/sequencer.cc", "server/log/event_log.h"},
      {"server/server.cc", "server/log/local_event_log.h"},
      {"server/rpc/ingest_reactor.cc", "server/core/sequencer.h"},
      {"gateway/http_server.cc", "common/decode/bigpanda.h"},
      {"clients/cli/watch.cc", "clients/cpp/subscription.h"},
      {"tests/core/sequencer_test.cc", "server/db/database.h"},
      {"server/domain/rank.h", "absl/time/time.h"},
  };
  for (const auto& [path, header] : right) {
    EXPECT_THAT(CheckDirections(File(path, absl::StrCat("#include \"", header, "\"\n"))), IsEmpty())
        << path << " including " << header;
  }
}

TEST(CheckDirections, RefusesAFolderWithoutARule) {
  EXPECT_THAT(CheckDirections(File("server/new_folder/a.h", "int a;\n")),
              ElementsAre(HasSubstr("no rule says")));
}

TEST(CheckDirections, SeesEveryWayToWriteAnInclude) {
  EXPECT_THAT(CheckDirections(File("common/a.h",
                                   "#include <server/server.h>\n"
                                   "  #  include   \"gateway/metrics.h\"  // why\n"
                                   "// #include \"server/server.h\"\n")),
              SizeIs(2));
}

TEST(CheckLeaves, RefusesEachLibraryOutsideItsLeaf) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"server/core/sequencer.cc", "rocksdb/db.h"},
      {"server/log/local_event_log.h", "rocksdb/db.h"},
      {"common/decode/bigpanda.cc", "simdjson.h"},
      {"gateway/connection.h", "httplib.h"},
      {"server/core/sequencer.h", "prometheus/counter.h"},
      {"common/logging.h", "spdlog/spdlog.h"},
      {"server/core/sequencer.h", "grpcpp/support/server_callback.h"},
      {"clients/cpp/incident_client.cc", "grpcpp/server_builder.h"},
      {"gateway/main.cc", "grpcpp/create_channel.h"},
      {"server/rpc/ingest_reactor.cc", "grpcpp/client_context.h"},
      {"clients/cli/watch.cc", "incidenthub/v1/incident_service.grpc.pb.h"},
  };
  for (const auto& [path, header] : wrong) {
    EXPECT_THAT(CheckLeaves(File(path, absl::StrCat("#include <", header, ">\n"))),
                ElementsAre(AllOf(StartsWith(absl::StrCat(path, ":1: third-party leaf")),
                                  HasSubstr(header))))
        << path << " including " << header;
  }
}

TEST(CheckLeaves, AllowsEachLibraryInItsLeaf) {
  const std::vector<std::pair<std::string, std::string>> right = {
      {"server/db/database.cc", "rocksdb/db.h"},
      {"common/decode/json.cc", "simdjson.h"},
      {"common/admin_http.cc", "httplib.h"},
      {"gateway/metrics.cc", "prometheus/counter.h"},
      {"server/rpc/ingest_reactor.h", "grpcpp/support/server_callback.h"},
      {"gateway/ingest_client.cc", "grpcpp/create_channel.h"},
      {"tests/db/database_test.cc", "rocksdb/db.h"},
  };
  for (const auto& [path, header] : right) {
    EXPECT_THAT(CheckLeaves(File(path, absl::StrCat("#include \"", header, "\"\n"))), IsEmpty())
        << path << " including " << header;
  }
}

TEST(CheckLengths, CountsLinesUpToTheBound) {
  std::string text;
  for (int i = 0; i < kLinesMax; ++i) text += "\n";
  EXPECT_THAT(CheckLengths(File("common/a.h", text)), IsEmpty());
  text += "\n";
  EXPECT_THAT(CheckLengths(File("common/a.h", text)), ElementsAre(HasSubstr("file length: 501")));
}

TEST(CheckLengths, CountsCharactersNotBytes) {
  std::string line(kColumnsMax - 1, 'x');
  line += "\u00e9";
  EXPECT_THAT(CheckLengths(File("common/a.h", line)), IsEmpty());
  line += "x";
  EXPECT_THAT(CheckLengths(File("common/a.h", line)), ElementsAre(HasSubstr("101 columns")));
}

TEST(CheckLengths, LeavesAReasonOnItsLine) {
  const std::string line =
      absl::StrCat("int a;  // NOLINT(some-check): ", std::string(kColumnsMax, 'x'));
  EXPECT_THAT(CheckLengths(File("common/a.h", line)), IsEmpty());
}

TEST(CheckSleeps, FindsEveryWayToSleep) {
  for (const std::string call :
       {"std::this_thread::sleep_%for(1s);", "absl::Sleep%For(x);", "usl%eep(5);",
        "std::this_thread::sleep_%until(t);", "::nanosl%eep(&t, nullptr);", "sl%eep(1);"}) {
    std::string text = call;
    text.erase(text.find('%'), 1);
    EXPECT_THAT(CheckSleeps(File("tests/core/a_test.cc", text)), SizeIs(1)) << text;
  }
}

TEST(CheckSleeps, LeavesTheWordAlone) {
  EXPECT_THAT(
      CheckSleeps(File("common/a.cc", "// Does not sleep(1) here.\nint asleep_for(int);\n")),
      IsEmpty());
}

TEST(CheckForbiddenWords, AsksWhenAToDoGoes) {
  const std::string to_do = absl::StrCat("// TO", "DO: ");
  EXPECT_THAT(CheckForbiddenWords(File("common/a.h", to_do + "make it better\n")), SizeIs(1));
  EXPECT_THAT(CheckForbiddenWords(File("common/a.h", to_do + "drop it once v2 is gone\n")),
              IsEmpty());
}

TEST(CheckForbiddenWords, FindsWhatIsLeftHalfDone) {
  for (const std::string word : {"FIX%ME", "XX%X", "HA%CK"}) {
    std::string text = absl::StrCat("// ", word, ": later\n");
    text.erase(text.find('%'), 1);
    EXPECT_THAT(CheckForbiddenWords(File("common/a.h", text)), SizeIs(1)) << text;
  }
}

}  // namespace
}  // namespace incidenthub
