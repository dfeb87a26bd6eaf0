// The ConsumerService of a FakeIncidentService: keeps what it was asked, and answers what the test
// says.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_CONSUMER_SERVICE_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_CONSUMER_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "incidenthub/v1/consumer_service.pb.h"

namespace grpc {
class Service;
}

namespace incidenthub::testing {

class FakeConsumerService {
 public:
  FakeConsumerService();
  FakeConsumerService(const FakeConsumerService&) = delete;
  FakeConsumerService& operator=(const FakeConsumerService&) = delete;
  ~FakeConsumerService();

  grpc::Service* service();

  // Is listed after those before, and may be deleted.
  void Put(v1::Consumer consumer);
  // Consumers that a page has at most; by default what is asked for.
  void set_page_size(int page_size);
  // The next call fails.
  void FailNext(absl::Status status);
  // Commits are answered so.
  void set_changed(bool changed);

  std::vector<v1::CommitRequest> commits() const;
  std::vector<v1::ListConsumersRequest> lists() const;
  std::vector<std::string> deleted() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_CONSUMER_SERVICE_H_
