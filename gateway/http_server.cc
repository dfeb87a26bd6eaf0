#include "gateway/http_server.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "gateway/answer_renderer.h"
#include "gateway/connection.h"
#include "gateway/connection_threads.h"
#include "gateway/http_body.h"
#include "gateway/input_poller.h"
#include "gateway/lingering_closer.h"
#include "gateway/listener.h"
#include "gateway/transport.h"

namespace incidenthub::gateway {
namespace {

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// Threads that wait for input; each serves some 20,000 small requests a second.
constexpr size_t kMostPollers = 4;

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

// A connection and the request that it has, one at a time. Belongs to one at a time: the poller,
// while it waits for a request; the thread that serves one; from there the handler, until it has
// answered. Whoever hands it on does not touch it again.
struct Session final : InputPoller::Waiter {
  Session(std::unique_ptr<Transport> transport, InputPoller* where)
      : Waiter(transport->fd()), connection(std::move(transport)), poller(where) {}

  Connection connection;
  // Where it waits.
  InputPoller* const poller;
  Exchange exchange;
  // `head` has views into the bytes.
  std::string head_bytes;
  RequestHead head;
};

// What a thread may be held up for: nothing where others wait, or the peer of one connection.
enum class On { kPoller, kOwnThread };

// Whether serving the body would not wait.
bool BodyIsAtHand(const Session& session) {
  const bool has_arrived = session.head.framing == BodyFraming::kNone ||
                           (session.head.framing == BodyFraming::kLength &&
                            session.head.content_length <= session.connection.held_bytes());
  // What little there is may become much when it is decompressed.
  return has_arrived && session.exchange.coding == BodyCoding::kIdentity &&
         !session.exchange.handler->MayWait();
}

// Instead of the library's loop over a connection, which has no bound on time, bodies or
// connections, loses pipelined requests, and keeps a thread waiting for each connection.
class HttpServerImpl final : public HttpServer {
 public:
  HttpServerImpl(HttpServerOptions options, Metrics* metrics)
      : options_(std::move(options)),
        metrics_(*metrics),
        // One that has ended its connection may not have come to its own end.
        threads_(std::make_unique<ConnectionThreads>(2 * options_.connections_max)) {
    const size_t pollers =
        std::clamp<size_t>(std::thread::hardware_concurrency() / 2, 1, kMostPollers);
    for (size_t i = 0; i < pollers; ++i) {
      pollers_.push_back(std::make_unique<InputPoller>(
          options_.idle_timeout, [this](InputPoller::Waiter* waiter, bool timed_out) {
            OnInput(static_cast<Session*>(waiter), timed_out);
          }));
    }
  }

