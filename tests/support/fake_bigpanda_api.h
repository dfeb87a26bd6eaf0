// The API of a FakeBigPanda: paths, keys, rate limits, faults, and a record of every request.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_API_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_API_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/struct.pb.h"
#include "tests/support/fake_bigpanda_faults.h"
#include "tests/support/fake_bigpanda_http.h"
#include "tests/support/fake_bigpanda_incidents.h"
#include "tests/support/fake_bigpanda_types.h"

namespace incidenthub::testing {

// Past it the oldest records are dropped.
inline constexpr size_t kBigPandaRequestsMax = 100'000;

// `text` with each %XX as the byte it stands for; what is no such escape stays as it is.
std::string PercentDecode(absl::string_view text);

class FakeBigPandaApi {
 public:
  // `incidents` outlives it.
  FakeBigPandaApi(const FakeBigPandaOptions& options, FakeIncidents* incidents);

  FakeHttpAnswer Handle(const FakeHttpRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on this key is good, and no other.
  void SetApiKey(std::string key) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the key may act in an environment; it may, at first.
  void SetPermitted(const std::string& environment_id, bool permitted) ABSL_LOCKS_EXCLUDED(mu_);

  void AddFault(BigPandaEndpoint endpoint, BigPandaFault fault, int count) ABSL_LOCKS_EXCLUDED(mu_);
  void SetRandomFault(BigPandaEndpoint endpoint, BigPandaFault fault, double probability,
                      uint64_t seed) ABSL_LOCKS_EXCLUDED(mu_);
  void ClearFaults() ABSL_LOCKS_EXCLUDED(mu_);

  // In the order in which they were decided.
  std::vector<BigPandaRequest> requests() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<BigPandaRequest> requests(BigPandaEndpoint endpoint) const ABSL_LOCKS_EXCLUDED(mu_);
  void ClearRequests() ABSL_LOCKS_EXCLUDED(mu_);
  // False: not so many came to the endpoint since the start, or ClearRequests(), in that time.
  bool WaitForRequests(BigPandaEndpoint endpoint, size_t count, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Most requests that came to the endpoint in any one second, refused ones included.
  size_t MostInASecond(BigPandaEndpoint endpoint) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct EndpointState {
    RateMeter rate;
    FaultPlan faults;
    // Since the last ClearRequests().
    size_t count = 0;
  };

  EndpointState& State(BigPandaEndpoint endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return endpoints_[static_cast<size_t>(endpoint)];
  }
  const EndpointState& State(BigPandaEndpoint endpoint) const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return endpoints_[static_cast<size_t>(endpoint)];
  }

  // The answer to a request without a fault; it is carried out.
  FakeHttpAnswer Answer(const FakeHttpRequest& request, const BigPandaRequest& parsed,
                        bool let_through) ABSL_LOCKS_EXCLUDED(mu_);
  // What is refused before anybody looks what it wants.
  std::optional<FakeHttpAnswer> Refuse(const FakeHttpRequest& request,
                                       const BigPandaRequest& parsed, bool let_through)
      ABSL_LOCKS_EXCLUDED(mu_);
  FakeHttpAnswer Resolve(const BigPandaRequest& request, const google::protobuf::Struct& body);
  FakeHttpAnswer Comment(const BigPandaRequest& request, const google::protobuf::Struct& body);
  FakeHttpAnswer Callback(const google::protobuf::Struct& body);
  FakeHttpAnswer Environments() ABSL_LOCKS_EXCLUDED(mu_);

  const FakeBigPandaOptions options_;
  FakeIncidents& incidents_;

  mutable absl::Mutex mu_;
  // A request was recorded.
  mutable absl::CondVar changed_;
  std::string api_key_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> forbidden_ ABSL_GUARDED_BY(mu_);
  std::array<EndpointState, kBigPandaEndpointCount> endpoints_ ABSL_GUARDED_BY(mu_);
  std::deque<BigPandaRequest> requests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_API_H_
