#include "tests/support/hub_channel.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace incidenthub::testing {
namespace {

constexpr int kReconnectInitialMs = 20;
constexpr int kReconnectMaxMs = 100;
// Also the time that a connection attempt may take.
constexpr int kReconnectMinMs = 2'000;
constexpr int kReceiveBytesMax = 16 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> ConnectToHub(int port, int lookahead_bytes,
                                            const HubCredentials* credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectInitialMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  if (lookahead_bytes != 0) {
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, lookahead_bytes);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  }
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  const std::shared_ptr<grpc::ChannelCredentials> channel_credentials =
      credentials == nullptr ? grpc::InsecureChannelCredentials()
                             : credentials->ForChannel(&arguments);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), channel_credentials,
                                   arguments);
}

}  // namespace incidenthub::testing
