// The QuarantineService of a FakeIncidentService: holds what the test puts in, and answers replays
// as the test says.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_QUARANTINE_SERVICE_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_QUARANTINE_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "incidenthub/v1/quarantine_service.pb.h"

namespace grpc {
class Service;
}

namespace incidenthub::testing {

class FakeQuarantineService {
 public:
  FakeQuarantineService();
  FakeQuarantineService(const FakeQuarantineService&) = delete;
  FakeQuarantineService& operator=(const FakeQuarantineService&) = delete;
  ~FakeQuarantineService();

  grpc::Service* service();

  // Is listed after those before.
  void Put(v1::QuarantinedBody body, std::string raw = "");
  // Bodies that a page has at most; by default what is asked for.
  void set_page_size(int page_size);
  // A replay of any body is answered so, and the body leaves.
  void AnswerReplays(v1::ReplayQuarantinedResponse response);
  // The next call fails.
  void FailNext(absl::Status status);

  std::vector<v1::ListQuarantinedRequest> lists() const;
  // Numbers of the bodies that left.
  std::vector<uint64_t> replayed() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_QUARANTINE_SERVICE_H_
