#include "tests/support/fake_bigpanda_http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/status_macros.h"
#include "httplib.h"
#include "tests/support/fake_bigpanda_connection.h"

namespace incidenthub::testing {
namespace {

constexpr absl::Duration kIdleMax = absl::Minutes(2);
constexpr time_t kReadSecondsMax = 30;
constexpr size_t kBodyBytesMax = size_t{1} << 20;
constexpr int kBacklog = 128;
constexpr size_t kHugeChunkBytes = 65536;

// What the library reads a request from. What it writes is kept: the answer that is sent is our
// own, so that it can be cut anywhere.
class RequestStream final : public httplib::Stream {
 public:
  explicit RequestStream(FakeConnection* connection) : connection_(*connection) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    // Before it reads a body it may have told the client to go on.
    if (!written_.empty() && !connection_.Write(std::exchange(written_, ""))) return -1;
    return connection_.Read(to, size);
  }
  ssize_t write(const char* from, size_t size) override {
    written_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return INVALID_SOCKET; }

  const std::string& written() const { return written_; }

 private:
  FakeConnection& connection_;
  std::string written_;
};

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    default:
      return "Other";
  }
}

std::string Render(const FakeHttpAnswer& answer, bool close) {
  std::string bytes =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", ReasonPhrase(answer.status), "\r\n");
  if (!answer.retry_after.empty()) {
    absl::StrAppend(&bytes, "Retry-After: ", answer.retry_after, "\r\n");
  }
  if (close) absl::StrAppend(&bytes, "Connection: close\r\n");
  // A 204 has no body, and says nothing about its length.
  if (answer.status == 204) return absl::StrCat(bytes, "\r\n");
  return absl::StrCat(bytes, "Content-Type: application/json; charset=utf8\r\nContent-Length: ",
                      answer.body.size(), "\r\n\r\n", answer.body);
}

void SendHugeBody(size_t bytes, FakeConnection* connection) {
  if (!connection->Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n")) {
    return;
  }
  const std::string chunk =
      absl::StrCat(absl::Hex(kHugeChunkBytes), "\r\n", std::string(kHugeChunkBytes, 'x'), "\r\n");
  for (size_t sent = 0; sent < bytes; sent += kHugeChunkBytes) {
    if (!connection->Write(chunk)) return;
  }
  connection->Write("0\r\n\r\n");
}

void SendSlowly(absl::string_view bytes, absl::Duration pause, FakeConnection* connection) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (!connection->Write(bytes.substr(i, 1)) || connection->WaitForEnd(pause)) return;
  }
}

// False: the connection ends here.
bool Deliver(const FakeHttpAnswer& answer, bool close, FakeConnection* connection) {
  const std::string bytes = Render(answer, close);
  if (!answer.fault.has_value()) return connection->Write(bytes);
  const BigPandaFault& fault = *answer.fault;
  switch (fault.kind) {
    case BigPandaFault::Kind::kStatus:
      return connection->Write(bytes);
    case BigPandaFault::Kind::kDelay:
      return !connection->WaitForEnd(fault.pause) && connection->Write(bytes);
    case BigPandaFault::Kind::kHang:
      connection->WaitForEnd(absl::InfiniteDuration());
      return false;
    case BigPandaFault::Kind::kReset:
      connection->Write(absl::string_view(bytes).substr(0, fault.bytes));
      if (fault.reset) connection->ResetAtEnd();
      return false;
    case BigPandaFault::Kind::kGarbage:
      connection->Write(absl::string_view("\x16\x03\x01 no HTTP \0\xff\r\n\r\n", 18));
      return false;
    case BigPandaFault::Kind::kHugeBody:
      SendHugeBody(fault.bytes, connection);
      return false;
    case BigPandaFault::Kind::kDrip:
      SendSlowly(bytes, fault.pause, connection);
      return false;
  }
  return false;
}

