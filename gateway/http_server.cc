#include "gateway/http_server.h"

#include <algorithm>
#include <cstring>
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

// The one field that the library gets to see. By others it would cut or compress the answer, refuse
// a Range that it cannot read, or look for the body itself; what we read of them comes from
// RequestHead.
constexpr absl::string_view kReplayedField = "Expect";

// One request and its answer.
struct Exchange {
  Connection* connection = nullptr;
  absl::Time start;
  bool draining = false;
  // Null if there is no readable head; then `refusal` is set.
  const RequestHead* head = nullptr;
  std::optional<HttpAnswer> refusal;
  // The head as the library gets to read it.
  std::string replay = "GET / HTTP/1.1\r\n\r\n";
  bool was_checked = false;
  BodyCoding coding = BodyCoding::kIdentity;

  // The result.
  int status = 0;
  bool close = false;
  // Some of the request may still be on its way.
  bool unread = false;
  // The sender is gone before its request was whole; nothing is answered.
  bool aborted = false;
};

std::string ReplayOf(const RequestHead& head) {
  if (!head.expects_continue) return absl::StrCat(head.line, "\r\n\r\n");
  return absl::StrCat(head.line, "\r\n", kReplayedField, ": 100-continue\r\n\r\n");
}

// What the library reads a request's head from and writes its answer to. Bodies do not pass through
// here: see ReadBody() on why.
class ExchangeStream final : public httplib::Stream {
 public:
  explicit ExchangeStream(Exchange* exchange) : exchange_(*exchange) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t taken = std::min(size, exchange_.replay.size() - position_);
    std::memcpy(to, exchange_.replay.data() + position_, taken);
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

// The library parses, routes and answers one request at a time; this replaces its loop over a
// connection, which has no bound on time, bodies or connections and loses pipelined requests.
class HttpServerImpl final : public HttpServer, private httplib::Server {
 public:
  HttpServerImpl(HttpServerOptions options, Metrics* metrics)
      : options_(std::move(options)),
        metrics_(*metrics),
        threads_(std::make_unique<ConnectionThreads>(options_.connections_max)) {
    SetUpLibrary();
  }

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
  void SetUpLibrary();
  void Accept(int fd);
  // A connection's life, on its thread.
  bool process_and_close_socket(socket_t fd) override ABSL_LOCKS_EXCLUDED(mu_);
  // One request. False: the connection is of no use any more.
  bool ServeRequest(Connection* connection, bool draining, bool* unread);
  void Process(Exchange* exchange);

  // The answer to a request that is refused before its body is read.
  std::optional<HttpAnswer> Check(Exchange* exchange);
  HttpAnswer Answer(HttpHandler* handler, Exchange* exchange) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the server is draining.
  bool BeginRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);
  bool EndRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);

  // The library's callbacks have no room for a context; a request stays on its thread.
  static thread_local Exchange* current_;

  const HttpServerOptions options_;
  Metrics& metrics_;
  LingeringCloser closer_;
  BodyBudget body_budget_{kBodiesBytesMax};

  absl::Mutex mu_;
  // All that are open, and whether each has a request.
  absl::flat_hash_map<Connection*, bool> connections_ ABSL_GUARDED_BY(mu_);
  size_t open_requests_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;

  std::unique_ptr<ConnectionThreads> threads_;
  std::unique_ptr<Listener> listener_;
};

thread_local Exchange* HttpServerImpl::current_ = nullptr;

void Fill(HttpAnswer answer, httplib::Response* response) {
  response->status = answer.status;
  response->body = std::move(answer.body);
  response->set_header("Content-Type", "application/json");
  for (const auto& [name, value] : answer.headers) response->set_header(name, value);
}

