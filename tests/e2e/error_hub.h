// A hub that is made to answer errors, and grpcurl, which shows them.

#ifndef INCIDENTHUB_TESTS_E2E_ERROR_HUB_H_
#define INCIDENTHUB_TESTS_E2E_ERROR_HUB_H_

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/hub_credentials.h"
#include "gtest/gtest.h"
#include "tests/e2e/grpcurl.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {

class ErrorHub : public HubTest {
 public:
  void TestBody() override {}

  bool FindTool() {
    grpcurl_ = FindGrpcurl();
    return !grpcurl_.empty();
  }
  void Start(std::vector<std::string> flags = {}) { StartHub(std::move(flags)); }
  void Stop() {
    const absl::StatusOr<int> code = hub().Stop();
    ASSERT_OK(code);
    EXPECT_EQ(*code, 0);
  }
  // With the incidents a (open), b (two events) and r (resolved).
  void Fill() {
    IngestSession session(hub_port());
    ASSERT_OK(session.Send(
        {MakeDelivery("a", 1), MakeDelivery("b", 1), MakeDelivery("b", 2), MakeDelivery("r", 1)}));
    v1::ResolveRequest resolve;
    resolve.set_incident_id("r");
    resolve.set_actor("ada");
    ASSERT_OK(client().Resolve(resolve));
  }

  std::vector<std::string> Command(const std::string& rpc, const std::string& json) {
    return {grpcurl_, "-plaintext",    "-format-error",        "-d",
            json,     hub().address(), "incidenthub.v1." + rpc};
  }
  // What grpcurl prints about an error: google.rpc.Status as JSON. That of a rejected delivery
  // comes as a part of the answer.
  std::string Call(const std::string& rpc, const std::string& json) {
    absl::StatusOr<Finished> finished = RunProcess(Command(rpc, json), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? absl::StrCat(finished->out, finished->err) : "";
  }
  std::string CallIncidents(const std::string& method, const std::string& json) {
    return Call(absl::StrCat("IncidentService/", method), json);
  }

  // Of a hub that asks who calls, by a token; empty: none. Without reflection, which asks it too.
  std::string CallAs(const std::string& token, const std::string& rpc, const std::string& json) {
    std::vector<std::string> command = Command(rpc, json);
    std::vector<std::string> more = {"-import-path", absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/proto"),
                                     "-proto",       "incidenthub/v1/incident_service.proto",
                                     "-proto",       "incidenthub/v1/consumer_service.proto",
                                     "-proto",       "google/rpc/error_details.proto"};
    if (!token.empty()) {
      more.insert(more.end(), {"-H", absl::StrCat("authorization: Bearer ", token)});
    }
    command.insert(command.begin() + 1, more.begin(), more.end());
    absl::StatusOr<Finished> finished = RunProcess(std::move(command), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? absl::StrCat(finished->out, finished->err) : "";
  }

  std::shared_ptr<HubCredentials> Credentials(const std::string& token) const {
    const std::string path = dir() / absl::StrCat("token-", token);
    std::ofstream(path) << token;
    auto credentials = HubCredentials::Load({.token_file = path});
    EXPECT_OK(credentials);
    return credentials.ok() ? *credentials : nullptr;
  }

  std::string backup_dir() const { return dir() / "backups"; }
  std::string access_file() const { return dir() / "access.json"; }

  // Why the machine does not let the error be brought about; empty: it does.
  const std::string& hindrance() const { return hindrance_; }
  void SetHindrance(std::string why) { hindrance_ = std::move(why); }

  using HubTest::client;
  using HubTest::data_dir;
  using HubTest::hub;
  using HubTest::hub_port;
  using HubTest::Subscribe;
  using HubTest::WaitForMetric;

 private:
  std::string grpcurl_;
  std::string hindrance_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_ERROR_HUB_H_