class HttplibFakeServer final : public FakeHttpServer, private httplib::Server {
 public:
  HttplibFakeServer(TlsContext tls, FakeHttpServer::Handler handler)
      : tls_(std::move(tls)), handler_(std::move(handler)) {
    // The library's default sets SO_REUSEPORT, with which a second process would share the port in
    // silence.
    set_socket_options([this](socket_t socket) {
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      listening_fd_ = socket;
    });
    set_tcp_nodelay(true);
    set_read_timeout(kReadSecondsMax);
    set_payload_max_length(kBodyBytesMax);
    new_task_queue = [this] {
      running_.Notify();
      return new httplib::ThreadPool(kFakeHttpConnectionsMax);
    };
    const auto take = [this](const httplib::Request& request, httplib::Response&) {
      *answer_ = handler_({request.method, request.target.substr(0, request.target.find('?')),
                           request.get_header_value("Authorization"), request.body});
    };
    constexpr char kAnyPath[] = R"([\s\S]*)";
    Get(kAnyPath, take).Post(kAnyPath, take).Put(kAnyPath, take).Patch(kAnyPath, take);
    Delete(kAnyPath, take);
  }

  ~HttplibFakeServer() override {
    if (!thread_.joinable()) return;
    {
      absl::MutexLock lock(&mu_);
      stopping_ = true;
      for (FakeConnection* connection : connections_) connection->Abort();
    }
    stop();
    thread_.join();
  }

  absl::Status Listen(int port) {
    errno = 0;
    port_ = port;
    if (port == 0) {
      port_ = bind_to_any_port("127.0.0.1");
    } else if (!bind_to_port("127.0.0.1", port)) {
      port_ = -1;
    }
    if (port_ < 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on 127.0.0.1:", port, ": ",
                                                 std::strerror(errno),
                                                 "; give another port, or 0 for any"));
    }
    // The library's own is 5, too short for clients that come at once.
    ::listen(listening_fd_, kBacklog);
    thread_ = std::thread([this] { listen_after_bind(); });
    running_.WaitForNotification();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void SetHandshakeDelay(absl::Duration delay) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    handshake_delay_ = delay;
  }

 private:
  // A connection's life, on its thread.
  bool process_and_close_socket(socket_t fd) override ABSL_LOCKS_EXCLUDED(mu_) {
    FakeConnection connection(fd, tls_.get());
    absl::Duration handshake_delay;
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return false;
      connections_.insert(&connection);
      handshake_delay = tls_ == nullptr ? absl::ZeroDuration() : handshake_delay_;
    }
    if (connection.Handshake(handshake_delay)) {
      while (ServeRequest(&connection)) {
      }
    }
    absl::MutexLock lock(&mu_);
    connections_.erase(&connection);
    return true;
  }

  // False: the connection ends.
  bool ServeRequest(FakeConnection* connection) {
    if (!connection->WaitForBytes(kIdleMax)) return false;
    std::optional<FakeHttpAnswer> answer;
    RequestStream stream(connection);
    bool close = false;
    answer_ = &answer;
    process_request(stream, false, close, [](httplib::Request&) {});
    answer_ = nullptr;
    if (answer.has_value()) return Deliver(*answer, close, connection) && !close;
    // No request, and the library has said why.
    connection->Write(stream.written());
    return false;
  }

  // Where the handler's answer goes; the library's callbacks have no room for a context.
  static thread_local std::optional<FakeHttpAnswer>* answer_;

  const TlsContext tls_;
  const FakeHttpServer::Handler handler_;
  absl::Notification running_;
  int listening_fd_ = -1;
  int port_ = -1;

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration handshake_delay_ ABSL_GUARDED_BY(mu_);
  std::set<FakeConnection*> connections_ ABSL_GUARDED_BY(mu_);

  // Last: it uses all of the above.
  std::thread thread_;
};

thread_local std::optional<FakeHttpAnswer>* HttplibFakeServer::answer_ = nullptr;

}  // namespace

absl::StatusOr<std::unique_ptr<FakeHttpServer>> FakeHttpServer::Start(
    const FakeBigPandaOptions& options, Handler handler) {
  TlsContext tls;
  if (!options.tls_certificate_file.empty() || !options.tls_key_file.empty()) {
    ASSIGN_OR_RETURN(tls, MakeTlsContext(options.tls_certificate_file, options.tls_key_file));
  }
  auto server = std::make_unique<HttplibFakeServer>(std::move(tls), std::move(handler));
  RETURN_IF_ERROR(server->Listen(options.port));
  return server;
}

}  // namespace incidenthub::testing
