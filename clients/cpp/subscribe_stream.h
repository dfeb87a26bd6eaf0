// One Subscribe stream, read by one thread, which is never held longer than it says. For the
// sources of this folder.

#ifndef INCIDENTHUB_CLIENTS_CPP_SUBSCRIBE_STREAM_H_
#define INCIDENTHUB_CLIENTS_CPP_SUBSCRIBE_STREAM_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/hub_stub.h"
#include "grpc/support/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"

namespace incidenthub::client {

// Threads:   one at a time, but for Cancel().
// Invariant: between calls no operation is pending, so nothing outlives the members that it writes
// to.
class SubscribeStream {
 public:
  // `stub` is used here only.
  SubscribeStream(HubStub* stub, const v1::SubscribeRequest& request);
  SubscribeStream(const SubscribeStream&) = delete;
  SubscribeStream& operator=(const SubscribeStream&) = delete;
  ~SubscribeStream();

  // Waits for the next message, at most `timeout`, the first time with the connection. False: there
  // will be none; Finish() says why. A timeout cancels the stream.
  bool Read(absl::Duration timeout, v1::SubscribeResponse* response);

  // How the stream ended; DEADLINE_EXCEEDED if Read() waited in vain.
  // REQUIRES: Read() returned false, or Cancel() was called. Called once.
  absl::Status Finish();

  // Makes a Read() under way and all later ones return false. Any thread.
  void Cancel() { context_.TryCancel(); }

 private:
  // Waits for the one pending operation and returns whether it succeeded. At `deadline` cancels the
  // stream, waits for what that leaves, and returns false.
  bool Await(gpr_timespec deadline);

  const std::shared_ptr<Connection> connection_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::SubscribeResponse>> reader_;
  bool started_ = false;
  bool finished_ = false;
  bool timed_out_ = false;
  // What the last Read() was given.
  absl::Duration read_timeout_;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_SUBSCRIBE_STREAM_H_
