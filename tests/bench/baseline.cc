#include "tests/bench/baseline.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "httplib.h"
#include "tests/support/tcp.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

constexpr time_t kTimeoutSeconds = 3600;

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
