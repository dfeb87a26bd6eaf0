// IngestService: for gateways.

#ifndef INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_

#include "incidenthub/v1/ingest_service.grpc.pb.h"
#include "server/rpc/gate.h"
#include "server/rpc/ingest_reactor.h"

namespace incidenthub {

class IngestServiceImpl final
    : public v1::IngestService::WithRawCallbackMethod_Ingest<v1::IngestService::Service> {
 public:
  // All outlive it.
  IngestServiceImpl(const Gate* gate, Sequencer* sequencer, IngestStreams* streams)
      : gate_(gate), sequencer_(sequencer), streams_(streams) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Ingest(
      grpc::CallbackServerContext* context) override {
    return IngestReactor::Start(gate_, *context, sequencer_, streams_);
  }

 private:
  const Gate* const gate_;
  Sequencer* const sequencer_;
  IngestStreams* const streams_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_
