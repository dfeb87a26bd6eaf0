#include "gateway/http_server.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "gateway/connection.h"
#include "gateway/connection_threads.h"
#include "gateway/http_body.h"
#include "gateway/lingering_closer.h"
#include "gateway/listener.h"
#include "gateway/transport.h"
#include "httplib.h"

namespace incidenthub::gateway {
namespace {

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What the library gets to read of a request: enough to write its answer. By header fields it would
// cut or compress the answer, or refuse a Range; what we read of them comes from RequestHead.
constexpr absl::string_view kReplay = "GET / HTTP/1.1\r\n\r\n";
constexpr absl::string_view kReplayHead = "HEAD / HTTP/1.1\r\n\r\n";

// One request, as far as its answer depends on it.
struct Exchange {
  absl::Time start;
  // Empty until its head is read.
  RequestIds ids;
  bool draining = false;
  bool is_head = false;
  bool is_http_1_0 = false;
  // The connection ends with the answer.
  bool close = false;
  // Some of the request may still be on its way.
  bool unread = false;
  HttpHandler* handler = nullptr;
  Admission admission = 0;
  BodyCoding coding = BodyCoding::kIdentity;
};

// A connection and the request that it has, one at a time. Belongs to the connection's thread; once
// a handler has the request, `exchange` and the connection's output belong to whoever answers it,
// until `answered` is notified.
struct Session {
  explicit Session(std::unique_ptr<Transport> transport) : connection(std::move(transport)) {}

  Connection connection;
  Exchange exchange;
  // Set while a handler has the request, and after that until the thread has noticed.
  std::optional<absl::Notification> answered;
};

// An answer on its way through the library.
struct Rendering {
  HttpAnswer answer;
  Session* session = nullptr;
};

class RenderStream final : public httplib::Stream {
 public:
  RenderStream(absl::string_view replay, Connection* connection)
      : replay_(replay), connection_(*connection) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t taken = replay_.copy(to, size);
    replay_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* from, size_t size) override {
    connection_.Write({from, size});
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
  absl::string_view replay_;
  Connection& connection_;
};

// The library writes the answers. This replaces its loop over a connection, which has no bound on
// time, bodies or connections, loses pipelined requests, and keeps a thread waiting for each
// answer.
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
  // Answers, without TLS, a connection of which no request was read, and closes it in good order.
  void AnswerUnasked(int fd, HttpAnswer answer);
  // Ends a connection whose handshake has come to nothing.
  void TurnAway(const absl::Status& why, Connection* connection);
  // A connection's life, on its thread.
  bool process_and_close_socket(socket_t fd) override ABSL_LOCKS_EXCLUDED(mu_);
  // Reads one request, and answers it or hands it to its handler. False: the connection is of no
  // use any more.
  bool ServeRequest(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // The answer to a request that is refused for its head. Fills in the exchange.
  std::optional<HttpAnswer> Check(const RequestHead& head, Exchange* exchange);
  // As ServeRequest(), for a request that has passed.
  bool ServeBody(const RequestHead& head, Session* session) ABSL_LOCKS_EXCLUDED(mu_);

  // Answers on the connection's thread. As ServeRequest().
  bool AnswerNow(HttpAnswer answer, Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // Answers for a handler, on whatever thread it has. The session may be gone when it returns.
  void AnswerLater(HttpAnswer answer, Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // On the connection's thread: waits for the handler's answer, if there is one to wait for. False:
  // the connection is of no use any more.
  bool AwaitAnswer(Session* session);
  // Ends a request that is not answered, since its sender is gone.
  bool Abort(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // Puts the answer into the connection's output.
  void Render(HttpAnswer answer, Session* session);

  // Whether the server is draining.
  bool BeginRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);
  bool EndRequest(Connection* connection) ABSL_LOCKS_EXCLUDED(mu_);

  // The library's callbacks have no room for a context; an answer is written on one thread.
  static thread_local Rendering* current_;

  const HttpServerOptions options_;
  Metrics& metrics_;
  LingeringCloser closer_;
  RepeatedLine handshake_lines_{RepeatedLineRate{1, absl::Seconds(1)}};
  BodyBudget body_budget_{kBodiesBytesMax};

  absl::Mutex mu_;
  // All that are open, and whether each has a request.
  absl::flat_hash_map<Connection*, bool> connections_ ABSL_GUARDED_BY(mu_);
  size_t open_requests_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;

  std::unique_ptr<ConnectionThreads> threads_;
  std::unique_ptr<Listener> listener_;
};

thread_local Rendering* HttpServerImpl::current_ = nullptr;

void HttpServerImpl::SetUpLibrary() {
  set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
    HttpAnswer& answer = current_->answer;
    response.status = answer.status;
    response.body = std::move(answer.body);
    response.set_header("Content-Type", "application/json");
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    const std::string& id = current_->session->exchange.ids.request_id;
    response.set_header(kRequestIdHeader, id.empty() ? NewRequestId() : id);
    return HandlerResponse::Handled;
  });
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    const Exchange& exchange = current_->session->exchange;
    response.headers.erase("Keep-Alive");
    response.headers.erase("Connection");
    if (response.status == 204) {
      // It has no body, so nothing about one either (RFC 9110, 8.6).
      response.headers.erase("Content-Length");
      response.headers.erase("Content-Type");
    }
    if (exchange.close) {
      response.set_header("Connection", "close");
    } else if (exchange.is_http_1_0) {
      response.set_header("Connection", "keep-alive");
    }
  });
}

