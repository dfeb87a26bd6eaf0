// A hub and a gateway of a test's own, on ports that they keep when they are started again.
//
// Threads: one at a time; what the accessors return may be used by any.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HUB_FIXTURE_H_
#define INCIDENTHUB_TESTS_SUPPORT_HUB_FIXTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "gtest/gtest.h"
#include "tests/support/http_client.h"
#include "tests/support/recording_subscriber.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::testing {

// Long enough for a busy machine; only a test that fails waits for it.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

class HubTest : public ::testing::Test {
 protected:
  HubTest();
  // Shows the end of both logs if the test failed.
  ~HubTest() override;

  // Start them, or start them again: same port, same directory. The test fails if they don't start.
  void StartHub(std::vector<std::string> flags = {});
  // Returns once it is connected to the hub, unless the hub is not running.
  void StartGateway(std::vector<std::string> flags = {});
  void StartBoth() {
    StartHub();
    StartGateway();
  }

  ServerProcess& hub() { return *hub_; }
  ServerProcess& gateway() { return *gateway_; }
  int hub_port() const { return hub_port_; }
  int gateway_port() const { return gateway_port_; }
  const TempDir& dir() const { return dir_; }
  std::string data_dir() const { return dir_ / "data"; }
  std::string secret_file() const { return dir_ / "secret"; }
  client::IncidentClient& client() { return client_; }

  // Posts a webhook over a connection of the fixture. The test fails if there is no answer.
  HttpResponse Post(absl::string_view body);
  // Posts what must be answered 200.
  uint64_t PostAccepted(absl::string_view body);

  // A subscriber with the hub's port filled in.
  std::unique_ptr<RecordingSubscriber> Subscribe(RecordingSubscriber::Options options = {});

  // Sequences of all incidents, by id.
  std::map<std::string, uint64_t> ListSequences();

  // Waits for a metric of a server to have this value.
  static bool WaitForMetric(const ServerProcess& server, absl::string_view name, double value,
                            absl::Duration timeout = kPatience);

 private:
  const TempDir dir_;
  const int hub_port_;
  const int gateway_port_;
  client::IncidentClient client_;
  HttpClient http_;
  std::unique_ptr<ServerProcess> hub_;
  std::unique_ptr<ServerProcess> gateway_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_HUB_FIXTURE_H_