void HttpServerImpl::SetUpLibrary() {
  set_expect_100_continue_handler([this](const httplib::Request&, httplib::Response& response) {
    std::optional<HttpAnswer> refusal = Check(current_);
    // Written at once, and sent when reading the body has to wait for it.
    if (!refusal.has_value()) return 100;
    Fill(*std::move(refusal), &response);
    return response.status;
  });
  // Before its own routing, which would read the body of a request that has no route.
  set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
    std::optional<HttpAnswer> refusal = Check(current_);
    if (!refusal.has_value()) return HandlerResponse::Unhandled;
    Fill(*std::move(refusal), &response);
    return HandlerResponse::Handled;
  });
  for (const auto& [path, handler] : options_.handlers) {
    Post(path, [this, handler = handler](const httplib::Request&, httplib::Response& response,
                                         const httplib::ContentReader&) {
      Fill(Answer(handler, current_), &response);
    });
  }
  set_error_handler(HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) {
      // The library refused it, for a method that it has never heard of.
      current_->unread = true;
      Fill(ErrorAnswer(400, "HEAD_INVALID", "the request line is not understood"), &response);
    }
    return HandlerResponse::Handled;
  }));
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    Exchange& exchange = *current_;
    exchange.status = response.status;
    exchange.close = exchange.close || exchange.unread;
    response.headers.erase("Keep-Alive");
    response.headers.erase("Connection");
    if (exchange.close) {
      response.set_header("Connection", "close");
    } else if (exchange.head != nullptr && exchange.head->is_http_1_0) {
      response.set_header("Connection", "keep-alive");
    }
  });
}

void HttpServerImpl::Accept(int fd) {
  if (threads_->Run([this, fd] { process_and_close_socket(fd); })) return;
  metrics_.ConnectionRefused();
  // On the accepting thread: an answer this short always fits into a fresh socket.
  Connection connection(fd, options_.idle_timeout);
  Exchange exchange;
  exchange.connection = &connection;
  exchange.refusal = RetryAnswer("OVERLOADED", "too many connections are open");
  exchange.unread = true;
  Process(&exchange);
  metrics_.RequestDone(exchange.status, absl::ZeroDuration());
  if (connection.Flush()) closer_.Close(connection.Release());
}

bool HttpServerImpl::process_and_close_socket(socket_t fd) {
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
  return true;
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
    exchange.replay = ReplayOf(*head);
  } else {
    exchange.refusal = AnswerForHeadError(head.status());
    exchange.unread = true;
  }
  Process(&exchange);
  const bool sent = !exchange.aborted && connection->Flush();
  metrics_.RequestDone(exchange.aborted ? 0 : exchange.status, absl::Now() - exchange.start);
  *unread = sent && exchange.unread;
  return sent && !exchange.close;
}

void HttpServerImpl::Process(Exchange* exchange) {
  current_ = exchange;
  ExchangeStream stream(exchange);
  bool closed = false;
  process_request(stream, false, closed, nullptr);
  current_ = nullptr;
}

std::optional<HttpAnswer> HttpServerImpl::Check(Exchange* exchange) {
  if (exchange->refusal.has_value()) return std::exchange(exchange->refusal, std::nullopt);
  // Once for a request that expects to be told to continue, before and after.
  if (std::exchange(exchange->was_checked, true)) return std::nullopt;
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
  if (auto refusal = handler->second->Refuse(head); refusal.has_value()) return refusal;
  const absl::StatusOr<BodyCoding> coding = ParseBodyCoding(head.ValueOf("Content-Encoding"));
  if (!coding.ok() || head.CountOf("Content-Encoding") > 1) {
    return ErrorAnswer(415, "ENCODING_UNSUPPORTED",
                       "the only Content-Encodings taken are identity, gzip and deflate, one at a "
                       "time");
  }
  exchange->coding = *coding;
  if (has_length && head.content_length > kBodyBytesMax) {
    return AnswerForRequestError(BodyTooLarge(kBodyBytesMax));
  }
  return std::nullopt;
}

HttpAnswer HttpServerImpl::Answer(HttpHandler* handler, Exchange* exchange) {
  // Before the body, so that it goes after it.
  BodyShare share(&body_budget_);
  std::string body;
  const absl::Status read = ReadBody(*exchange->head, exchange->coding, kBodyBytesMax,
                                     exchange->connection, &share, &body);
  if (read.code() == absl::StatusCode::kCancelled) {
    exchange->aborted = true;
    return {};
  }
  if (!read.ok()) return AnswerForRequestError(read);
  exchange->unread = false;
  HttpAnswer answer = handler->Handle(std::move(body), exchange->start);
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
