#include "gateway/http_server.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "gateway/connection.h"
#include "gateway/connection_threads.h"
#include "gateway/http_body.h"
#include "gateway/lingering_closer.h"
#include "gateway/listener.h"
#include "httplib.h"

namespace incidenthub::gateway {
namespace {

// One request and its answer.
struct Exchange {
  Connection* connection = nullptr;
  absl::Time start;
  bool draining = false;
  // Its first line, with CRLF and a blank line: all that the library gets to see.
  std::string first_lines = "GET / HTTP/1.1\r\n\r\n";
  // Null if there is no readable head; then `refusal` is set.
  const RequestHead* head = nullptr;
  std::optional<HttpAnswer> refusal;

  // The result.
  int status = 0;
  bool close = false;
  // Some of the request may still be on its way.
  bool unread = false;
  // The sender is gone before its request was whole; nothing is answered.
  bool aborted = false;
};

// What the library reads from and writes to.
class ExchangeStream final : public httplib::Stream {
 public:
  explicit ExchangeStream(Exchange* exchange) : exchange_(*exchange) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t taken = std::min(size, exchange_.first_lines.size() - position_);
    std::memcpy(to, exchange_.first_lines.data() + position_, taken);
    position_ += taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* from, size_t size) override {
    if (!exchange_.aborted) exchange_.connection->Write({from, size});
    return static_cast<ssize_t>(size);
  }
  // Nobody asks for addresses, and looking them up takes two system calls a request.
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  Exchange& exchange_;
  size_t position_ = 0;
};

// The library's part: it reads the request line, calls back for the answer and writes it. Header
// fields and bodies are kept from it (see http_head.h); its loop over a socket is replaced, since
// that one has no bound on connections, bodies or time.
class Engine final : public httplib::Server {
 public:
  explicit Engine(std::function<HttpAnswer(Exchange*)> answer) {
    set_pre_routing_handler(
        [answer = std::move(answer)](const httplib::Request&, httplib::Response& response) {
          Exchange& exchange = *current_;
          HttpAnswer given =
              exchange.refusal.has_value() ? *std::move(exchange.refusal) : answer(&exchange);
          Fill(std::move(given), &response);
          return HandlerResponse::Handled;
        });
    set_error_handler(HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
      // A request line that the library itself refuses: a method that it has never heard of.
      if (!response.body.empty()) return HandlerResponse::Unhandled;
      current_->unread = true;
      Fill(ErrorAnswer(400, "HEAD_INVALID", "the request line is not understood"), &response);
      return HandlerResponse::Handled;
    }));
    set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      Exchange& exchange = *current_;
      exchange.status = response.status;
      exchange.close = exchange.close || exchange.unread;
      response.headers.erase("Keep-Alive");
      if (exchange.close) {
        response.set_header("Connection", "close");
      } else if (exchange.head != nullptr && exchange.head->is_http_1_0) {
        response.set_header("Connection", "keep-alive");
      }
    });
  }

  void Process(Exchange* exchange) {
    current_ = exchange;
    ExchangeStream stream(exchange);
    bool closed = false;
    process_request(stream, false, closed, nullptr);
    current_ = nullptr;
  }

 private:
  static void Fill(HttpAnswer answer, httplib::Response* response) {
    response->status = answer.status;
    response->body = std::move(answer.body);
    response->set_header("Content-Type", "application/json");
    for (const auto& [name, value] : answer.headers) response->set_header(name, value);
  }

  // The library's callbacks have no room for a context. A request stays on its thread.
  static thread_local Exchange* current_;
};

thread_local Exchange* Engine::current_ = nullptr;

class HttpServerImpl final : public HttpServer {
 public:
  HttpServerImpl(HttpServerOptions options, Metrics* metrics)
      : options_(std::move(options)),
        metrics_(*metrics),
        engine_([this](Exchange* exchange) { return Answer(exchange); }),
        threads_(std::make_unique<ConnectionThreads>(options_.connections_max)) {}

  ~HttpServerImpl() override {
    if (listener_ != nullptr) listener_->Stop();
    {
      absl::MutexLock lock(&mu_);
      draining_ = true;
      for (const auto& [connection, is_busy] : connections_) connection->Abort();
    }
    threads_.reset();
  }

  absl::Status Listen() {
    ASSIGN_OR_RETURN(listener_, Listener::Start(options_.address, kListenBacklog,
                                                [this](int fd) { Accept(fd); }));
    return absl::OkStatus();
  }

  int port() const override { return listener_->port(); }

  void StartDraining() override ABSL_LOCKS_EXCLUDED(mu_) {
    listener_->Stop();
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [connection, is_busy] : connections_) {
      if (!is_busy) connection->StopReading();
    }
  }

  bool AwaitIdle(absl::Time deadline) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithDeadline(
        absl::Condition(
            +[](size_t* open_requests) { return *open_requests == 0; }, &open_requests_),
        deadline);
  }

 private:
  void Accept(int fd);
  // A connection's life, on its thread.
  void Serve(int fd) ABSL_LOCKS_EXCLUDED(mu_);
  // One request. False: the connection is of no use any more.
  bool ServeRequest(Connection* connection, bool draining, bool* unread);
  HttpAnswer Answer(Exchange* exchange) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the server is draining.
  bool BeginRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);
  bool EndRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);

  const HttpServerOptions options_;
  Metrics& metrics_;
  Engine engine_;
  LingeringCloser closer_;

  absl::Mutex mu_;
  // All that are open, and whether each has a request.
  absl::flat_hash_map<Connection*, bool> connections_ ABSL_GUARDED_BY(mu_);
  size_t open_requests_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;

  std::unique_ptr<ConnectionThreads> threads_;
  std::unique_ptr<Listener> listener_;
};

