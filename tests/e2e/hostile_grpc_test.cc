// Clients that mean harm, at the hub's port: what they can take is bounded, and others are served
// meanwhile; SECURITY.md says where that does not hold. ingress_hostile_test.cc has those in front
// of whom nginx stands.

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/hub_credentials.h"
#include "gtest/gtest.h"
#include "tests/e2e/hostile_calls.h"
#include "tests/support/http2_frames.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tcp.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tls_client.h"

namespace incidenthub::testing {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr absl::Duration kAttack = absl::Seconds(4);

class HostileGrpcTest : public HubTest {
 protected:
  HostileGrpcTest() {
    StartHub();
    IngestSession session(hub_port());
    EXPECT_OK(session.Send({MakeDelivery("a", 1)}));
  }

  uint64_t ResidentMemory() { return ResidentBytes(hub().process().pid()).value_or(0); }
  uint64_t Growth(uint64_t since) {
    const uint64_t peak = PeakResidentBytes(hub().process().pid()).value_or(0);
    return peak > since ? peak - since : 0;
  }

  // Whatever came before: the hub runs, and serves whoever comes.
  void TearDown() override {
    EXPECT_TRUE(hub().process().running());
    EXPECT_OK(client().Get("a"));
  }

  absl::StatusOr<OwnedFd> Connect() const {
    absl::StatusOr<int> fd = ConnectTcp(hub_port(), kPatience);
    if (!fd.ok()) return fd.status();
    return OwnedFd(*fd);
  }

  // Sends the preface, and after that `many` again and again, for as long as kAttack; connects
  // again when the hub hangs up. What the hub says is read and thrown away. How often it was sent.
  size_t Flood(const std::string& many) {
    size_t sent = 0;
    const absl::Time end = absl::Now() + kAttack;
    while (absl::Now() < end) {
      const absl::StatusOr<OwnedFd> fd = Connect();
      if (!fd.ok()) continue;
      std::string bytes =
          absl::StrCat(http2::kPreface, http2::Frame(http2::kSettings, http2::kNoFlags, 0, ""));
      for (; absl::Now() < end && SendAll(fd->get(), bytes).ok(); ++sent) {
        char answer[65536];
        while (recv(fd->get(), answer, sizeof answer, MSG_DONTWAIT) > 0) {
        }
        bytes = many;
      }
    }
    return sent;
  }

