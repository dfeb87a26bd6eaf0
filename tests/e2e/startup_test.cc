// What an operator gets wrong is said, in words that name it, before anything is served.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ports.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;

class StartupTest : public HubTest {
 protected:
  // A program that must end by itself.
  static Finished Run(std::vector<std::string> command) {
    absl::StatusOr<Finished> finished = RunProcess(std::move(command), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *std::move(finished) : Finished();
  }

  Finished RunHub(std::vector<std::string> flags, const std::string& folder = "other") {
    return Run(HubCommand({.data_dir = dir() / folder, .port = 0, .flags = std::move(flags)}));
  }

  Finished RunGateway(std::vector<std::string> flags) {
    return Run(GatewayCommand({.hub_port = hub_port(),
                               .port = 0,
                               .secret_file = secret_file(),
                               .flags = std::move(flags)}));
  }
};

TEST_F(StartupTest, ASecondHubOnADirectoryIsRefused) {
  StartHub();
  const Finished second = Run(HubCommand({.data_dir = data_dir(), .port = 0, .flags = {}}));
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr(data_dir()));
  EXPECT_THAT(second.err, HasSubstr("lock"));
  EXPECT_TRUE(hub().WaitUntilReady());
}

TEST_F(StartupTest, ASecondHubOnAPortIsRefused) {
  StartHub();
  const Finished second =
      Run(HubCommand({.data_dir = dir() / "other", .port = hub_port(), .flags = {}}));
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr(hub().address()));
  const Finished admin =
      RunHub({absl::StrCat("--admin_listen=127.0.0.1:", hub().admin_port())}, "third");
  EXPECT_EQ(admin.exit_code, 1);
  EXPECT_THAT(admin.err, HasSubstr(absl::StrCat("127.0.0.1:", hub().admin_port())));
  EXPECT_TRUE(hub().WaitUntilReady());
}

TEST_F(StartupTest, ASecondGatewayOnAPortIsRefused) {
  StartBoth();
  const Finished second = Run(GatewayCommand(
      {.hub_port = hub_port(), .port = gateway_port(), .secret_file = secret_file(), .flags = {}}));
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr(gateway().address()));
  EXPECT_TRUE(gateway().WaitUntilReady());
}

TEST_F(StartupTest, AHubsBadFlagIsNamed) {
  for (const auto& [flag, named] : std::vector<std::pair<std::string, std::string>>{
           {"--data_dir=", "data_dir"},
           {"--listen=nonsense", "listen"},
           {"--listen=127.0.0.1:99999", "listen"},
           {"--listen=0.0.0.0:0", "allow_plaintext"},
           {"--admin_listen=nonsense", "admin_listen"},
           {"--ring_bytes=1", "ring_bytes"},
           {"--ring_bytes=many", "ring_bytes"},
           {"--max_streams=0", "max_streams"},
           {"--stuck_write_timeout=0s", "stuck_write_timeout"},
           {"--stuck_write_timeout=inf", "stuck_write_timeout"},
           {"--max_stream_age=0s", "max_stream_age"},
           {"--drain_timeout=-1s", "drain_timeout"},
           {"--log_level=loud", "log_level"},
           {"--tls_cert_file=/nowhere/at/all", "give both, or neither"},
           {"--tls_client_ca_file=/nowhere/at/all", "tls_client_ca_file"},
           {"--tls_require_client_cert", "tls_require_client_cert"},
           {"--access_config=/nowhere/at/all", "--access_config: cannot open /nowhere/at/all"},
           {"--no_such_flag=1", "no_such_flag"}}) {
    const Finished finished = RunHub({flag});
    EXPECT_EQ(finished.exit_code, 1) << flag;
    EXPECT_THAT(finished.err, HasSubstr(named)) << flag;
  }
}

TEST_F(StartupTest, AllBadFlagsAreNamedAtOnce) {
  const Finished finished = RunHub({"--listen=nonsense", "--ring_bytes=1", "--max_streams=0"});
  EXPECT_EQ(finished.exit_code, 1);
  for (const char* flag : {"--listen", "--ring_bytes", "--max_streams"}) {
    EXPECT_THAT(finished.err, HasSubstr(flag));
  }
}

TEST_F(StartupTest, AGatewaysBadFlagIsNamed) {
  for (const auto& [flag, named] : std::vector<std::pair<std::string, std::string>>{
           {"--listen=nonsense", "listen"},
           {"--listen=0.0.0.0:0", "allow_plaintext"},
           {"--admin_listen=nonsense", "admin_listen"},
           {"--hub=nonsense", "hub"},
           {"--hub=127.0.0.1:0", "hub"},
           {"--hold=0s", "hold"},
           {"--answer_timeout=1s", "answer_timeout"},
           {"--max_connections=0", "max_connections"},
           {"--window_bytes=1", "window_bytes"},
           {"--bigpanda_secret_file=/nowhere/at/all", "/nowhere/at/all"},
           {"--bigpanda_auth_header=two words", "bigpanda_auth_header"},
           {"--hub_token_file=/nowhere/at/all", "hub_token_file"},
           {"--hub_cert_file=/nowhere/at/all", "or neither"},
           {"--log_level=loud", "log_level"},
           {"--no_such_flag=1", "no_such_flag"},
           {"positional", "flags"}}) {
    const Finished finished = RunGateway({flag});
    EXPECT_EQ(finished.exit_code, 1) << flag;
    EXPECT_THAT(finished.err, HasSubstr(named)) << flag;
  }
}

TEST_F(StartupTest, ADirectoryThatCannotBeMadeIsNamed) {
  const Finished finished =
      Run(HubCommand({.data_dir = "/proc/no/such/place", .port = 0, .flags = {}}));
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.err, HasSubstr("/proc/no/such/place"));
}

TEST_F(StartupTest, HelpAndVersionAreNoErrors) {
  for (const char* name : {"incident-hub", "incident-gateway", "incidentctl"}) {
    const Finished help = Run({BinaryPath(name), "--help"});
    EXPECT_EQ(help.exit_code, 0) << name;
    EXPECT_THAT(help.out, HasSubstr(name));
    EXPECT_EQ(help.err, "") << name;
    const Finished version = Run({BinaryPath(name), "--version"});
    EXPECT_EQ(version.exit_code, 0) << name;
    EXPECT_THAT(version.out, HasSubstr(name));
  }
  const Finished hub_help = Run({BinaryPath("incident-hub"), "--help"});
  for (const char* flag : {"--listen", "--admin_listen", "--data_dir", "--drain_timeout"}) {
    EXPECT_THAT(hub_help.out, HasSubstr(flag));
  }
}

TEST_F(StartupTest, AGatewayStartsBeforeItsHub) {
  StartGateway();
  EXPECT_TRUE(gateway().process().running());
  const auto ready = HttpClient(gateway().admin_port()).Get("/readyz");
  ASSERT_OK(ready);
  EXPECT_EQ(ready->status, 503);
  const auto live = HttpClient(gateway().admin_port()).Get("/livez");
  ASSERT_OK(live);
  EXPECT_EQ(live->status, 200);
  StartHub();
  EXPECT_TRUE(gateway().WaitUntilReady());
}

}  // namespace
}  // namespace incidenthub::testing
