// Senders that mean harm, at the gateway's port: what each of them can take is bounded, and where
// the design promises it, others are served meanwhile.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr char kConnectionsOpen[] = "incidenthub_gateway_connections_open";
constexpr char kRefused[] = "incidenthub_gateway_connections_refused_total";

// What a peer of the gateway sees of it.
enum class PeerState { kOpen, kAnswered, kClosed };

class HostileHttpTest : public HubTest {
 protected:
  // Whatever came before: a good webhook gets through, to the processes that were started.
  void TearDown() override {
    if (HasFatalFailure()) return;
    EXPECT_TRUE(WaitUntil(
        [this] { return Post(SampleWith("afterwards", 1'795'298'964)).status == 200; }, kPatience));
    EXPECT_TRUE(hub().process().running());
    EXPECT_TRUE(gateway().process().running());
  }

  uint64_t ResidentMemory() {
    const absl::StatusOr<uint64_t> bytes = ResidentBytes(gateway().process().pid());
    EXPECT_OK(bytes);
    return bytes.value_or(0);
  }
  // What it has grown by at its most.
  uint64_t Growth(uint64_t since) {
    const absl::StatusOr<uint64_t> peak = PeakResidentBytes(gateway().process().pid());
    EXPECT_OK(peak);
    const uint64_t bytes = peak.value_or(0);
    return bytes > since ? bytes - since : 0;
  }

  OwnedFd Connect() {
    absl::StatusOr<int> fd = ConnectTcp(gateway_port(), kPatience);
    EXPECT_OK(fd);
    OwnedFd owned(fd.value_or(-1));
    fcntl(owned.get(), F_SETFL, O_NONBLOCK);
    return owned;
  }

  // Sends what can be sent without a wait. How much that was; -1: the peer is gone.
  static ssize_t SendSome(const OwnedFd& fd, absl::string_view bytes) {
    const ssize_t sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent >= 0 ? sent : errno == EAGAIN ? 0 : -1;
  }

  // Reads what has come, into `*text`.
  static PeerState Look(const OwnedFd& fd, std::string* text) {
    char buffer[4096];
    while (true) {
      const ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
      if (got > 0) text->append(buffer, static_cast<size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return PeerState::kClosed;
      if (got < 0 && errno == EAGAIN) break;
    }
    return text->empty() ? PeerState::kOpen : PeerState::kAnswered;
  }

  // Everything that comes until the end of the connection.
  static std::string ReadToEnd(const OwnedFd& fd) {
    std::string text;
    EXPECT_TRUE(WaitUntil([&] { return Look(fd, &text) == PeerState::kClosed; }, kPatience,
                          absl::Milliseconds(1)));
    return text;
  }

  static std::string Head(absl::string_view more) {
    return absl::StrCat("POST ", kWebhookPath,
                        " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Authorization: ",
                        kWebhookSecret, "\r\n", more);
  }
  static std::string Webhook(const std::string& id) {
    return HttpPostBytes(kWebhookPath, WebhookHeaders(), SmallIncident(id, 1'790'000'100));
  }
};

TEST_F(HostileHttpTest, HeadersThatDripTakeTheirConnectionsAndNothingElse) {
  constexpr int kDripping = 400;
  StartHub();
  StartGateway({"--max_connections=450", "--body_timeout=4s"});
  PostAccepted(SampleWith("before", 1'790'000'000));
  const uint64_t before = ResidentMemory();
  std::vector<OwnedFd> dripping;
  for (int i = 0; i < kDripping; ++i) {
    dripping.push_back(Connect());
    SendSome(dripping.back(), Head("X-Slow: "));
  }
  std::vector<std::string> texts(kDripping);
  size_t open = kDripping;
  absl::Duration slowest = absl::ZeroDuration();
  int posted = 0;
  const absl::Time start = absl::Now();
  while (open > 0 && absl::Now() - start < kPatience) {
    open = 0;
    for (size_t i = 0; i < dripping.size(); ++i) {
      if (Look(dripping[i], &texts[i]) == PeerState::kClosed) continue;
      ++open;
      SendSome(dripping[i], "x");
    }
    const absl::Time post = absl::Now();
    PostAccepted(SampleWith(absl::StrCat("beside-", ++posted), 1'790'000'000));
    slowest = std::max(slowest, absl::Now() - post);
  }
  EXPECT_EQ(open, 0U) << "a byte now and then does not keep a connection";
  EXPECT_GE(absl::Now() - start, absl::Seconds(3));
  for (const std::string& text : texts) EXPECT_THAT(text, HasSubstr("HTTP/1.1 408 "));
  // Threads, for the most part.
  EXPECT_LT(Growth(before), 128 * kMiB);
  EXPECT_LT(slowest, absl::Seconds(2));
  std::cout << posted << " webhooks beside them, the slowest took " << slowest
            << ", memory grew by " << Growth(before) / kMiB << " MiB\n";
}

TEST_F(HostileHttpTest, OneWhoTakesEveryConnectionIsBoundedButKeepsNewOnesOut) {
  constexpr rlim_t kReserve = 100;
  constexpr size_t kAttackers = 6000;
  constexpr int kMaxConnections = 512;
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const size_t attackers = std::min<size_t>(kAttackers, limit.rlim_max - kReserve);
  ASSERT_GT(attackers, 2 * kMaxConnections) << "more open files are needed for this: ulimit -Hn";
  StartHub();
  StartGateway({absl::StrCat("--max_connections=", kMaxConnections), "--idle_timeout=15s"});
  // The fixture's connection is kept: one of those that are open.
  PostAccepted(SampleWith("before", 1'790'000'000));
  const uint64_t before = ResidentMemory();
  std::vector<OwnedFd> idle;
  for (size_t i = 0; i < attackers; ++i) idle.push_back(Connect());
  ASSERT_TRUE(WaitForMetric(gateway(), kConnectionsOpen, kMaxConnections));
  ASSERT_TRUE(
      WaitForMetric(gateway(), kRefused, static_cast<double>(attackers + 1 - kMaxConnections)));
  EXPECT_LT(Growth(before), 128 * kMiB);
  std::cout << attackers << " connections, memory grew by " << Growth(before) / kMiB << " MiB\n";

  // Those that had a connection are served on it.
  PostAccepted(SampleWith("beside", 1'790'000'000));
  // The others are told, and when to come back.
  HttpClient late(gateway_port());
  const auto refused = late.Post(kWebhookPath, WebhookHeaders(), DocumentedSample());
  ASSERT_OK(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_NE(refused->Header("Retry-After"), "");
  // Probes and metrics have a port of their own.
  EXPECT_TRUE(gateway().WaitUntilReady());
  // Silence does not last for ever.
  const absl::Time start = absl::Now();
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto response = late.Post(kWebhookPath, WebhookHeaders(), DocumentedSample());
        return response.ok() && response->status == 200;
      },
      kPatience));
  std::cout << "new senders were kept out for " << absl::Now() - start << "\n";
}

TEST_F(HostileHttpTest, ARequestThatHidesAnotherIsRefusedWithIt) {
  StartBoth();
  const std::string hidden = Webhook("hidden");
  const std::string size = absl::StrCat(hidden.size());
  const std::vector<std::pair<std::string, std::string>> attempts = {
      {"length and chunks",
       Head(absl::StrCat("Content-Length: ", size, "\r\nTransfer-Encoding: chunked\r\n\r\n")) +
           "0\r\n\r\n" + hidden},
      {"chunks and length",
       Head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"two lengths",
       Head(absl::StrCat("Content-Length: 0\r\nContent-Length: ", size, "\r\n\r\n")) + hidden},
      {"lengths in a list", Head("Content-Length: 0, 0\r\n\r\n") + hidden},
      {"length in octal or hex", Head("Content-Length: 0x0\r\n\r\n") + hidden},
      {"xchunked", Head("Transfer-Encoding: xchunked\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"chunked twice", Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") +
                            "0\r\n\r\n" + hidden},
      {"chunked and identity",
       Head("Transfer-Encoding: chunked, identity\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"chunked behind a vertical tab", Head("Transfer-Encoding: \x0b"
                                             "chunked\r\n\r\n") +
                                            "0\r\n\r\n" + hidden},
      {"chunked in a folded line",
       Head("Transfer-Encoding:\r\n chunked\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"chunked with a blank before the colon",
       Head("Transfer-Encoding : chunked\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"a bare line feed in a header",
       Head("X: y\nTransfer-Encoding: chunked\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"a bare carriage return in a header",
       Head("X: y\rTransfer-Encoding: chunked\r\n\r\n") + "0\r\n\r\n" + hidden},
      {"a NUL in a header", Head(absl::string_view("X: \0\r\n\r\n", 8)) + hidden},
      {"a chunk's size past all numbers",
       Head("Transfer-Encoding: chunked\r\n\r\n") + "10000000000000000\r\n" + hidden},
      {"a chunk's size that is negative as a number",
       Head("Transfer-Encoding: chunked\r\n\r\n") + "ffffffffffffffff\r\n" + hidden},
      {"a chunk's size in another base",
       Head("Transfer-Encoding: chunked\r\n\r\n") + "0x0\r\n\r\n" + hidden},
      {"a bare line feed after a chunk's size",
       Head("Transfer-Encoding: chunked\r\n\r\n") + "0\n\n" + hidden},
      {"a chunk without its end",
       Head("Transfer-Encoding: chunked\r\n\r\n") + "2\r\n{}0\r\n\r\n" + hidden}};
  for (const auto& [what, bytes] : attempts) {
    SCOPED_TRACE(what);
    const OwnedFd fd = Connect();
    ASSERT_EQ(SendSome(fd, bytes), static_cast<ssize_t>(bytes.size()));
    const std::string answers = ReadToEnd(fd);
    EXPECT_TRUE(absl::StartsWith(answers, "HTTP/1.1 400 ") ||
                absl::StartsWith(answers, "HTTP/1.1 413 "))
        << answers;
    EXPECT_EQ(answers.find("HTTP/1.1 "), answers.rfind("HTTP/1.1 ")) << "one answer, and the end";
  }
  EXPECT_THAT(ListSequences(), Not(Contains(Key("hidden"))));
}

TEST_F(HostileHttpTest, ExtensionsOfChunksChangeNothingAndAreBounded) {
  StartBoth();
  const std::string body = SmallIncident("extended", 1'790'000'100);
  const OwnedFd fine = Connect();
  const std::string request =
      Head("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n") +
      absl::StrCat(absl::Hex(body.size()), ";name=\"value\"\r\n", body, "\r\n0;last\r\n\r\n");
  ASSERT_EQ(SendSome(fine, request), static_cast<ssize_t>(request.size()));
  EXPECT_THAT(ReadToEnd(fine), HasSubstr("HTTP/1.1 200 "));

  const OwnedFd endless = Connect();
  ASSERT_GT(SendSome(endless, Head("Transfer-Encoding: chunked\r\n\r\n") + "2;"), 0);
  std::string text;
  const std::string more(1024, 'x');
  EXPECT_TRUE(WaitUntil(
      [&] {
        SendSome(endless, more);
        return Look(endless, &text) == PeerState::kClosed;
      },
      kPatience, absl::Milliseconds(1)));
  EXPECT_THAT(text, HasSubstr("HTTP/1.1 400 "));
}

TEST_F(HostileHttpTest, HeadersWithoutEndCostWhatTheirBoundSays) {
  constexpr int kSenders = 200;
  StartBoth();
  PostAccepted(SampleWith("before", 1'790'000'000));
  const uint64_t before = ResidentMemory();
  std::vector<OwnedFd> senders;
  std::vector<std::string> texts(kSenders);
  const std::string large = Head(absl::StrCat("X-Long: ", std::string(kMiB, 'x')));
  for (int i = 0; i < kSenders; ++i) {
    senders.push_back(Connect());
    SendSome(senders.back(), large);
  }
  const std::string more(4096, 'x');
  EXPECT_TRUE(WaitUntil(
      [&] {
        bool all_closed = true;
        for (size_t i = 0; i < senders.size(); ++i) {
          if (Look(senders[i], &texts[i]) == PeerState::kClosed) continue;
          all_closed = false;
          SendSome(senders[i], more);
        }
        return all_closed;
      },
      kPatience, absl::Milliseconds(1)));
  for (const std::string& text : texts) EXPECT_THAT(text, HasSubstr("HTTP/1.1 431 "));
  EXPECT_LT(Growth(before), 64 * kMiB);
}

TEST_F(HostileHttpTest, RequestsWithoutEndWhoseAnswersNobodyReadsAreHeldBack) {
  constexpr int kSenders = 50;
  // Of each sender, if the gateway took it all.
  constexpr size_t kBytesMax = size_t{64} << 20;
  StartBoth();
  PostAccepted(SampleWith("before", 1'790'000'000));
  const uint64_t before = ResidentMemory();
  std::string garbage;
  while (garbage.size() < 65536) garbage += "GET /nothing HTTP/1.1\r\n\r\n";
  std::vector<OwnedFd> senders;
  std::vector<size_t> sent(kSenders);
  for (int i = 0; i < kSenders; ++i) senders.push_back(Connect());
  // Until no sender could send anything for a while: all of them are held back, or gone.
  absl::Time last_progress = absl::Now();
  int posted = 0;
  const absl::Time start = absl::Now();
  while (absl::Now() - last_progress < absl::Seconds(1) && absl::Now() - start < kPatience) {
    for (size_t i = 0; i < senders.size(); ++i) {
      // A request may be cut anywhere, so the rest is another garbage.
      const ssize_t size = SendSome(senders[i], garbage);
      if (size <= 0) continue;
      sent[i] += static_cast<size_t>(size);
      last_progress = absl::Now();
    }
    PostAccepted(SampleWith(absl::StrCat("beside-", ++posted), 1'790'000'000));
  }
  for (const size_t bytes : sent) EXPECT_LT(bytes, kBytesMax);
  EXPECT_LT(Growth(before), 64 * kMiB);
  std::cout << posted << " webhooks beside them, memory grew by " << Growth(before) / kMiB
            << " MiB\n";
}

}  // namespace
}  // namespace incidenthub::testing