  void Report(absl::string_view what, uint64_t before, const Honest& honest) {
    std::cout << what << ": memory grew by " << Growth(before) / kMiB << " MiB; " << honest.calls()
              << " calls beside, the slowest took " << honest.slowest() << "\n";
  }
};

// gRPC 1.51 has nothing against calls that are reset at once: whoever may begin them takes all of
// its memory. So whoever is a stranger has to stay outside.
TEST_F(HostileGrpcTest, StrangersDoNotGetAsFarAsACallWhereCertificatesAreRequired) {
  const TestCa ca = MakeCa(dir().path());
  const TestCertificate server = MakeServerCertificate(ca);
  const TestCertificate known = MakeClientCertificate(ca, "known", {"DNS:known"});
  std::ofstream(dir() / "access.json") << R"({"principals":[{"name":"known","roles":["viewer"],)"
                                          R"("certificate_names":["known"]}]})";
  const std::string& ca_file = ca.certificate.certificate_path;
  StartHub({absl::StrCat("--tls_cert_file=", server.certificate_path),
            absl::StrCat("--tls_key_file=", server.key_path),
            absl::StrCat("--tls_client_ca_file=", ca_file), "--tls_require_client_cert",
            absl::StrCat("--access_config=", dir() / "access.json")});
  auto credentials = HubCredentials::Load(
      {.ca_file = ca_file, .cert_file = known.certificate_path, .key_file = known.key_path});
  ASSERT_OK(credentials);
  client::IncidentClient insider(
      {.address = hub().address(), .credentials = *credentials, .timeout = kPatience});
  ASSERT_OK(insider.Get("a"));

  const uint64_t before = ResidentMemory();
  Honest honest(&insider);
  const std::string calls =
      absl::StrCat(http2::kPreface, http2::Frame(http2::kSettings, http2::kNoFlags, 0, ""),
                   HostileCalls(1, CallEnd::kReset));
  const absl::Time end = absl::Now() + kAttack;
  size_t tried = 0;
  while (absl::Now() < end) {
    const auto stranger = TlsClient::Connect(hub_port(), {.ca_file = ca_file, .protocol = "h2"});
    ++tried;
    // In TLS 1.3 it is told after its handshake, and may have said something by then.
    if (!stranger.ok()) continue;
    while ((*stranger)->Send(calls).ok() && absl::Now() < end) {
    }
    EXPECT_FALSE((*stranger)->Receive(1).ok()) << "the hub never speaks HTTP/2 to it";
  }
  honest.Stop();
  Report(absl::StrCat(tried, " connections of strangers"), before, honest);
  EXPECT_GT(tried, 10U);
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(honest.slowest(), absl::Seconds(2));
  EXPECT_LT(Growth(before), 128 * kMiB);
  // What the fixture looks at afterwards.
  StartHub();
}

TEST_F(HostileGrpcTest, FloodsOfPingsAndSettingsAreBounded) {
  const uint64_t before = ResidentMemory();
  Honest honest(&client());
  for (const char type : {http2::kPing, http2::kSettings}) {
    std::string many;
    for (int i = 0; i < 1000; ++i) {
      absl::StrAppend(
          &many, http2::Frame(type, http2::kNoFlags, 0, type == http2::kPing ? "pingping" : ""));
    }
    EXPECT_GT(Flood(many), 10U);
  }
  honest.Stop();
  Report("pings and settings", before, honest);
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(honest.slowest(), absl::Seconds(2));
  // What is answered and on its way; it does not grow with the time.
  EXPECT_LT(Growth(before), 512 * kMiB);
}

TEST_F(HostileGrpcTest, MessagesBeyondTheBoundAreRefusedBeforeTheyAreKept) {
  const uint64_t before = ResidentMemory();
  Honest honest(&client());
  std::vector<std::thread> attackers;
  std::atomic<size_t> refused = 0;
  for (int i = 0; i < 8; ++i) {
    attackers.emplace_back([this, &refused] {
      const client::IncidentClient large({.address = hub().address(), .timeout = kPatience});
      v1::ResolveRequest request;
      request.set_incident_id("a");
      request.set_actor("eve");
      request.set_note(std::string(10 * kMiB, 'x'));
      for (int n = 0; n < 5; ++n) {
        if (absl::IsResourceExhausted(large.Resolve(request).status())) ++refused;
      }
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
  honest.Stop();
  Report("40 messages of 10 MiB", before, honest);
  EXPECT_EQ(refused, 40U);
  EXPECT_EQ(honest.failed(), 0U);
  EXPECT_LT(Growth(before), 256 * kMiB);
}

TEST_F(HostileGrpcTest, ThousandsOfIdleConnectionsAreBoundedAndOthersAreServed) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr rlim_t kReserve = 200;
  const size_t count = std::min<size_t>(10'000, limit.rlim_max - kReserve);
  const uint64_t before = ResidentMemory();
  Honest honest(&client());
  const std::string hello =
      absl::StrCat(http2::kPreface, http2::Frame(http2::kSettings, http2::kNoFlags, 0, ""));
  std::vector<OwnedFd> idle;
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<OwnedFd> fd = Connect();
    // The hub has no descriptors left.
    if (!fd.ok() || !SendAll(fd->get(), hello).ok()) break;
    idle.push_back(*std::move(fd));
  }
  EXPECT_OK(client().Get("a"));
  honest.Stop();
  Report(absl::StrCat(idle.size(), " idle connections"), before, honest);
  EXPECT_GT(idle.size(), 500U);
  EXPECT_EQ(honest.failed(), 0U);
  constexpr uint64_t kBytesAConnection = 64 << 10;
  EXPECT_LT(Growth(before), 64 * kMiB + idle.size() * kBytesAConnection);
}

}  // namespace
}  // namespace incidenthub::testing
