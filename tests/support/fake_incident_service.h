// An incident-hub for tests of its clients: a real gRPC server on a port of its own, whose streams
// do what the test says and whose incidents are a map.
//
// Threads: any, all methods. What waits gives up after kWaitMax and says so in its result.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_INCIDENT_SERVICE_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_INCIDENT_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::testing {

// Long enough for any machine; only a failing test waits for it.
inline constexpr absl::Duration kWaitMax = absl::Seconds(30);

// One Subscribe call, as the server sees it.
class FakeStream {
 public:
  virtual ~FakeStream() = default;

  virtual const v1::SubscribeRequest& request() const = 0;
  // When the call arrived.
  virtual absl::Time start_time() const = 0;
  // Queues `response`.
  virtual void Send(v1::SubscribeResponse response) = 0;
  // Ends the stream once what is queued is written.
  virtual void End(absl::Status status) = 0;
  // Waits until the call is over: everything is sent with its end, or the client cancelled it.
  virtual bool WaitUntilDone() = 0;
};

class FakeConsumerService;
class FakeQuarantineService;

class FakeIncidentService {
 public:
  // Listens on 127.0.0.1; `port` 0: any.
  explicit FakeIncidentService(int port = 0);
  FakeIncidentService(const FakeIncidentService&) = delete;
  FakeIncidentService& operator=(const FakeIncidentService&) = delete;
  // Ends what streams are open with UNAVAILABLE.
  ~FakeIncidentService();

  int port() const;
  std::string address() const;

  // ConsumerService, on the same port.
  FakeConsumerService& consumers();
  // QuarantineService, likewise.
  FakeQuarantineService& quarantine();

  // The next Subscribe call that has no script yet is sent `messages` and stays open.
  void Script(std::vector<v1::SubscribeResponse> messages);
  // Likewise, and then ends with `end`.
  void Script(std::vector<v1::SubscribeResponse> messages, absl::Status end);
  // The call number `index`, from 0, once it has come. Null: it did not.
  std::shared_ptr<FakeStream> WaitForStream(size_t index);
  size_t stream_count() const;

  // Holds `incident`. Ack, Unack and Resolve change it as the contract says, with sequences from
  // 1,000 on; but nothing expires, and no request is remembered.
  void Put(v1::Incident incident);
  // Holds an event of its incident; the next newest one.
  void PutEvent(v1::Event event);
  // The next unary call fails.
  void FailNext(absl::Status status);
  // From now on unary calls get no answer.
  void Hang();
  // Entries that a page of a list has at most; by default what is asked for.
  void set_page_size(int page_size);
  // Every page says that it is followed by itself.
  void RepeatPages();

  std::vector<v1::AckRequest> acks() const;
  std::vector<v1::UnackRequest> unacks() const;
  std::vector<v1::ResolveRequest> resolves() const;
  // Matchers are kept, and not obeyed.
  std::vector<v1::ListIncidentsRequest> lists() const;
  // Of ListIncidents and ListEvents.
  int list_calls() const;

 private:
  class Service;
  class Server;

  std::unique_ptr<Service> service_;
  std::unique_ptr<FakeConsumerService> consumers_;
  std::unique_ptr<FakeQuarantineService> quarantine_;
  std::unique_ptr<Server> server_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_INCIDENT_SERVICE_H_
