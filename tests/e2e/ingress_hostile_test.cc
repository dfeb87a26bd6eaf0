// Strangers that mean harm, at nginx with the configuration that is documented: what they can take
// of the hub and the gateway behind it is bounded, and others are served meanwhile; SECURITY.md
// says where that does not hold.

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/e2e/hostile_calls.h"
#include "tests/e2e/ingress_fixture.h"
#include "tests/support/http2_frames.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tcp.h"
#include "tests/support/tls_client.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

constexpr absl::Duration kAttack = absl::Seconds(5);
// Of an honest caller; far below the limits.
constexpr absl::Duration kPause = absl::Milliseconds(25);

// Of those who attack. 127.0.0.1 is that of honest ones.
std::string Address(size_t attacker) { return absl::StrCat("127.0.0.", attacker + 2); }

class IngressHostileTest : public IngressTest {
 protected:
  struct Attempt {
    size_t calls = 0;
    size_t connections = 0;
  };

  // Begins calls from each of these addresses for as long as kAttack, and connects again whenever
  // nginx has had enough. Answers are read and thrown away.
  Attempt BeginCalls(size_t first, size_t addresses, CallEnd end) const {
    struct Attacker {
      std::string address;
      std::unique_ptr<TlsClient> connection;
      uint32_t next_stream = 1;
    };
    std::vector<Attacker> attackers(addresses);
    for (size_t i = 0; i < addresses; ++i) attackers[i].address = Address(first + i);
    Attempt attempt;
    const absl::Time until = absl::Now() + kAttack;
    for (size_t i = 0; absl::Now() < until; ++i) {
      Attacker& attacker = attackers[i % addresses];
      std::string bytes;
      if (attacker.connection == nullptr) {
        auto connected = Connect(calls_port(), "h2", attacker.address);
        if (!connected.ok()) continue;
        attacker.connection = *std::move(connected);
        attacker.next_stream = 1;
        ++attempt.connections;
        bytes = absl::StrCat(http2::kPreface, http2::Frame(http2::kSettings, 0, 0, ""));
      }
      absl::StrAppend(&bytes, HostileCalls(attacker.next_stream, end));
      attacker.next_stream += 2 * kHostileCalls;
      if (attacker.connection->Send(bytes).ok()) attempt.calls += kHostileCalls;
      if (!attacker.connection->Discard()) attacker.connection.reset();
    }
    return attempt;
  }
  // The same by several threads.
  Attempt BeginCallsFromMany(CallEnd end) const {
    constexpr size_t kThreads = 4;
    constexpr size_t kAddressesEach = 16;
    std::vector<Attempt> attempts(kThreads);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, i, end, &attempts] {
        attempts[i] = BeginCalls(i * kAddressesEach, kAddressesEach, end);
      });
    }
    Attempt sum;
    for (size_t i = 0; i < kThreads; ++i) {
      threads[i].join();
      sum.calls += attempts[i].calls;
      sum.connections += attempts[i].connections;
    }
    return sum;
  }

  // Posts over a new connection each time.
  Honest::Call Sender() const {
    return [this, posts = 0]() mutable {
      const std::string id = absl::StrCat("beside-", posts++);
      return PostThroughNginx(SmallIncident(id, 1'790'000'000)) == 200;
    };
  }

  // Of those beside an attack.
  static std::string Said(const Honest& honest) {
    return absl::StrCat(honest.calls(), " calls beside, of which ", honest.failed(),
                        " failed, the slowest took ", absl::FormatDuration(honest.slowest()));
  }
  void Report(const std::string& what, const Honest& honest) {
    std::cout << what << ": memory grew by " << HubGrowth() / kMiB << " MiB in the hub, "
              << NginxGrowth() / kMiB << " MiB in nginx; " << Said(honest) << "\n";
  }
  static std::string Said(const Attempt& attempt) {
    return absl::StrCat(attempt.calls, " calls over ", attempt.connections, " connections");
  }

  // More than `calls_min` calls add less than `bytes_max` to the hub, and to nginx.
  void ExpectManyAreBounded(const std::string& what, CallEnd end, size_t calls_min,
                            uint64_t bytes_max) {
    client::IncidentClient caller = ThroughNginx(CallersToken());
    ASSERT_OK(caller.Get("a"));
    MarkMemory();
    Honest honest(&caller, kPause);
    const Attempt attempt = BeginCallsFromMany(end);
    honest.Stop();
    Report(absl::StrCat(what, ": ", Said(attempt)), honest);
    EXPECT_GT(attempt.calls, calls_min);
    EXPECT_LT(HubGrowth(), bytes_max);
    EXPECT_LT(NginxGrowth(), bytes_max);
  }
};

TEST_F(IngressHostileTest, CallsOfOneThatAreResetAtOnceCostTheHubNothing) {
  client::IncidentClient caller = ThroughNginx(CallersToken());
  ASSERT_OK(caller.Get("a"));
  MarkMemory();
  Honest honest(&caller, kPause);
  const Attempt attempt = BeginCalls(0, 1, CallEnd::kReset);
  honest.Stop();
  Report(absl::StrCat("one, reset: ", Said(attempt)), honest);
  EXPECT_GT(attempt.calls, 10'000U);
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(honest.slowest(), absl::Seconds(2));
  EXPECT_LT(HubGrowth(), 64 * kMiB);
  EXPECT_LT(NginxGrowth(), 64 * kMiB);
  EXPECT_LT(std::filesystem::file_size(access_log()), kMiB / 4) << "only what reached the hub";
}

// Others wait meanwhile, or are told to come back: nginx cannot tell them apart.
TEST_F(IngressHostileTest, CallsOfManyThatAreResetAtOnceAreBounded) {
  ExpectManyAreBounded("64 addresses, reset", CallEnd::kReset, 10'000, 96 * kMiB);
}

TEST_F(IngressHostileTest, CallsOfManyThatAreNeverFinishedAreBounded) {
  // 2,000 connections.
  ExpectManyAreBounded("64 addresses, never finished", CallEnd::kNever, 1'000, 256 * kMiB);
}

TEST_F(IngressHostileTest, HeadsAndBodiesThatDripDoNotReachTheGateway) {
  constexpr size_t kHeads = 400;
  constexpr size_t kBodies = 90;
  MarkMemory();
  Honest honest(Sender(), kPause);
  const std::string head = absl::StrCat("POST ", kWebhookPath, " HTTP/1.1\r\nHost: localhost\r\n");
  std::vector<std::unique_ptr<TlsClient>> heads;
  std::vector<std::unique_ptr<TlsClient>> bodies;
  for (size_t i = 0; i < kHeads + kBodies; ++i) {
    auto sender = Connect(webhooks_port(), "", Address(0));
    ASSERT_OK(sender);
    const bool drips_head = i < kHeads;
    EXPECT_OK((*sender)->Send(
        absl::StrCat(head, drips_head ? "X-Slow: " : "Content-Length: 1000000\r\n\r\n")));
    (drips_head ? heads : bodies).push_back(*std::move(sender));
  }
  double most_at_gateway = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto drip = [](const std::unique_ptr<TlsClient>& sender) {
          return !sender->Discard() || !sender->Send("x").ok();
        };
        heads.erase(std::remove_if(heads.begin(), heads.end(), drip), heads.end());
        EXPECT_FALSE(std::any_of(bodies.begin(), bodies.end(), drip)) << "they are held by nginx";
        most_at_gateway = std::max(
            most_at_gateway, gateway().Metric("incidenthub_gateway_connections_open").value_or(0));
        return heads.empty();
      },
      2 * kPatience, absl::Milliseconds(100)))
      << "a byte now and then does not keep a connection";
  honest.Stop();
  std::cout << kHeads << " heads and " << kBodies << " bodies that drip: memory grew by "
            << GatewayGrowth() / kMiB << " MiB in the gateway, " << NginxGrowth() / kMiB
            << " MiB in nginx; the gateway had " << most_at_gateway << " connections at most; "
            << Said(honest) << "\n";
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(honest.slowest(), absl::Seconds(2));
  EXPECT_LT(most_at_gateway, 40) << "those that nginx keeps";
  EXPECT_LT(GatewayGrowth(), 32 * kMiB);
  EXPECT_LT(NginxGrowth(), 128 * kMiB);
}

TEST_F(IngressHostileTest, WhatIsTooLargeDoesNotReachTheGateway) {
  MarkMemory();
  const std::string head = absl::StrCat("POST ", kWebhookPath, " HTTP/1.1\r\nHost: localhost\r\n");
  const struct {
    std::string request;
    int status;
  } cases[] = {
      // Of nginx, as the gateway's 431.
      {absl::StrCat(head, "X-Long: ", std::string(40'000, 'x'), "\r\n\r\n"), 400},
      {absl::StrCat(head, "Content-Length: ", 17 * kMiB, "\r\n\r\n"), 413},
      {absl::StrCat(head, "Transfer-Encoding: chunked\r\n\r\n", absl::Hex(17 * kMiB), "\r\nx"),
       413}};
  for (const auto& [request, status] : cases) {
    for (int i = 0; i < 50; ++i) {
      const auto sender = Connect(webhooks_port(), "", Address(0));
      ASSERT_OK(sender);
      const auto answer = (*sender)->Exchange(request);
      ASSERT_OK(answer);
      EXPECT_EQ(answer->status, status);
    }
  }
  const auto answered = [this](absl::string_view code) {
    return gateway()
        .Metric(absl::StrCat("incidenthub_gateway_requests_total{code=\"", code, "\"}"))
        .value_or(0);
  };
  EXPECT_EQ(answered("200"), 1) << "the fixture's own";
  for (const char* code : {"400", "408", "413", "431", "aborted"}) EXPECT_EQ(answered(code), 0);
  EXPECT_LT(GatewayGrowth(), 16 * kMiB);
  EXPECT_LT(NginxGrowth(), 64 * kMiB);
}

TEST_F(IngressHostileTest, MoreSilentConnectionsThanNginxHoldsKeepNobodyOut) {
  // More than worker_connections.
  constexpr size_t kSilent = 9000;
  constexpr rlim_t kReserve = 200;
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GT(limit.rlim_max, kSilent + kReserve) << "more open files are needed: ulimit -Hn";
  MarkMemory();
  Honest honest(Sender(), kPause);
  std::vector<OwnedFd> silent;
  for (size_t i = 0; i < kSilent; ++i) {
    const auto fd = ConnectTcp(webhooks_port(), kPatience, Address(0));
    ASSERT_OK(fd);
    silent.emplace_back(*fd);
  }
  EXPECT_EQ(PostThroughNginx(SmallIncident("after-them", 1'790'000'000)), 200);
  honest.Stop();
  std::cout << kSilent << " silent connections: memory grew by " << NginxGrowth() / kMiB
            << " MiB in nginx; " << Said(honest) << "\n";
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(honest.slowest(), absl::Seconds(5));
  EXPECT_LT(NginxGrowth(), 256 * kMiB);
}

}  // namespace
}  // namespace incidenthub::testing
