#include "tests/bench/http_load.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "tests/support/tcp.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
// After the end, for the last answers.
constexpr absl::Duration kLastAnswersTime = absl::Seconds(30);
constexpr size_t kReadBytes = 32768;
constexpr int kEventsMax = 128;

// Status and length of the response at the beginning of `bytes`. Length 0: it is not complete.
struct ResponseSize {
  int status = 0;
  size_t length = 0;
};

ResponseSize Measure(absl::string_view bytes) {
  constexpr absl::string_view kLengthField = "\r\ncontent-length:";
  const size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == absl::string_view::npos) return {};
  ResponseSize size;
  if (!absl::SimpleAtoi(bytes.substr(9, 3), &size.status)) return {.status = -1, .length = 1};
  size_t body = 0;
  for (size_t at = bytes.find("\r\n"); at < head_end; at = bytes.find("\r\n", at + 1)) {
    if (!absl::StartsWithIgnoreCase(bytes.substr(at), kLengthField)) continue;
    const absl::string_view value = bytes.substr(at + kLengthField.size(), head_end - at);
    if (!absl::SimpleAtoi(value.substr(0, value.find("\r\n")), &body))
      return {.status = -1, .length = 1};
  }
  const size_t length = head_end + 4 + body;
  if (bytes.size() < length) return {};
  size.length = length;
  return size;
}

// One thread's connections.
class Worker {
 public:
  Worker(const LoadOptions& options, const RequestTemplate& requests, size_t index,
         size_t connections)
      : options_(options),
        requests_(requests),
        next_index_(options.schedule.first_index + index),
        connections_(connections) {}

  absl::Status Connect() {
    epoll_ = testing::OwnedFd(epoll_create1(EPOLL_CLOEXEC));
    for (Connection& connection : connections_) {
      ASSIGN_OR_RETURN(const int fd, testing::ConnectTcp(options_.port, kConnectTimeout));
      connection.fd = testing::OwnedFd(fd);
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
      connection.request = requests_.bytes();
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.ptr = &connection;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return Broken("epoll");
    }
    return absl::OkStatus();
  }

  // From `begin` on it is measured, from `end` on nothing is sent.
  absl::Status Run(int64_t begin, int64_t end) {
    begin_ = begin;
    end_ = end;
    for (Connection& connection : connections_) idle_.push_back(&connection);
    const int64_t give_up = end + absl::ToInt64Nanoseconds(kLastAnswersTime);
    while (true) {
      RETURN_IF_ERROR(SendWhatIsDue());
      const int64_t now = NowNanos();
      if (NextDue(now) >= end_ && idle_.size() == connections_.size()) return absl::OkStatus();
      if (now >= give_up) return absl::DeadlineExceededError("answers are missing");
      RETURN_IF_ERROR(Wait(now));
    }
  }

  LoadResult TakeResult() {
    result_.next_index = next_index_;
    return std::move(result_);
  }

 private:
  struct Connection {
    testing::OwnedFd fd;
    std::string request;
    size_t sent = 0;
    std::string response;
    // When the request under way was sent, or due.
    int64_t start = 0;
    bool busy = false;
  };

  static absl::Status Broken(absl::string_view what) {
    return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
  }

  bool open_loop() const { return options_.schedule.rate > 0; }

  int64_t NextDue(int64_t now) const {
    return open_loop() ? options_.schedule.DueNanos(next_index_) : now;
  }

  // Also after the end what was due before it: what is late must not be left out.
  absl::Status SendWhatIsDue() {
    while (!idle_.empty()) {
      const int64_t now = NowNanos();
      const int64_t due = NextDue(now);
      if (due > now || due >= end_) return absl::OkStatus();
      Connection* connection = idle_.front();
      idle_.pop_front();
      connection->start = due;
      connection->busy = true;
      connection->sent = 0;
      requests_.Patch(next_index_, &connection->request);
      next_index_ += options_.threads;
      RETURN_IF_ERROR(Send(connection));
    }
    return absl::OkStatus();
  }