  ~HttpServerImpl() override {
    if (listener_ != nullptr) listener_->Stop();
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [session, is_busy] : sessions_) session->connection.Abort();
    mu_.Await(absl::Condition(
        +[](size_t* open_connections) { return *open_connections == 0; }, &open_connections_));
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
    for (const auto& [session, is_busy] : sessions_) {
      if (!is_busy) session->connection.StopReading();
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
  void Accept(int fd) ABSL_LOCKS_EXCLUDED(mu_);
  // Answers, without TLS, a connection of which no request was read, and closes it in good order.
  void AnswerUnasked(int fd, HttpAnswer answer);
  // The beginning of a connection with TLS, on its own thread.
  void ShakeHands(int fd, InputPoller* poller);
  // Ends a connection whose handshake has come to nothing.
  void TurnAway(const absl::Status& why, Session* session);

  Session* Open(std::unique_ptr<Transport> transport, InputPoller* poller) ABSL_LOCKS_EXCLUDED(mu_);
  // All that follow hand the session on, or end it.
  void End(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // Goes on to its next request.
  void Await(Session* session);
  void AwaitSocket(Session* session);
  void OnInput(Session* session, bool timed_out);
  // Takes in the beginning of a request, if there is one.
  void ServeNext(Session* session, On on);
  // Reads a request's head and answers it, or goes on to its body.
  void ServeHead(Session* session, On on) ABSL_LOCKS_EXCLUDED(mu_);
  // Reads its body and hands it to its handler.
  void ServeBody(Session* session, On on) ABSL_LOCKS_EXCLUDED(mu_);
  // Does `serve` where it may wait. False: the system has no more threads, and it is not done.
  using Serve = void (HttpServerImpl::*)(Session* session, On on);
  bool ServeOnOwnThread(Session* session, Serve serve);
  // Ends a request that nobody can serve.
  void TurnAwayOverloaded(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends a request that is not answered, since its sender is gone.
  void Abort(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  void Answer(HttpAnswer answer, Session* session, On on) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends what is left of the answer, and goes on to the next request.
  void FinishAnswer(Session* session, On on) ABSL_LOCKS_EXCLUDED(mu_);

  // The answer to a request that is refused for its head. Fills in the exchange.
  std::optional<HttpAnswer> Check(const RequestHead& head, Exchange* exchange);
  // Puts the answer into the connection's output.
  void Render(HttpAnswer answer, const Exchange& exchange, Connection* connection);
  void BeginRequest(Session* session) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the server is draining.
  bool EndRequest(Session* session) ABSL_LOCKS_EXCLUDED(mu_);

  const HttpServerOptions options_;
  Metrics& metrics_;
  const AnswerRenderer renderer_;
  LingeringCloser closer_;
  RepeatedLine handshake_lines_{RepeatedLineRate{1, absl::Seconds(1)}};
  BodyBudget body_budget_{kBodiesBytesMax};
  // The listener's thread's.
  size_t next_poller_ = 0;

  absl::Mutex mu_;
  // All that are open, and whether each has a request.
  absl::flat_hash_map<Session*, bool> sessions_ ABSL_GUARDED_BY(mu_);
  // With those that are not in the map yet, or not any more.
  size_t open_connections_ ABSL_GUARDED_BY(mu_) = 0;
  size_t open_requests_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;

  // Last: their threads use all of the above.
  std::unique_ptr<ConnectionThreads> threads_;
  std::vector<std::unique_ptr<InputPoller>> pollers_;
  std::unique_ptr<Listener> listener_;
};

void HttpServerImpl::Render(HttpAnswer answer, const Exchange& exchange, Connection* connection) {
  renderer_.Render(std::move(answer),
                   {.is_head = exchange.is_head,
                    .is_http_1_0 = exchange.is_http_1_0,
                    .close = exchange.close,
                    .request_id = exchange.ids.request_id},
                   connection->out());
}

void HttpServerImpl::Accept(int fd) {
  bool fits = false;
  {
    absl::MutexLock lock(&mu_);
    fits = open_connections_ < options_.connections_max;
    if (fits) ++open_connections_;
  }
  InputPoller* const poller = pollers_[next_poller_++ % pollers_.size()].get();
  if (fits && options_.tls == nullptr) return Await(Open(NewPlainTransport(fd), poller));
  if (fits && threads_->Run([this, fd, poller] { ShakeHands(fd, poller); })) return;
  if (fits) {
    absl::MutexLock lock(&mu_);
    --open_connections_;
  }
  metrics_.ConnectionRefused();
  if (options_.tls == nullptr) {
    AnswerUnasked(fd, RetryAnswer("OVERLOADED", "too many connections are open"));
  } else {
    // To be told it would have to shake hands first, and this thread accepts the others.
    close(fd);
  }
}

void HttpServerImpl::AnswerUnasked(int fd, HttpAnswer answer) {
  Connection connection(NewPlainTransport(fd));
  Exchange exchange;
  exchange.close = true;
  const int status = answer.status;
  Render(std::move(answer), exchange, &connection);
  metrics_.RequestDone(status, absl::ZeroDuration());
  // An answer this short always fits into a fresh socket.
  if (connection.FlushSome()) closer_.Close(connection.Release());
}

Session* HttpServerImpl::Open(std::unique_ptr<Transport> transport, InputPoller* poller) {
  auto* const session = new Session(std::move(transport), poller);  // End() deletes it
  metrics_.ConnectionOpened();
  absl::MutexLock lock(&mu_);
  sessions_.emplace(session, false);
  // It was accepted before the drain began, and is not in its list.
  if (draining_) session->connection.StopReading();
  return session;
}

void HttpServerImpl::End(Session* session) {
  {
    absl::MutexLock lock(&mu_);
    const auto ended = sessions_.find(session);
    if (ended->second) --open_requests_;
    sessions_.erase(ended);
  }
  metrics_.ConnectionClosed();
  if (session->exchange.unread) closer_.Close(session->connection.Release());
  delete session;
  absl::MutexLock lock(&mu_);
  // The last touch of the server, which may be waiting for it to go.
  --open_connections_;
}

void HttpServerImpl::ShakeHands(int fd, InputPoller* poller) {
  std::unique_ptr<Transport> transport = options_.tls->Accept(fd);
  if (transport == nullptr) {
    absl::MutexLock lock(&mu_);
    --open_connections_;
    return;
  }
  Session* const session = Open(std::move(transport), poller);
  const absl::Status done = session->connection.Handshake(
      absl::Now() + std::min(kHandshakeTimeout, options_.idle_timeout));
  if (!done.ok()) return TurnAway(done, session);
  Await(session);
}

void HttpServerImpl::TurnAway(const absl::Status& why, Session* session) {
  // A probe of the port; or the server ends.
  if (absl::IsCancelled(why)) return End(session);
  metrics_.TlsHandshakeFailed();
  const int fd = session->connection.Release();
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
  End(session);
}

void HttpServerImpl::Await(Session* session) {
  if (!session->connection.HasInput()) return AwaitSocket(session);
  // Pipelined: it is here already, and no socket will say so.
  if (!ServeOnOwnThread(session, &HttpServerImpl::ServeNext)) End(session);
}

void HttpServerImpl::AwaitSocket(Session* session) {
  if (!session->poller->Await(session)) End(session);
}

void HttpServerImpl::OnInput(Session* session, bool timed_out) {
  if (timed_out) return End(session);
  ServeNext(session, On::kPoller);
}

void HttpServerImpl::ServeNext(Session* session, On on) {
  switch (session->connection.TakeIn()) {
    case Connection::Input::kNone:
      return AwaitSocket(session);
    case Connection::Input::kEnd:
      return End(session);
    case Connection::Input::kSome:
      break;
  }
  BeginRequest(session);
  if (on == On::kOwnThread || session->connection.HoldsHead()) return ServeHead(session, on);
  if (!ServeOnOwnThread(session, &HttpServerImpl::ServeHead)) TurnAwayOverloaded(session);
}

bool HttpServerImpl::ServeOnOwnThread(Session* session, Serve serve) {
  return threads_->Run([this, session, serve] { (this->*serve)(session, On::kOwnThread); });
}

void HttpServerImpl::TurnAwayOverloaded(Session* session) {
  session->exchange.close = session->exchange.unread = true;
  Answer(RetryAnswer("OVERLOADED", "too many requests are open"), session, On::kPoller);
}

void HttpServerImpl::BeginRequest(Session* session) {
  Exchange& exchange = session->exchange = Exchange();
  exchange.start = absl::Now();
  session->connection.set_read_deadline(exchange.start + options_.body_timeout);
  absl::MutexLock lock(&mu_);
  sessions_[session] = true;
  ++open_requests_;
  exchange.draining = draining_;
}

bool HttpServerImpl::EndRequest(Session* session) {
  absl::MutexLock lock(&mu_);
  sessions_[session] = false;
  --open_requests_;
  return draining_;
}

void HttpServerImpl::ServeHead(Session* session, On on) {
  Exchange& exchange = session->exchange;
  const absl::Status read = session->connection.ReadHead(kHeadBytesMax, &session->head_bytes);
  if (absl::IsCancelled(read)) return Abort(session);
  absl::StatusOr<RequestHead> head = read.ok() ? ParseRequestHead(session->head_bytes) : read;
  if (!head.ok()) {
    exchange.close = exchange.unread = true;
    return Answer(AnswerForHeadError(head.status()), session, on);
  }
  session->head = *std::move(head);
  exchange.ids = IdsOf(session->head);
  std::optional<HttpAnswer> refusal = Check(session->head, &exchange);
  if (refusal.has_value()) {
    exchange.close = exchange.close || exchange.unread;
    return Answer(*std::move(refusal), session, on);
  }
  if (on == On::kOwnThread || BodyIsAtHand(*session)) return ServeBody(session, on);
  if (!ServeOnOwnThread(session, &HttpServerImpl::ServeBody)) TurnAwayOverloaded(session);
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

void HttpServerImpl::ServeBody(Session* session, On on) {
  Exchange& exchange = session->exchange;
  // Sent when reading the body has to wait for it.
  if (session->head.expects_continue)
    session->connection.out()->append(kContinue.data(), kContinue.size());
  // Before the body, so that it goes after it.
  BodyShare share(&body_budget_);
  std::string body;
  const absl::Status read =
      ReadBody(session->head, exchange.coding, kBodyBytesMax, &session->connection, &share, &body);
  if (absl::IsCancelled(read)) return Abort(session);
  if (!read.ok()) {
    exchange.close = true;
    return Answer(AnswerForRequestError(read), session, on);
  }
  exchange.unread = false;
  exchange.handler->Handle(std::move(body), exchange.start, exchange.admission, exchange.ids,
                           [this, session](HttpAnswer answer) {
                             // On whatever thread it has, where others wait too.
                             Answer(std::move(answer), session, On::kPoller);
                           });
}

void HttpServerImpl::Answer(HttpAnswer answer, Session* session, On on) {
  Exchange& exchange = session->exchange;
  {
    absl::ReaderMutexLock lock(&mu_);
    exchange.close = exchange.close || draining_;
  }
  const int status = answer.status;
  Render(std::move(answer), exchange, &session->connection);
  const bool sent = session->connection.FlushSome();
  metrics_.RequestDone(status, absl::Now() - exchange.start);
  if (sent || on == On::kOwnThread) return FinishAnswer(session, on);
  // With patience, where only this connection waits.
  if (!ServeOnOwnThread(session, &HttpServerImpl::FinishAnswer)) End(session);
}

void HttpServerImpl::FinishAnswer(Session* session, On /*on*/) {
  Exchange& exchange = session->exchange;
  const bool sent = session->connection.Flush();
  exchange.unread = exchange.unread && sent;
  const bool draining = EndRequest(session);
  if (!sent || exchange.close || draining) return End(session);
  Await(session);
}

void HttpServerImpl::Abort(Session* session) {
  session->exchange.unread = false;
  metrics_.RequestDone(0, absl::Now() - session->exchange.start);
  End(session);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              Metrics* metrics) {
  auto server = std::make_unique<HttpServerImpl>(std::move(options), metrics);
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace incidenthub::gateway
