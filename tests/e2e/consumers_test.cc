// A service that keeps no position of its own, with nothing but grpcurl, and with incidentctl.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/grpcurl.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// `json` with the names of its members in lowerCamelCase, as some versions of grpcurl print them
// and others do not.
std::string WithCamelNames(const std::string& json) {
  std::string text;
  // Behind the last quote, and the one before.
  size_t last = 0;
  size_t before = 0;
  for (const char c : json) {
    if (c == ':' && last == text.size() && last > before) {
      std::string name;
      bool upper = false;
      for (const char n : text.substr(before, last - 1 - before)) {
        if (n != '_')
          name.push_back(upper ? absl::ascii_toupper(static_cast<unsigned char>(n)) : n);
        upper = n == '_';
      }
      text = absl::StrCat(text.substr(0, before), name, "\"");
    }
    text.push_back(c);
    if (c == '"') before = std::exchange(last, text.size());
  }
  return text;
}

// The value of the last `"name": "value"` in grpcurl's JSON; empty if there is none.
std::string LastText(const std::string& json, const std::string& name) {
  const std::string key = absl::StrCat("\"", name, "\": \"");
  const size_t at = json.rfind(key);
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

class ConsumersTest : public HubTest {
 protected:
  void SetUp() override {
    grpcurl_ = FindGrpcurl();
    if (grpcurl_.empty())
      GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
    StartHub();
  }

  // `max_seconds` 0: until the call ends by itself.
  Finished Call(const std::string& method, const std::string& json, int max_seconds = 0) {
    std::vector<std::string> command = {grpcurl_, "-plaintext"};
    if (max_seconds > 0) {
      command.insert(command.end(), {"-max-time", absl::StrCat(max_seconds)});
    }
    command.insert(command.end(), {"-d", json, hub().address(), method});
    absl::StatusOr<Finished> finished = RunProcess(std::move(command), kPatience);
    EXPECT_OK(finished);
    if (!finished.ok()) return {};
    finished->out = WithCamelNames(finished->out);
    return *std::move(finished);
  }
  // What a stream of two seconds brings.
  std::string Follow(const std::string& json) {
    return Call("incidenthub.v1.IncidentService/Subscribe", json, 2).out;
  }
  Finished Consumers(const std::string& method, const std::string& json) {
    return Call(absl::StrCat("incidenthub.v1.ConsumerService/", method), json);
  }
  void Send(const std::string& id, int update) {
    IngestSession session(hub_port());
    ASSERT_OK(session.Send({MakeDelivery(id, update)}));
  }

  std::string grpcurl_;
};

TEST_F(ConsumersTest, ItGoesOnExactlyAfterWhatItCommittedAlsoAfterAKill) {
  Send("a", 1);
  Send("b", 1);
  std::string seen = Follow(R"({"consumer":"pager"})");
  EXPECT_THAT(seen, AllOf(HasSubstr("snapshotEnd"), HasSubstr("\"id\": \"a\""),
                          HasSubstr("\"id\": \"b\"")));
  const std::string token = LastText(seen, "resumeToken");
  const std::string commit = absl::StrCat(R"({"consumer":"pager","resume_token":")", token, "\"}");
  const Finished committed = Consumers("Commit", commit);
  EXPECT_EQ(committed.exit_code, 0) << committed.err;
  EXPECT_THAT(committed.out, HasSubstr("\"changed\": true"));
  hub().Kill();
  StartHub();
  Send("c", 1);
  EXPECT_THAT(Consumers("ListConsumers", "{}").out,
              AllOf(HasSubstr("\"name\": \"pager\""), HasSubstr("STATE_DISCONNECTED"),
                    HasSubstr("\"positionSequence\": \"2\""), HasSubstr("\"lagEvents\": \"1\"")));

  seen = Follow(R"({"consumer":"pager"})");
  EXPECT_THAT(seen, AllOf(HasSubstr("\"id\": \"c\""), Not(HasSubstr("\"id\": \"a\"")),
                          Not(HasSubstr("\"id\": \"b\"")), Not(HasSubstr("snapshotEnd"))));
  EXPECT_THAT(Consumers("Commit", commit).out, Not(HasSubstr("changed")))
      << "the stream of this token is not the newest any more";

  EXPECT_EQ(Consumers("DeleteConsumer", R"({"consumer":"pager"})").exit_code, 0);
  EXPECT_THAT(Consumers("Commit", commit).err,
              AllOf(HasSubstr("NotFound"), HasSubstr("CONSUMER_NOT_FOUND")));
  EXPECT_THAT(Follow(R"({"consumer":"pager"})"), HasSubstr("\"id\": \"a\""));
}

TEST_F(ConsumersTest, IncidentctlWatchesAndListsAndDeletes) {
  Send("a", 1);
  const auto ctl = [this](std::vector<std::string> words) {
    words.insert(words.begin(), BinaryPath("incidentctl"));
    words.push_back(absl::StrCat("--hub=", hub().address()));
    absl::StatusOr<Finished> finished = RunProcess(words, kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *std::move(finished) : Finished();
  };
  EXPECT_THAT(ctl({"watch", "--consumer=chat", "--until_sequence=1"}).out, HasSubstr(" a "));
  Send("b", 1);
  const Finished rest = ctl({"watch", "--consumer=chat", "--until_sequence=2"});
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.out, AllOf(HasSubstr(" b "), Not(HasSubstr(" a "))));
  EXPECT_THAT(ctl({"consumers"}).out, AllOf(HasSubstr("NAME"), HasSubstr("chat")));
  EXPECT_EQ(ctl({"consumers", "delete", "chat"}).out, "chat: deleted\n");
  EXPECT_THAT(ctl({"consumers"}).err, HasSubstr("no consumers"));
}

}  // namespace
}  // namespace incidenthub::testing
