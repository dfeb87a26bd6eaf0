#include "clients/cpp/hub_stub.h"

#include <utility>

#include "clients/cpp/incident_client.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace incidenthub::client {
namespace {

// Waits between connection attempts, and the time one may take (gRPC's name for that is the
// smallest backoff). gRPC's own ceiling is two minutes; a hub that restarts is back within seconds.
constexpr int kReconnectInitialMs = 100;
constexpr int kReconnectMaxMs = 2'000;
constexpr int kConnectTimeoutMs = 5'000;
// While there are calls: ask a connection that is silent for a sign of life, and give it up without
// one. Heartbeats are data, so that a hub sees few of these.
constexpr int kKeepaliveTimeMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

std::shared_ptr<Connection> Dial(const std::string& address, const HubCredentials* credentials) {
  grpc::ChannelArguments arguments;
  // A proxy for the web has no part in this, not even for 127.0.0.1, where gRPC would use one.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectInitialMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // A client's connection is its own: not shared, with its backoff, with others of the process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  const std::shared_ptr<grpc::ChannelCredentials> channel_credentials =
      credentials == nullptr ? grpc::InsecureChannelCredentials()
                             : credentials->ForChannel(&arguments);
  return std::make_shared<Connection>(
      grpc::CreateCustomChannel(address, channel_credentials, arguments));
}

}  // namespace

HubStub::HubStub(std::string address, std::shared_ptr<HubCredentials> credentials)
    : address_(std::move(address)),
      credentials_(std::move(credentials)),
      connection_(Dial(address_, credentials_.get())) {}

void HubStub::Authorize(grpc::ClientContext* context) const {
  if (credentials_ != nullptr) credentials_->AddTo(context);
}

std::shared_ptr<Connection> HubStub::Current() {
  absl::MutexLock lock(&mu_);
  return connection_;
}

std::shared_ptr<Connection> HubStub::ForAttempt() {
  absl::MutexLock lock(&mu_);
  if (connection_->channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
    connection_ = Dial(address_, credentials_.get());
  }
  return connection_;
}

}  // namespace incidenthub::client
