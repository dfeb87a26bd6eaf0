#include "tests/bench/bare_streams.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_hub.h"
#include "tests/support/process.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kOpenTimeout = absl::Minutes(1);
constexpr double kKiB = 1 << 10;

class SilentStream final : public grpc::ServerWriteReactor<v1::SubscribeResponse> {
 public:
  SilentStream() {
    response_.mutable_opened();
    StartWrite(&response_);
  }

  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  v1::SubscribeResponse response_;
};

class SilentService final : public v1::IncidentService::CallbackService {
 public:
  grpc::ServerWriteReactor<v1::SubscribeResponse>* Subscribe(
      grpc::CallbackServerContext* /*context*/, const v1::SubscribeRequest* /*request*/) override {
    return new SilentStream();
  }
};

}  // namespace

void ServeBareStreams() {
  SilentService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  StartLogging("info").IgnoreError();
  Log(LogLevel::kInfo, "serving", {{"port", port}});
  server->Wait();
  std::exit(EXIT_FAILURE);
}

absl::StatusOr<double> MeasureBareStreamKiB(size_t count) {
  ASSIGN_OR_RETURN(const std::unique_ptr<testing::Process> server,
                   testing::Process::Start({"/proc/self/exe", "--serve_bare"}));
  ASSIGN_OR_RETURN(const std::string line,
                   server->WaitForLine(
                       [](absl::string_view text) { return absl::StrContains(text, "\"port\":"); },
                       kStartTimeout));
  const absl::string_view number = absl::string_view(line).substr(line.find("\"port\":") + 7);
  int port = 0;
  if (!absl::SimpleAtoi(number.substr(0, number.find_first_of(",}")), &port)) {
    return absl::InternalError(line);
  }
  ASSIGN_OR_RETURN(const uint64_t before, testing::ResidentBytes(server->pid()));
  RawSubscribers idle(port, count, FromNowRequest());
  RETURN_IF_ERROR(idle.WaitUntilOpened(kOpenTimeout));
  ASSIGN_OR_RETURN(const uint64_t with, testing::ResidentBytes(server->pid()));
  return (static_cast<double>(with) - static_cast<double>(before)) / kKiB /
         static_cast<double>(count);
}

}  // namespace incidenthub::bench