void HttpServerImpl::Accept(int fd) {
  if (threads_->Run([this, fd] { Serve(fd); })) return;
  metrics_.ConnectionRefused();
  // On the accepting thread: an answer this short always fits into a fresh socket.
  Connection connection(fd, options_.idle_timeout);
  Exchange exchange;
  exchange.connection = &connection;
  exchange.refusal = RetryAnswer("OVERLOADED", "too many connections are open");
  exchange.unread = true;
  engine_.Process(&exchange);
  metrics_.RequestDone(exchange.status, absl::ZeroDuration());
  if (connection.Flush()) closer_.Close(connection.Release());
}

void HttpServerImpl::Serve(int fd) {
  Connection connection(fd, options_.idle_timeout);
  metrics_.ConnectionOpened();
  {
    absl::MutexLock lock(&mu_);
    connections_.emplace(&connection, false);
    // It was accepted before the drain began, and is not in its list.
    if (draining_) connection.StopReading();
  }
  bool goes_on = true;
  bool unread = false;
  while (goes_on && connection.WaitForInput()) {
    const bool draining = BeginRequest(&connection);
    goes_on = ServeRequest(&connection, draining, &unread);
    if (EndRequest(&connection)) goes_on = false;
  }
  {
    absl::MutexLock lock(&mu_);
    connections_.erase(&connection);
  }
  metrics_.ConnectionClosed();
  if (unread) closer_.Close(connection.Release());
}

bool HttpServerImpl::BeginRequest(Connection* connection) {
  absl::MutexLock lock(&mu_);
  connections_[connection] = true;
  ++open_requests_;
  return draining_;
}

bool HttpServerImpl::EndRequest(Connection* connection) {
  absl::MutexLock lock(&mu_);
  connections_[connection] = false;
  --open_requests_;
  return draining_;
}

bool HttpServerImpl::ServeRequest(Connection* connection, bool draining, bool* unread) {
  Exchange exchange;
  exchange.connection = connection;
  exchange.start = absl::Now();
  exchange.draining = draining;
  connection->set_read_deadline(exchange.start + options_.body_timeout);

  std::string bytes;
  const absl::Status read = connection->ReadHead(kHeadBytesMax, &bytes);
  if (read.code() == absl::StatusCode::kCancelled) {
    metrics_.RequestDone(0, absl::Now() - exchange.start);
    return false;
  }
  absl::StatusOr<RequestHead> head = read.ok() ? ParseRequestHead(bytes) : read;
  if (head.ok()) {
    exchange.head = &*head;
    exchange.first_lines = absl::StrCat(head->line, "\r\n\r\n");
  } else {
    exchange.refusal = AnswerForHeadError(head.status());
    exchange.unread = true;
  }
  engine_.Process(&exchange);
  const bool sent = !exchange.aborted && connection->Flush();
  metrics_.RequestDone(exchange.aborted ? 0 : exchange.status, absl::Now() - exchange.start);
  *unread = sent && exchange.unread;
  return sent && !exchange.close;
}

HttpAnswer HttpServerImpl::Answer(Exchange* exchange) {
  const RequestHead& head = *exchange->head;
  const bool has_length = head.framing == BodyFraming::kLength;
  exchange->close = !head.keep_alive || exchange->draining;
  exchange->unread =
      head.framing == BodyFraming::kChunked || (has_length && head.content_length > 0);
  if (exchange->draining) return RetryAnswer("DRAINING", "the gateway is shutting down");

  const auto handler = options_.handlers.find(head.path);
  if (handler == options_.handlers.end()) {
    return ErrorAnswer(404, "PATH_UNKNOWN", "nothing is behind this path");
  }
  if (head.method != "POST") {
    HttpAnswer answer = ErrorAnswer(405, "METHOD_NOT_ALLOWED", "only POST is taken here");
    answer.headers.emplace_back("Allow", "POST");
    return answer;
  }
  if (auto refusal = handler->second->Refuse(head); refusal.has_value()) return *std::move(refusal);
  const absl::StatusOr<BodyCoding> coding = ParseBodyCoding(head.ValueOf("Content-Encoding"));
  if (!coding.ok() || head.CountOf("Content-Encoding") > 1) {
    return ErrorAnswer(415, "ENCODING_UNSUPPORTED",
                       "the only Content-Encodings taken are identity, gzip and deflate, one at a "
                       "time");
  }
  if (head.expects_continue && exchange->unread &&
      !(has_length && head.content_length > kBodyBytesMax)) {
    // Goes out when reading the body has to wait for it.
    exchange->connection->Write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  std::string body;
  const absl::Status read = ReadBody(head, *coding, kBodyBytesMax, exchange->connection, &body);
  if (read.code() == absl::StatusCode::kCancelled) {
    exchange->aborted = true;
    return {};
  }
  if (!read.ok()) return AnswerForRequestError(read);
  exchange->unread = false;
  HttpAnswer answer = handler->second->Handle(std::move(body), exchange->start);
  absl::ReaderMutexLock lock(&mu_);
  exchange->close = exchange->close || draining_;
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              Metrics* metrics) {
  auto server = std::make_unique<HttpServerImpl>(std::move(options), metrics);
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace incidenthub::gateway
