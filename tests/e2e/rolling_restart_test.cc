// A rolling restart under load, with the flags and timings of the manifests: gateways are replaced
// one at a time, as their Deployment does it, and the hub is stopped and started, as its
// StatefulSet does it.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/senders.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr size_t kSenders = 8;
// terminationGracePeriodSeconds of hub.yaml and gateway.yaml, without the wait before SIGTERM.
constexpr absl::Duration kGraceOfHub = absl::Seconds(40);
constexpr absl::Duration kGraceOfGateway = absl::Seconds(55);

// Flags of a manifest's; what is given beside them counts more.
std::string FlagFile(const std::string& name) {
  return absl::StrCat("--flagfile=", INCIDENTHUB_SOURCE_DIR, "/k8s/base/flags/", name);
}

class RollingRestartTest : public HubTest {
 protected:
  std::vector<std::string> HubFlags() const {
    return {FlagFile("hub.flags"), absl::StrCat("--listen=127.0.0.1:", hub_port()),
            "--admin_listen=127.0.0.1:0", absl::StrCat("--data_dir=", data_dir())};
  }
  std::unique_ptr<ServerProcess> NewGateway() {
    auto gateway = ServerProcess::StartGateway(
        {.hub_port = hub_port(),
         .secret_file = secret_file(),
         .flags = {FlagFile("gateway.flags"), "--admin_listen=127.0.0.1:0"}});
    EXPECT_OK(gateway);
    if (!gateway.ok()) return nullptr;
    EXPECT_TRUE((*gateway)->WaitUntilReady());
    return *std::move(gateway);
  }
};

TEST_F(RollingRestartTest, FailsNoWebhookAndSkipsNoEvent) {
  StartHub(HubFlags());
  std::vector<std::unique_ptr<ServerProcess>> gateways;
  for (int i = 0; i < 2; ++i) gateways.push_back(NewGateway());
  ASSERT_THAT(gateways, ::testing::Each(::testing::NotNull()));
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  Senders senders(gateways.back()->port(), kSenders);
  ASSERT_TRUE(senders.WaitForAccepted(200, kPatience));

  for (std::unique_ptr<ServerProcess>& gateway : gateways) {
    std::unique_ptr<ServerProcess> next = NewGateway();
    ASSERT_NE(next, nullptr);
    ASSERT_TRUE(senders.MoveTo(next->port(), kPatience));
    const absl::StatusOr<int> code = gateway->Stop(kGraceOfGateway);
    ASSERT_OK(code);
    EXPECT_EQ(*code, 0);
    gateway = std::move(next);
    ASSERT_TRUE(senders.WaitForAccepted(senders.accepted() + 200, kPatience));
  }
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<int> code = hub().Stop(kGraceOfHub);
    ASSERT_OK(code);
    EXPECT_EQ(*code, 0);
    ASSERT_NO_FATAL_FAILURE(StartHub(HubFlags()));
    ASSERT_TRUE(senders.WaitForAccepted(senders.accepted() + 200, kPatience));
  }

  ASSERT_TRUE(senders.Finish(kPatience));
  const Senders::Report report = senders.report();
  EXPECT_THAT(report.statuses, ElementsAre(Pair(200, report.answered.size())));
  EXPECT_EQ(report.connection_errors, 0U) << report.first_connection_error;
  EXPECT_THAT(report.wrong_answers, IsEmpty());
  uint64_t head = 0;
  for (const auto& [id, sequence] : ListSequences()) head = std::max(head, sequence);
  ASSERT_TRUE(subscriber->WaitForSequence(head, kPatience));
  EXPECT_THAT(CheckGuarantees(subscriber->history(), report.events()), IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
