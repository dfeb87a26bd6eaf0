// One Ingest stream, seen from the client: the gRPC reactor, and nothing that could be decided
// without it.
//
// Threads and lifetime: made, started, cancelled and destroyed by one thread, which must not
// destroy it before OnDone(). The owner's functions are called on gRPC's threads, without a lock.
// Send() is called by any thread that has claimed the write; a hold on the call keeps the stream
// alive from the claim to OnWriteDone(), and Release() gives the hold back, once, when no further
// Send() can come.

#ifndef INCIDENTHUB_GATEWAY_INGEST_STREAM_H_
#define INCIDENTHUB_GATEWAY_INGEST_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/hub_credentials.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// Requests are sent as the bytes that the window joined; only receipts are parsed.
using IngestStub = grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::IngestResponse>;

// A channel that reconnects within a second and notices a dead peer within fifteen. No I/O yet.
// `credentials` null: plain text, and none.
std::unique_ptr<IngestStub> MakeIngestStub(const std::string& hub,
                                           const HubCredentials* credentials);

class IngestStream final : private grpc::ClientBidiReactor<grpc::ByteBuffer, v1::IngestResponse> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The hub has taken the stream.
    virtual void OnUp() = 0;
    virtual void OnReceipts(v1::IngestResponse* response) = 0;
    // The message of the last Send() has left, or not.
    virtual void OnWriteDone(bool ok) = 0;
    // Nothing more will come; a Send() that was claimed may still end in OnWriteDone().
    virtual void OnReadEnd() = 0;
    // Last, after Release(). The stream may be destroyed.
    virtual void OnDone(const absl::Status& status) = 0;
  };

  IngestStream(IngestStub* stub, HubCredentials* credentials, Owner* owner);

  void Start();
  // `message`: an encoded IngestRequest. REQUIRES: the last one is done, and Release() was not
  // called.
  void Send(std::string message);
  void Release() { RemoveHold(); }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  Owner& owner_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  v1::IngestResponse response_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_INGEST_STREAM_H_
