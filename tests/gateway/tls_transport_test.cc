#include "gateway/tls_transport.h"

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gateway/connection.h"
#include "gateway/tls_acceptor.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tls_client.h"

namespace incidenthub::gateway {
namespace {

using testing::TlsClient;

constexpr absl::Duration kIdleTimeout = absl::Seconds(30);
// Far more than the buffers between two ends of a pair hold.
constexpr size_t kLargeBytes = size_t{8} << 20;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 7 + i / 251) % 256);
  return bytes;
}

class TlsTransportTest : public ::testing::Test {
 protected:
  TlsTransportTest() : ca_(testing::MakeCa(dir_.path())) {}

  // Both ends, with the handshake done.
  void SetUp() override {
    const testing::TestCertificate server = testing::MakeServerCertificate(ca_);
    auto acceptor = TlsAcceptor::Load({server.certificate_path, server.key_path, ""});
    ASSERT_OK(acceptor);
    std::array<int, 2> pair = {};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    connection_ = std::make_unique<Connection>((*acceptor)->Accept(pair[0]));
    std::thread connecting([&] {
      auto client = TlsClient::Over(pair[1], {.ca_file = ca_.certificate.certificate_path});
      EXPECT_OK(client);
      if (client.ok()) client_ = *std::move(client);
    });
    EXPECT_OK(connection_->Handshake(absl::Now() + kIdleTimeout));
    connecting.join();
    ASSERT_NE(client_, nullptr);
  }

  const testing::TempDir dir_;
  const testing::TestCa ca_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<TlsClient> client_;
};

TEST_F(TlsTransportTest, AnAnswerThatDoesNotFitIsTakenUpAgainAfterReading) {
  const std::string answer = Pattern(kLargeBytes);
  *connection_->out() += answer;
  EXPECT_FALSE(connection_->FlushSome()) << "nobody reads";
  EXPECT_EQ(connection_->TakeIn(), Connection::Input::kNone);
  EXPECT_FALSE(connection_->FlushSome());
  *connection_->out() += "end";
  std::string received;
  std::thread client([&] {
    const auto first = client_->Receive(kLargeBytes / 2);
    EXPECT_OK(first);
    EXPECT_OK(client_->Send("x"));
    const auto rest = client_->Receive(kLargeBytes / 2 + 3);
    EXPECT_OK(rest);
    if (first.ok() && rest.ok()) received = *first + *rest;
  });
  EXPECT_TRUE(connection_->Flush());
  client.join();
  EXPECT_EQ(connection_->TakeIn(), Connection::Input::kSome);
  EXPECT_TRUE(received == answer + "end");
}

TEST_F(TlsTransportTest, StopReadingEndsReadsAndLeavesWritesOpen) {
  connection_->StopReading();
  EXPECT_EQ(connection_->TakeIn(), Connection::Input::kEnd);
  *connection_->out() += "answer";
  EXPECT_TRUE(connection_->Flush());
  connection_.reset();
  const auto answer = client_->Receive(6);
  ASSERT_OK(answer);
  EXPECT_EQ(*answer, "answer");
  EXPECT_TRUE(client_->EndsInOrder());
}

TEST_F(TlsTransportTest, AbortMakesEverythingFailWithoutASignal) {
  connection_->Abort();
  EXPECT_EQ(connection_->TakeIn(), Connection::Input::kEnd);
  *connection_->out() += Pattern(kLargeBytes);
  EXPECT_FALSE(connection_->Flush());
}

TEST_F(TlsTransportTest, ReadsKeepToTheirDeadline) {
  connection_->set_read_deadline(absl::Now() + absl::Milliseconds(50));
  char byte = 0;
  EXPECT_THAT(connection_->Read(&byte, 1), testing::HasReason("REQUEST_TIMEOUT"));
  ASSERT_OK(client_->Send("x"));
  connection_->set_read_deadline(absl::Now() + kIdleTimeout);
  EXPECT_OK(connection_->Read(&byte, 1));
  EXPECT_EQ(byte, 'x');
}

}  // namespace
}  // namespace incidenthub::gateway
