#include "server/rpc/maintenance_service.h"

#include <memory>
#include <string>

#include "common/grpc_status.h"
#include "common/logging.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/support/hub_channel.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

class SetLogLevelTest : public ::testing::Test {
 protected:
  SetLogLevelTest() {
    FlushLogs();
    SetLogLevel(LogLevel::kInfo);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::MaintenanceService::NewStub(testing::ConnectToHub(port_));
  }
  ~SetLogLevelTest() override {
    server_->Shutdown();
    SetLogLevel(before_);
  }

  absl::Status Set(v1::LogLevel level) {
    grpc::ClientContext context;
    v1::SetLogLevelRequest request;
    request.set_level(level);
    return FromGrpcStatus(stub_->SetLogLevel(&context, request, &response_));
  }

  const LogLevel before_ = GetLogLevel();
  v1::SetLogLevelResponse response_;
  Gate gate_{nullptr};
  MaintenanceServiceImpl service_{&gate_, nullptr};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::MaintenanceService::Stub> stub_;
};

TEST_F(SetLogLevelTest, TakesEffectAndSaysWhatItWasBefore) {
  EXPECT_OK(Set(v1::LOG_LEVEL_ERROR));
  EXPECT_EQ(response_.previous_level(), v1::LOG_LEVEL_INFO);
  EXPECT_EQ(GetLogLevel(), LogLevel::kError);
  EXPECT_OK(Set(v1::LOG_LEVEL_DEBUG));
  EXPECT_EQ(response_.previous_level(), v1::LOG_LEVEL_ERROR);
  EXPECT_EQ(GetLogLevel(), LogLevel::kDebug);
}

TEST_F(SetLogLevelTest, IsLoggedWhicheverWayItGoes) {
  ::testing::internal::CaptureStderr();
  EXPECT_OK(Set(v1::LOG_LEVEL_ERROR));
  EXPECT_OK(Set(v1::LOG_LEVEL_INFO));
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines,
              ::testing::HasSubstr(R"("method":"SetLogLevel","principal":"","subject":"error")"));
  EXPECT_THAT(lines,
              ::testing::HasSubstr(R"("method":"SetLogLevel","principal":"","subject":"info")"));
}

TEST_F(SetLogLevelTest, WhatIsNoLevelIsRefusedAndChangesNothing) {
  EXPECT_THAT(Set(v1::LOG_LEVEL_UNSPECIFIED), testing::HasReason("FIELD_INVALID"));
  EXPECT_THAT(Set(static_cast<v1::LogLevel>(99)), testing::HasReason("FIELD_INVALID"));
  EXPECT_EQ(GetLogLevel(), LogLevel::kInfo);
}

}  // namespace
}  // namespace incidenthub
