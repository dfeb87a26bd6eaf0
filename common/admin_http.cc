#include "common/admin_http.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/host_port.h"
#include "common/status_macros.h"
#include "httplib.h"

namespace incidenthub {
namespace {

constexpr size_t kThreads = 4;
constexpr time_t kIoTimeoutSeconds = 1;

class HttplibAdminServer final : public AdminServer {
 public:
  explicit HttplibAdminServer(AdminOptions options) : options_(std::move(options)) {
    // The library's default sets SO_REUSEPORT, with which a second process would share the port in
    // silence.
    server_.set_socket_options([](socket_t socket) {
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    server_.set_tcp_nodelay(true);
    server_.set_keep_alive_max_count(1);
    server_.set_keep_alive_timeout(kIoTimeoutSeconds);
    server_.set_read_timeout(kIoTimeoutSeconds);
    server_.set_write_timeout(kIoTimeoutSeconds);
    // The first moment at which stop() has an effect.
    server_.new_task_queue = [this] {
      running_.Notify();
      return new httplib::ThreadPool(kThreads);
    };
    server_.Get("/livez", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain");
    });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const absl::Status status = options_.ready();
      response.status = status.ok() ? 200 : 503;
      std::string text = status.ok() ? "ok\n" : absl::StrCat(status.message(), "\n");
      if (options_.notice != nullptr) {
        const std::string notice = options_.notice();
        if (!notice.empty()) absl::StrAppend(&text, notice, "\n");
      }
      response.set_content(text, "text/plain");
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(options_.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    });
  }

  ~HttplibAdminServer() override {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  absl::Status Listen() {
    ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(options_.address));
    const std::string host = address.host.empty() ? "0.0.0.0" : address.host;
    errno = 0;
    if (address.port == 0) {
      port_ = server_.bind_to_any_port(host);
    } else {
      port_ = server_.bind_to_port(host, address.port) ? address.port : -1;
    }
    if (port_ < 0) {
      const int error = errno;
      return absl::UnavailableError(
          absl::StrCat("cannot listen on admin address ", options_.address, ": ",
                       error == 0 ? "no such address" : std::strerror(error)));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    running_.WaitForNotification();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  const AdminOptions options_;
  httplib::Server server_;
  absl::Notification running_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(AdminOptions options) {
  auto server = std::make_unique<HttplibAdminServer>(std::move(options));
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace incidenthub