  absl::Status Wait(int64_t now) {
    int64_t until = end_ > now ? end_ : now + 100'000'000;
    if (open_loop() && !idle_.empty() && now < end_) {
      until = std::min(until, options_.schedule.DueNanos(next_index_));
    }
    const int64_t nanos = std::max<int64_t>(until - now, 0);
    const timespec timeout = {nanos / 1'000'000'000, nanos % 1'000'000'000};
    std::array<epoll_event, kEventsMax> events;
    const int count = epoll_pwait2(epoll_.get(), events.data(), kEventsMax, &timeout, nullptr);
    if (count < 0 && errno != EINTR) return Broken("epoll");
    for (int i = 0; i < count; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (!connection->busy) continue;
      RETURN_IF_ERROR(Send(connection));
      RETURN_IF_ERROR(Receive(connection));
    }
    return absl::OkStatus();
  }

  static absl::Status Send(Connection* connection) {
    while (connection->sent < connection->request.size()) {
      const ssize_t size = send(connection->fd.get(), connection->request.data() + connection->sent,
                                connection->request.size() - connection->sent, MSG_NOSIGNAL);
      if (size < 0 && errno == EAGAIN) return absl::OkStatus();
      if (size < 0) return Broken("sending");
      connection->sent += static_cast<size_t>(size);
    }
    return absl::OkStatus();
  }

  absl::Status Receive(Connection* connection) {
    std::array<char, kReadBytes> buffer;
    while (true) {
      const ssize_t size = recv(connection->fd.get(), buffer.data(), buffer.size(), 0);
      if (size < 0 && errno == EAGAIN) break;
      if (size < 0) return Broken("receiving");
      if (size == 0) return absl::UnavailableError("the server has closed a connection");
      connection->response.append(buffer.data(), static_cast<size_t>(size));
    }
    const ResponseSize response = Measure(connection->response);
    if (response.length == 0) return absl::OkStatus();
    Count(*connection, response.status);
    connection->response.clear();
    connection->busy = false;
    idle_.push_back(connection);
    return absl::OkStatus();
  }

  void Count(const Connection& connection, int status) {
    if (status != 200) {
      if (result_.errors++ == 0) result_.first_error = connection.response;
      return;
    }
    const int64_t now = NowNanos();
    // In an open loop all that was due while it was measured, however late it was answered.
    const int64_t counted = open_loop() ? connection.start : now;
    if (counted < begin_ || counted >= end_) return;
    ++result_.requests;
    result_.latencies.Add(now - connection.start);
  }

  const LoadOptions& options_;
  const RequestTemplate& requests_;
  uint64_t next_index_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  testing::OwnedFd epoll_;
  std::vector<Connection> connections_;
  std::deque<Connection*> idle_;
  LoadResult result_;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options, const RequestTemplate& requests) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < options.threads; ++i) {
    const size_t share = (options.connections + i) / options.threads;
    workers.push_back(std::make_unique<Worker>(options, requests, i, std::max<size_t>(share, 1)));
    RETURN_IF_ERROR(workers.back()->Connect());
  }
  const int64_t start = std::max(options.schedule.start_nanos, NowNanos());
  const int64_t begin = start + absl::ToInt64Nanoseconds(options.warmup);
  const int64_t end = begin + absl::ToInt64Nanoseconds(options.duration);
  std::vector<absl::Status> ends(workers.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < workers.size(); ++i) {
    threads.emplace_back([&, i] { ends[i] = workers[i]->Run(begin, end); });
  }
  for (std::thread& thread : threads) thread.join();
  LoadResult all;
  all.elapsed = options.duration;
  for (size_t i = 0; i < workers.size(); ++i) {
    RETURN_IF_ERROR(ends[i]);
    const LoadResult part = workers[i]->TakeResult();
    all.requests += part.requests;
    all.errors += part.errors;
    if (all.first_error.empty()) all.first_error = part.first_error;
    all.latencies.AddAll(part.latencies);
    all.next_index = std::max(all.next_index, part.next_index);
  }
  return all;
}

}  // namespace incidenthub::bench