void HttpServerImpl::Render(HttpAnswer answer, Session* session) {
  Rendering rendering{std::move(answer), session};
  current_ = &rendering;
  RenderStream stream(session->exchange.is_head ? kReplayHead : kReplay, &session->connection);
  bool closed = false;
  process_request(stream, false, closed, nullptr);
  current_ = nullptr;
}

void HttpServerImpl::Accept(int fd) {
  if (threads_->Run([this, fd] { process_and_close_socket(fd); })) return;
  metrics_.ConnectionRefused();
  if (options_.tls == nullptr) {
    AnswerUnasked(fd, RetryAnswer("OVERLOADED", "too many connections are open"));
  } else {
    // To be told it would have to shake hands first, and this thread accepts the others.
    close(fd);
  }
}

void HttpServerImpl::AnswerUnasked(int fd, HttpAnswer answer) {
  Session session(NewPlainTransport(fd, options_.idle_timeout));
  session.exchange.close = true;
  const int status = answer.status;
  Render(std::move(answer), &session);
  metrics_.RequestDone(status, absl::ZeroDuration());
  // An answer this short always fits into a fresh socket.
  if (session.connection.FlushSome()) closer_.Close(session.connection.Release());
}

void HttpServerImpl::TurnAway(const absl::Status& why, Connection* connection) {
  // A probe of the port; or the server ends.
  if (absl::IsCancelled(why)) return;
  metrics_.TlsHandshakeFailed();
  const int fd = connection->Release();
  if (const auto left_out = handshake_lines_.Next()) {
    Log(LogLevel::kWarning, "TLS handshake failed",
        {{"peer", PeerOf(fd)}, {"reason", why.message()}, {"more_before", *left_out}});
  }
  if (ErrorReason(why) == "TLS_REQUIRED") {
    AnswerUnasked(fd, AnswerForRequestError(why));
  } else if (absl::IsDeadlineExceeded(why)) {
    close(fd);
  } else {
    // So that it sees why: TLS has told it, and it may be sending.
    closer_.Close(fd);
  }
}

