#include "common/admin_http.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http_client.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using ::testing::HasSubstr;

class AdminServerTest : public ::testing::Test {
 protected:
  void Start(absl::string_view address = "127.0.0.1:0") {
    auto server = AdminServer::Start(
        {std::string(address),
         [this] { return ready_ ? absl::OkStatus() : absl::UnavailableError("no hub since noon"); },
         [] { return "a_metric 1\n"; },
         [this] { return std::string(notice_ ? "LOOK: here" : ""); }});
    ASSERT_OK(server);
    server_ = *std::move(server);
  }
  testing::HttpResponse Get(absl::string_view path) {
    testing::HttpClient client(server_->port());
    const auto response = client.Get(path);
    EXPECT_OK(response);
    return response.ok() ? *response : testing::HttpResponse();
  }

  std::atomic<bool> ready_ = true;
  std::atomic<bool> notice_ = false;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ReadinessFollowsTheCallbackAndLivenessDoesNot) {
  Start();
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  ready_ = false;
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_THAT(Get("/readyz").body, HasSubstr("no hub since noon"));
}

TEST_F(AdminServerTest, ANoticeIsShownBesideReadinessAndDoesNotChangeIt) {
  Start();
  EXPECT_EQ(Get("/readyz").body, "ok\n");
  notice_ = true;
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/readyz").body, "ok\nLOOK: here\n");
  EXPECT_EQ(Get("/livez").body, "ok\n");
}

TEST_F(AdminServerTest, MetricsAreText) {
  Start();
  const testing::HttpResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "a_metric 1\n");
  EXPECT_THAT(response.Header("Content-Type"), HasSubstr("text/plain; version=0.0.4"));
  EXPECT_EQ(Get("/other").status, 404);
}

TEST_F(AdminServerTest, AddressInUseIsNamed) {
  Start();
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = AdminServer::Start({address, {}, {}});
  EXPECT_THAT(second, testing::HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
  EXPECT_THAT(AdminServer::Start({"nonsense", {}, {}}),
              testing::HasCode(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminServerTest, StopsPromptlyAfterARequest) {
  Start();
  EXPECT_EQ(Get("/livez").status, 200);
  const absl::Time before = absl::Now();
  server_.reset();
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
}

}  // namespace
}  // namespace incidenthub
