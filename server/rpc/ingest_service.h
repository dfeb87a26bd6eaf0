// IngestService: for gateways.

#ifndef INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_

#include "incidenthub/v1/ingest_service.grpc.pb.h"
#include "server/rpc/ingest_reactor.h"

namespace incidenthub {

class IngestServiceImpl final
    : public v1::IngestService::WithRawCallbackMethod_Ingest<v1::IngestService::Service> {
 public:
  // Both outlive it.
  IngestServiceImpl(Sequencer* sequencer, IngestStreams* streams)
      : sequencer_(sequencer), streams_(streams) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Ingest(
      grpc::CallbackServerContext* /*context*/) override {
    return IngestReactor::Start(sequencer_, streams_);
  }

 private:
  Sequencer* const sequencer_;
  IngestStreams* const streams_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INGEST_SERVICE_H_