bool HttpServerImpl::process_and_close_socket(socket_t fd) {
  std::unique_ptr<Transport> transport = options_.tls == nullptr
                                             ? NewPlainTransport(fd, options_.idle_timeout)
                                             : options_.tls->Accept(fd, options_.idle_timeout);
  if (transport == nullptr) return true;
  Session session(std::move(transport));
  Connection& connection = session.connection;
  metrics_.ConnectionOpened();
  {
    absl::MutexLock lock(&mu_);
    connections_.emplace(&connection, false);
    // It was accepted before the drain began, and is not in its list.
    if (draining_) connection.StopReading();
  }
  const absl::Status handshake =
      connection.Handshake(absl::Now() + std::min(kHandshakeTimeout, options_.idle_timeout));
  bool goes_on = handshake.ok();
  while (goes_on) {
    // The next request may begin before the last one is answered; it is served after that.
    const bool was_awaiting = session.answered.has_value();
    const absl::Status input = connection.WaitForInput();
    goes_on = AwaitAnswer(&session);
    if (goes_on && input.ok()) {
      goes_on = ServeRequest(&session);
    } else if (goes_on) {
      // While it waited for its answer it had no reason to speak.
      goes_on = was_awaiting && absl::IsDeadlineExceeded(input);
    }
  }
  {
    absl::MutexLock lock(&mu_);
    connections_.erase(&connection);
  }
  metrics_.ConnectionClosed();
  if (!handshake.ok()) TurnAway(handshake, &connection);
  if (session.exchange.unread) closer_.Close(connection.Release());
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

bool HttpServerImpl::ServeRequest(Session* session) {
  Exchange& exchange = session->exchange = Exchange();
  exchange.start = absl::Now();
  exchange.draining = BeginRequest(&session->connection);
  session->connection.set_read_deadline(exchange.start + options_.body_timeout);

  std::string bytes;
  const absl::Status read = session->connection.ReadHead(kHeadBytesMax, &bytes);
  if (absl::IsCancelled(read)) return Abort(session);
  const absl::StatusOr<RequestHead> head = read.ok() ? ParseRequestHead(bytes) : read;
  if (!head.ok()) {
    exchange.close = exchange.unread = true;
    return AnswerNow(AnswerForHeadError(head.status()), session);
  }
  exchange.ids = IdsOf(*head);
  std::optional<HttpAnswer> refusal = Check(*head, &exchange);
  if (refusal.has_value()) {
    exchange.close = exchange.close || exchange.unread;
    return AnswerNow(*std::move(refusal), session);
  }
  return ServeBody(*head, session);
}

std::optional<HttpAnswer> HttpServerImpl::Check(const RequestHead& head, Exchange* exchange) {
  const bool has_length = head.framing == BodyFraming::kLength;
  exchange->is_head = head.method == "HEAD";
  exchange->is_http_1_0 = head.is_http_1_0;
  exchange->close = !head.keep_alive || exchange->draining;
  exchange->unread =
      head.framing == BodyFraming::kChunked || (has_length && head.content_length > 0);
  if (exchange->draining) return RetryAnswer("DRAINING", "the gateway is shutting down");

  const auto handler = options_.handlers.find(head.path);
  if (handler == options_.handlers.end()) {
    return ErrorAnswer(404, "PATH_UNKNOWN", "nothing is behind this path");
  }
  exchange->handler = handler->second;
  if (head.method != "POST") {
    HttpAnswer answer = ErrorAnswer(405, "METHOD_NOT_ALLOWED", "only POST is taken here");
    answer.headers.emplace_back("Allow", "POST");
    return answer;
  }
  if (auto refusal = exchange->handler->Refuse(head, exchange->ids, &exchange->admission);
      refusal.has_value()) {
    return refusal;
  }
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

bool HttpServerImpl::ServeBody(const RequestHead& head, Session* session) {
  Exchange& exchange = session->exchange;
  // Sent when reading the body has to wait for it.
  if (head.expects_continue) session->connection.Write(kContinue);
  // Before the body, so that it goes after it.
  BodyShare share(&body_budget_);
  std::string body;
  const absl::Status read =
      ReadBody(head, exchange.coding, kBodyBytesMax, &session->connection, &share, &body);
  if (absl::IsCancelled(read)) return Abort(session);
  if (!read.ok()) {
    exchange.close = true;
    return AnswerNow(AnswerForRequestError(read), session);
  }
  exchange.unread = false;
  session->answered.emplace();
  exchange.handler->Handle(
      std::move(body), exchange.start, exchange.admission, exchange.ids,
      [this, session](HttpAnswer answer) { AnswerLater(std::move(answer), session); });
  return true;
}

bool HttpServerImpl::AnswerNow(HttpAnswer answer, Session* session) {
  Exchange& exchange = session->exchange;
  const int status = answer.status;
  Render(std::move(answer), session);
  const bool sent = session->connection.Flush();
  metrics_.RequestDone(status, absl::Now() - exchange.start);
  exchange.unread = exchange.unread && sent;
  const bool draining = EndRequest(&session->connection);
  return sent && !exchange.close && !draining;
}

void HttpServerImpl::AnswerLater(HttpAnswer answer, Session* session) {
  Exchange& exchange = session->exchange;
  {
    absl::ReaderMutexLock lock(&mu_);
    exchange.close = exchange.close || draining_;
  }
  const int status = answer.status;
  Render(std::move(answer), session);
  const bool sent = session->connection.FlushSome();
  metrics_.RequestDone(status, absl::Now() - exchange.start);
  const bool draining = EndRequest(&session->connection);
  exchange.close = exchange.close || draining || !sent;
  // Its thread may be waiting for a request.
  if (exchange.close) session->connection.StopReading();
  session->answered->Notify();
}

bool HttpServerImpl::AwaitAnswer(Session* session) {
  if (!session->answered.has_value()) return true;
  session->answered->WaitForNotification();
  session->answered.reset();
  // What is left of an answer is sent with patience here, where only this connection waits.
  return session->connection.Flush() && !session->exchange.close;
}

bool HttpServerImpl::Abort(Session* session) {
  session->exchange.unread = false;
  metrics_.RequestDone(0, absl::Now() - session->exchange.start);
  EndRequest(&session->connection);
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              Metrics* metrics) {
  auto server = std::make_unique<HttpServerImpl>(std::move(options), metrics);
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace incidenthub::gateway
