// NATS' protocol is lines of text: PUB subject reply-to bytes, and MSG for what comes back.

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "tests/bench/peers.h"
#include "tests/support/tcp.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
constexpr time_t kSilenceSecondsMax = 20;
constexpr size_t kReadBytes = 65'536;

// A subject that a message came to, and what it says.
struct Message {
  std::string subject;
  std::string payload;
};

class Connection {
 public:
  absl::Status Open(int port) {
    ASSIGN_OR_RETURN(const int fd, testing::ConnectTcp(port, kConnectTimeout));
    fd_ = testing::OwnedFd(fd);
    const timeval silence = {kSilenceSecondsMax, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    return Send("CONNECT {\"verbose\":false}\r\nSUB _INBOX.* 1\r\n");
  }

  absl::Status Send(absl::string_view bytes) { return testing::SendAll(fd_.get(), bytes); }

  // Waits for the next message. UNAVAILABLE: the server is gone, silent, or says an error.
  absl::StatusOr<Message> Next() {
    while (true) {
      std::string line;
      RETURN_IF_ERROR(ReadLine(&line));
      if (absl::StartsWith(line, "-ERR")) return absl::UnavailableError(line);
      if (line == "PING") RETURN_IF_ERROR(Send("PONG\r\n"));
      if (!absl::StartsWith(line, "MSG ")) continue;
      // MSG subject sid [reply-to] bytes
      const std::vector<std::string> fields = absl::StrSplit(line, ' ');
      size_t size = 0;
      if (!absl::SimpleAtoi(fields.back(), &size)) return absl::UnavailableError(line);
      while (in_.size() < at_ + size + 2) RETURN_IF_ERROR(Receive());
      Message message{fields[1], in_.substr(at_, size)};
      at_ += size + 2;
      return message;
    }
  }

 private:
  absl::Status ReadLine(std::string* line) {
    size_t end = in_.find("\r\n", at_);
    while (end == std::string::npos) {
      RETURN_IF_ERROR(Receive());
      end = in_.find("\r\n", at_);
    }
    *line = in_.substr(at_, end - at_);
    at_ = end + 2;
    return absl::OkStatus();
  }

  absl::Status Receive() {
    in_.erase(0, at_);
    at_ = 0;
    std::array<char, kReadBytes> buffer;
    const ssize_t size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return absl::ErrnoToStatus(errno, "NATS says nothing");
    if (size == 0) return absl::UnavailableError("NATS has closed the connection");
    in_.append(buffer.data(), static_cast<size_t>(size));
    return absl::OkStatus();
  }

  testing::OwnedFd fd_;
  std::string in_;
  // What of it is taken.
  size_t at_ = 0;
};

std::string Publish(absl::string_view subject, absl::string_view inbox, absl::string_view payload) {
  return absl::StrCat("PUB ", subject, " _INBOX.", inbox, " ", payload.size(), "\r\n", payload,
                      "\r\n");
}

absl::Status MakeStream(Connection* connection) {
  constexpr absl::string_view kConfig =
      R"({"name":"incidents","subjects":["incidents.*"],"storage":"file","max_bytes":4294967296})";
  RETURN_IF_ERROR(connection->Send(Publish("$JS.API.STREAM.CREATE.incidents", "stream", kConfig)));
  ASSIGN_OR_RETURN(const Message made, connection->Next());
  if (absl::StrContains(made.payload, "\"error\"")) return absl::UnavailableError(made.payload);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PeerResult> PublishToNats(const PeerLoad& load) {
  Connection connection;
  RETURN_IF_ERROR(connection.Open(load.port));
  RETURN_IF_ERROR(MakeStream(&connection));
  const std::string payload(load.body_bytes, 'x');
  const int64_t begin = NowNanos() + absl::ToInt64Nanoseconds(load.warmup);
  const int64_t end = begin + absl::ToInt64Nanoseconds(load.duration);
  std::vector<int64_t> starts(load.in_flight);
  uint64_t next = 0;
  const auto publish = [&](size_t slot) {
    starts[slot] = NowNanos();
    return connection.Send(
        Publish(absl::StrCat("incidents.", next++ % load.keys), absl::StrCat(slot), payload));
  };
  for (size_t slot = 0; slot < load.in_flight; ++slot) RETURN_IF_ERROR(publish(slot));
  PeerResult result;
  for (size_t open = load.in_flight; open > 0;) {
    ASSIGN_OR_RETURN(const Message acknowledged, connection.Next());
    size_t slot = 0;
    if (!absl::StrContains(acknowledged.payload, "\"seq\"") ||
        !absl::SimpleAtoi(acknowledged.subject.substr(acknowledged.subject.find('.') + 1), &slot) ||
        slot >= starts.size()) {
      return absl::UnavailableError(acknowledged.payload);
    }
    const int64_t now = NowNanos();
    if (now >= begin && now < end) result.latencies.Add(now - starts[slot]);
    if (now < end) {
      RETURN_IF_ERROR(publish(slot));
    } else {
      --open;
    }
  }
  result.per_second =
      static_cast<double>(result.latencies.count()) / absl::ToDoubleSeconds(load.duration);
  return result;
}

}  // namespace incidenthub::bench
