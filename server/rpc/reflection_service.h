// gRPC server reflection, for grpcurl. gRPC's own plugin lets everybody in; this asks the gate.
//
// Every stream has one request at a time; what is told is compiled in, so that nothing waits.

#ifndef INCIDENTHUB_SERVER_RPC_REFLECTION_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_REFLECTION_SERVICE_H_

#include <string>
#include <utility>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "server/rpc/gate.h"

namespace incidenthub {

// The answer to one request. `services`: full names of those that the server has. Threads: any.
grpc::reflection::v1alpha::ServerReflectionResponse Reflect(
    const std::vector<std::string>& services,
    const grpc::reflection::v1alpha::ServerReflectionRequest& request);

class ReflectionServiceImpl final
    : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
 public:
  // `gate` outlives it.
  ReflectionServiceImpl(const Gate* gate, std::vector<std::string> services)
      : gate_(gate), services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                          grpc::reflection::v1alpha::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  const Gate* const gate_;
  const std::vector<std::string> services_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_REFLECTION_SERVICE_H_
