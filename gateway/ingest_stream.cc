#include "gateway/ingest_stream.h"

#include <utility>

#include "common/grpc_status.h"
#include "grpcpp/channel.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/slice.h"
#include "grpcpp/support/stub_options.h"

namespace incidenthub::gateway {
namespace {

constexpr char kIngestMethod[] = "/incidenthub.v1.IngestService/Ingest";
constexpr int kReconnectFirstMs = 50;
constexpr int kReconnectMaxMs = 800;
// One attempt to connect may take this long.
constexpr int kConnectTimeoutMs = 1000;
constexpr int kKeepaliveTimeMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;

// A slice that owns `text` without a copy of it.
grpc::Slice ToSlice(std::string text) {
  auto* owned = new std::string(std::move(text));
  return {&(*owned)[0], owned->size(),
          [](void* string) { delete static_cast<std::string*>(string); }, owned};
}

}  // namespace

std::unique_ptr<IngestStub> MakeIngestStub(const std::string& hub,
                                           const HubCredentials* credentials) {
  grpc::ChannelArguments arguments;
  // Even for 127.0.0.1, gRPC would go through $http_proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectFirstMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // A quiet night is no reason to stop asking whether the hub is there.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  const std::shared_ptr<grpc::ChannelCredentials> channel_credentials =
      credentials == nullptr ? grpc::InsecureChannelCredentials()
                             : credentials->ForChannel(&arguments);
  return std::make_unique<IngestStub>(
      grpc::CreateCustomChannel(hub, channel_credentials, arguments));
}

IngestStream::IngestStream(IngestStub* stub, HubCredentials* credentials, Owner* owner)
    : owner_(*owner) {
  if (credentials != nullptr) credentials->AddTo(&context_);
  // The call waits in the channel while there is no connection, instead of failing.
  context_.set_wait_for_ready(true);
  stub->PrepareBidiStreamingCall(&context_, kIngestMethod, grpc::StubOptions(), this);
  AddHold();
}

void IngestStream::Start() {
  StartRead(&response_);
  StartCall();
}

void IngestStream::Send(std::string message) {
  const grpc::Slice slice = ToSlice(std::move(message));
  request_ = grpc::ByteBuffer(&slice, 1);
  StartWrite(&request_);
}

void IngestStream::OnReadInitialMetadataDone(bool ok) {
  if (ok) owner_.OnUp();
}

void IngestStream::OnReadDone(bool ok) {
  if (!ok) {
    owner_.OnReadEnd();
    return;
  }
  owner_.OnReceipts(&response_);
  StartRead(&response_);
}

void IngestStream::OnWriteDone(bool ok) { owner_.OnWriteDone(ok); }

void IngestStream::OnDone(const grpc::Status& status) { owner_.OnDone(FromGrpcStatus(status)); }

}  // namespace incidenthub::gateway
