// QuarantineService: what arrived and could not be understood, for whoever runs the hub.

#ifndef INCIDENTHUB_SERVER_RPC_QUARANTINE_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_QUARANTINE_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/decode/source_kinds.h"
#include "incidenthub/v1/quarantine_service.grpc.pb.h"
#include "server/core/sequencer.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"
#include "server/store/quarantine.h"

namespace incidenthub {

// Of bodies, with what is not shown of them, that one page looks at: it ends short past it, with a
// next page.
inline constexpr size_t kQuarantinePageLookedAtBytesMax = size_t{8} << 20U;

// One page. Threads: any; may wait for a disk. Errors: INVALID_ARGUMENT; of Quarantine.
absl::Status ReadQuarantinePage(const Quarantine& quarantine,
                                const v1::ListQuarantinedRequest& request,
                                v1::ListQuarantinedResponse* response);

class QuarantineServiceImpl final : public v1::QuarantineService::CallbackService {
 public:
  struct Environment {
    const Gate* gate = nullptr;
    Sequencer* sequencer = nullptr;
    const Quarantine* quarantine = nullptr;
    ReadPool* read_pool = nullptr;
    // What reads bodies again.
    const decode::SourceKind* (*find_kind)(absl::string_view name) = decode::FindSourceKind;
  };

  // Everything in `environment` outlives the service and its calls.
  explicit QuarantineServiceImpl(const Environment& environment) : environment_(environment) {}

  grpc::ServerUnaryReactor* ListQuarantined(grpc::CallbackServerContext* context,
                                            const v1::ListQuarantinedRequest* request,
                                            v1::ListQuarantinedResponse* response) override;
  grpc::ServerUnaryReactor* GetQuarantined(grpc::CallbackServerContext* context,
                                           const v1::GetQuarantinedRequest* request,
                                           v1::GetQuarantinedResponse* response) override;
  grpc::ServerUnaryReactor* ReplayQuarantined(grpc::CallbackServerContext* context,
                                              const v1::ReplayQuarantinedRequest* request,
                                              v1::ReplayQuarantinedResponse* response) override;

 private:
  // A call of ReplayQuarantined; what it points to lives until it is finished.
  struct ReplayCall {
    grpc::ServerUnaryReactor* reactor = nullptr;
    v1::ReplayQuarantinedResponse* response = nullptr;
    uint64_t id = 0;
    AuditedCall audited;
    std::string source;
  };

  absl::Status Get(const v1::GetQuarantinedRequest& request,
                   v1::GetQuarantinedResponse* response) const;
  // In the read pool: reads the body again and submits what it says. After an error nothing was
  // submitted.
  absl::Status StartReplay(ReplayCall* call) const;
  // On the sequencer's thread.
  static void FinishReplay(const ReplayCall& call, const std::vector<uint64_t>& ids, bool has_rest,
                           std::vector<Outcome> outcomes);
  // Logs it, and ends the call.
  static void Refuse(const ReplayCall& call, const absl::Status& status);

  const Environment environment_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_QUARANTINE_SERVICE_H_
