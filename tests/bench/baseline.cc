#include "tests/bench/baseline.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "grpcpp/support/slice.h"
#include "httplib.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/server_process.h"
#include "tests/support/tcp.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

constexpr time_t kTimeoutSeconds = 3600;
constexpr char kPort[] = "\"port\":";

}  // namespace

void ServeEcho(size_t threads) {
  httplib::Server server;
  // As fast as it can be: by default it closes after five requests, and each of them takes 40 ms.
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(std::numeric_limits<size_t>::max());
  // Beyond any run: its default of 5 s ends connections under load.
  server.set_keep_alive_timeout(kTimeoutSeconds);
  server.set_read_timeout(kTimeoutSeconds);
  server.set_write_timeout(kTimeoutSeconds);
  server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  server.Post(std::string(testing::kWebhookPath),
              [](const httplib::Request& request, httplib::Response& response) {
                response.set_content(request.body, "application/json");
              });
  StartLogging("info").IgnoreError();
  const int port = server.bind_to_any_port("127.0.0.1");
  Log(LogLevel::kInfo, "serving", {{"port", port}});
  server.listen_after_bind();
  std::exit(EXIT_FAILURE);
}

namespace {

// Sends the same message to each of its subscribers again and again, one write in flight.
class Broadcaster final
    : public v1::IncidentService::WithRawCallbackMethod_Subscribe<v1::IncidentService::Service> {
 public:
  explicit Broadcaster(const std::string& message) : slice_(message), message_(&slice_, 1) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext*,
                                                        const grpc::ByteBuffer*) override {
    return new Reactor(&message_);
  }

 private:
  class Reactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
   public:
    explicit Reactor(const grpc::ByteBuffer* message) : message_(message) { StartWrite(message_); }

    void OnWriteDone(bool ok) override {
      if (ok) {
        StartWrite(message_);
      } else {
        Finish(grpc::Status::OK);
      }
    }

    void OnDone() override { delete this; }

   private:
    const grpc::ByteBuffer* const message_;
  };

  const grpc::Slice slice_;
  const grpc::ByteBuffer message_;
};

}  // namespace

void ServeBroadcast(const std::string& message_file) {
  std::ifstream file(message_file, std::ios::binary);
  const std::string message{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Broadcaster broadcaster(message);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&broadcaster);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  StartLogging("info").IgnoreError();
  Log(LogLevel::kInfo, "serving", {{"port", port}});
  server->Wait();
  std::exit(EXIT_FAILURE);
}

absl::StatusOr<std::unique_ptr<BareServer>> BareServer::Start(std::vector<std::string> flags) {
  std::vector<std::string> command = {"/proc/self/exe"};
  command.insert(command.end(), flags.begin(), flags.end());
  ASSIGN_OR_RETURN(std::unique_ptr<testing::Process> process,
                   testing::Process::Start(std::move(command)));
  ASSIGN_OR_RETURN(
      const std::string line,
      process->WaitForLine([](absl::string_view text) { return absl::StrContains(text, kPort); },
                           testing::kStartTimeout));
  int port = 0;
  const absl::string_view number =
      absl::string_view(line).substr(line.find(kPort) + sizeof(kPort) - 1);
  if (!absl::SimpleAtoi(number.substr(0, number.find_first_of(",}")), &port)) {
    return absl::InternalError(line);
  }
  return std::unique_ptr<BareServer>(new BareServer(std::move(process), port));
}

absl::StatusOr<Latencies> MeasureSyncs(const std::string& folder, size_t bytes,
                                       absl::Duration duration) {
  const std::string path = absl::StrCat(folder, "/fdatasync.bench");
  const testing::OwnedFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  unlink(path.c_str());
  const std::string data(bytes, 'x');
  Latencies latencies;
  const int64_t end = NowNanos() + absl::ToInt64Nanoseconds(duration);
  for (int64_t now = NowNanos(); now < end;) {
    if (write(file.get(), data.data(), data.size()) != static_cast<ssize_t>(data.size()) ||
        fdatasync(file.get()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write to ", path));
    }
    const int64_t done = NowNanos();
    latencies.Add(done - now);
    now = done;
  }
  return latencies;
}

}  // namespace incidenthub::bench
