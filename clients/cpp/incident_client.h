// A hub, as C++ programs see it: read incidents, act on them, follow them.
//
//   client::IncidentClient hub({.address = "127.0.0.1:50051", .name = "pager"});
//   client::IncidentSet set;
//   client::SubscriptionHandler handler;
//   handler.on_reset = [&](const std::string&, const client::Position&) { set.Clear(); };
//   handler.on_entry = [&](const v1::Entry& e, const client::Position&) { set.Apply(e); };
//   auto subscription = hub.Subscribe({}, handler);
//   absl::Status why = subscription->Run();  // until somebody calls subscription->Stop()
//
// Errors are absl::Status with the hub's code, message and details (common/error_details.h reads
// them). UNAVAILABLE and DEADLINE_EXCEEDED also stand for a hub that cannot be reached, or does not
// answer in time; after DEADLINE_EXCEEDED a command may have been carried out, and sending it again
// is safe. Unary calls are not retried.
//
// The connection is made by the first call, and again after it breaks, while there are calls.
// Plaintext.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_CLIENTS_CPP_INCIDENT_CLIENT_H_
#define INCIDENTHUB_CLIENTS_CPP_INCIDENT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cpp/subscription.h"
#include "common/hub_credentials.h"
#include "incidenthub/v1/consumer_service.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/maintenance_service.pb.h"
#include "incidenthub/v1/quarantine_service.pb.h"
#include "incidenthub/v1/upstream_service.pb.h"

namespace incidenthub::client {

// Incidents that List, and events that History asks for in one page, and pages that they read at
// most: a hub that never ends is a broken one.
inline constexpr int kListPageSize = 1000;
inline constexpr int kHistoryPageSize = 100;
inline constexpr int kListPagesMax = 100'000;
// Largest message taken from a hub. Its own bound, one event, is 3 MiB.
inline constexpr int kMessageBytesMax = 8 << 20;

struct ClientOptions {
  // `host:port`, or any other name that gRPC resolves.
  std::string address{};
  // What to prove to the hub, and what it has to prove. Null: plain text, and nothing.
  std::shared_ptr<HubCredentials> credentials{};
  // Deadline of one unary call, connecting included; of each page for List. At most a day.
  absl::Duration timeout = absl::Seconds(5);
  // The program's name for the hub's logs, at most 128 bytes: SubscriptionOptions::client where
  // that is empty.
  std::string name{};
};

class IncidentClient {
 public:
  explicit IncidentClient(ClientOptions options);
  ~IncidentClient();

  // The incident as it is now. NOT_FOUND: the hub has none of this id.
  absl::StatusOr<v1::Incident> Get(absl::string_view id) const;

  // Calls `visit` for every incident, in the order of their newest sequence, until it returns
  // false. An incident that changes meanwhile may come again, newer. After an error the incidents
  // seen so far are valid, but not all.
  absl::Status List(absl::FunctionRef<bool(const v1::Incident&)> visit) const {
    return List({}, visit);
  }
  // The same for the incidents that all of `matchers` match (SubscribeRequest.matchers says how).
  absl::Status List(const std::vector<std::string>& matchers,
                    absl::FunctionRef<bool(const v1::Incident&)> visit) const;

  // Calls `visit` for every event of the incident, the newest first, until it returns false.
  // NOT_FOUND: the hub has none of this id. After another error the events seen so far are valid,
  // but not all. `*truncated`, unless null: whether there were older ones, which the hub has
  // dropped.
  absl::Status History(absl::string_view id, absl::FunctionRef<bool(const v1::Event&)> visit,
                       bool* truncated = nullptr) const;

  // FAILED_PRECONDITION: it is resolved. ABORTED: it no longer has `request.etag`; read it again.
  absl::StatusOr<v1::AckResponse> Ack(const v1::AckRequest& request) const;

  // Takes an acknowledgement back. Errors as Ack.
  absl::StatusOr<v1::UnackResponse> Unack(const v1::UnackRequest& request) const;

  // ABORTED: it no longer has `request.etag`; read it again.
  absl::StatusOr<v1::ResolveResponse> Resolve(const v1::ResolveRequest& request) const;

  // Keeps, durably, that everything up to the token was handled for the consumer; the token is of a
  // subscription with it (SubscriptionOptions::consumer). Each second, or each thousand events, is
  // enough. True: its position moved; false: it was there already, or the token is of a stream
  // before its newest. NOT_FOUND: there is no such consumer (any more).
  absl::StatusOr<bool> Commit(absl::string_view consumer, absl::string_view resume_token) const;

  // Calls `visit` for every consumer, by name, and then for the streams that have none, until it
  // returns false. After an error those seen so far are valid, but not all.
  absl::Status ListConsumers(absl::FunctionRef<bool(const v1::Consumer&)> visit) const;

  // Calls `visit` for everything that sources are still to be told, or could not be, until it
  // returns false. Errors as ListConsumers.
  absl::Status ListUpstream(absl::FunctionRef<bool(const v1::UpstreamItem&)> visit) const;

  // Calls `visit` for every body in quarantine, the newest first, until it returns false. Errors as
  // ListConsumers.
  absl::Status ListQuarantined(absl::FunctionRef<bool(const v1::QuarantinedBody&)> visit) const;

  // NOT_FOUND: the quarantine has none of this number (any more).
  absl::StatusOr<v1::GetQuarantinedResponse> GetQuarantined(uint64_t id) const;

  // Has the hub read a body again; see QuarantineService. FAILED_PRECONDITION: nothing in it maps
  // to an incident.
  absl::StatusOr<v1::ReplayQuarantinedResponse> ReplayQuarantined(uint64_t id) const;

  // Forgets the consumer; its stream, if there is one, ends with ABORTED. NOT_FOUND: there is none.
  absl::Status DeleteConsumer(absl::string_view consumer) const;

  // Has the hub make a backup; see MaintenanceService. Give it time (ClientOptions::timeout).
  absl::StatusOr<v1::CreateBackupResponse> CreateBackup(
      const v1::CreateBackupRequest& request) const;

  // Sets what the hub logs from now on; returns what it was.
  absl::StatusOr<v1::LogLevel> SetLogLevel(v1::LogLevel level) const;

  // A subscription, to be started with Run(). Never null.
  std::unique_ptr<Subscription> Subscribe(SubscriptionOptions options,
                                          SubscriptionHandler handler) const;

 private:
  // A call's deadline, and who makes it.
  void Prepare(grpc::ClientContext* context) const;

  const ClientOptions options_;
  const std::shared_ptr<HubStub> stub_;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_INCIDENT_CLIENT_H_
