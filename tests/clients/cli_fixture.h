// incidentctl run in the test's process, against a fake hub.

#ifndef INCIDENTHUB_TESTS_CLIENTS_CLI_FIXTURE_H_
#define INCIDENTHUB_TESTS_CLIENTS_CLI_FIXTURE_H_

#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "clients/cli/commands.h"
#include "clients/cli/environment.h"
#include "gtest/gtest.h"
#include "simdjson.h"
#include "tests/support/fake_incident_service.h"

namespace incidenthub::client {

class CliTest : public ::testing::Test {
 protected:
  struct Result {
    ExitCode code;
    std::string out;
    std::string err;
  };

  // Runs `incidentctl WORDS...` with the fake's address in the environment.
  Result Run(const std::vector<std::string>& words) {
    std::ostringstream out;
    return RunTo(words, out, [&out] { return out.str(); });
  }

  Result RunTo(const std::vector<std::string>& words, std::ostream& out,
               const std::function<std::string()>& written) {
    std::ostringstream err;
    Environment environment{
        .out = out,
        .err = err,
        .out_is_terminal = terminal_,
        .out_columns = columns_,
        .time_zone = absl::UTCTimeZone(),
        .variable =
            [this](const std::string& name) {
              const auto found = variables_.find(name);
              return found == variables_.end() ? "" : found->second;
            },
        .account_name = [this] { return account_; },
        .set_interrupt_action =
            [this](std::function<void()> action) {
              absl::MutexLock lock(&mu_);
              interrupt_ = std::move(action);
            },
    };
    const ExitCode code = RunIncidentctl(words, environment);
    return {code, written(), err.str()};
  }

  // What SIGINT does; false if the command has not asked for it in time.
  bool Interrupt() {
    absl::MutexLock lock(&mu_);
    const auto set = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return interrupt_ != nullptr; };
    if (!mu_.AwaitWithTimeout(absl::Condition(&set), testing::kWaitMax)) return false;
    interrupt_();
    return true;
  }
  bool interrupt_is_set() {
    absl::MutexLock lock(&mu_);
    return interrupt_ != nullptr;
  }

  // The lines of `out`, each of which is a JSON object; a failure if one is not.
  static std::vector<std::string> JsonLines(const std::string& out) {
    std::vector<std::string> lines = absl::StrSplit(out, '\n');
    EXPECT_EQ(lines.back(), "");
    lines.pop_back();
    simdjson::dom::parser parser;
    for (const std::string& line : lines) {
      simdjson::dom::object object;
      EXPECT_EQ(parser.parse(line).get(object), simdjson::SUCCESS) << line;
    }
    return lines;
  }

  testing::FakeIncidentService hub_;
  bool terminal_ = false;
  size_t columns_ = 0;
  std::string account_ = "account";
  std::map<std::string, std::string> variables_ = {{"INCIDENTHUB_ADDRESS", hub_.address()},
                                                   {"USER", "alice"}};

 private:
  absl::Mutex mu_;
  std::function<void()> interrupt_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_TESTS_CLIENTS_CLI_FIXTURE_H_
