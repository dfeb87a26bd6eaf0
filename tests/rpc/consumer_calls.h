// Calls of ConsumerService, and requests of consumers.

#ifndef INCIDENTHUB_TESTS_RPC_CONSUMER_CALLS_H_
#define INCIDENTHUB_TESTS_RPC_CONSUMER_CALLS_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/consumer_service.grpc.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub::testing {

inline v1::SubscribeRequest AsConsumer(const std::string& name) {
  v1::SubscribeRequest request;
  request.set_consumer(name);
  return request;
}
inline v1::SubscribeRequest SnapshotAsConsumer(const std::string& name) {
  v1::SubscribeRequest request = AsConsumer(name);
  request.mutable_snapshot();
  return request;
}
inline v1::SubscribeRequest FromNowAsConsumer(const std::string& name) {
  v1::SubscribeRequest request = AsConsumer(name);
  request.mutable_from_now();
  return request;
}
inline v1::SubscribeRequest FromTokenAsConsumer(const std::string& name, const std::string& token) {
  v1::SubscribeRequest request = AsConsumer(name);
  request.set_resume_token(token);
  return request;
}

inline absl::StatusOr<bool> Commit(v1::ConsumerService::Stub* stub, const std::string& consumer,
                                   const std::string& token) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  v1::CommitRequest request;
  request.set_consumer(consumer);
  request.set_resume_token(token);
  v1::CommitResponse response;
  const grpc::Status status = stub->Commit(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response.changed();
}
inline bool Commits(v1::ConsumerService::Stub* stub, const std::string& consumer,
                    const std::string& token) {
  const absl::StatusOr<bool> changed = Commit(stub, consumer, token);
  EXPECT_OK(changed);
  return changed.ok() && *changed;
}

inline absl::StatusOr<v1::ListConsumersResponse> TryListConsumers(
    v1::ConsumerService::Stub* stub, int page_size = 0, const std::string& page_token = "") {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  v1::ListConsumersRequest request;
  request.set_page_size(page_size);
  request.set_page_token(page_token);
  v1::ListConsumersResponse response;
  const grpc::Status status = stub->ListConsumers(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}
inline v1::ListConsumersResponse ListConsumers(v1::ConsumerService::Stub* stub) {
  absl::StatusOr<v1::ListConsumersResponse> response = TryListConsumers(stub);
  EXPECT_OK(response);
  return response.ok() ? *response : v1::ListConsumersResponse();
}

inline absl::Status DeleteConsumer(v1::ConsumerService::Stub* stub, const std::string& consumer) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  v1::DeleteConsumerRequest request;
  request.set_consumer(consumer);
  v1::DeleteConsumerResponse response;
  return FromGrpcStatus(stub->DeleteConsumer(&context, request, &response));
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_RPC_CONSUMER_CALLS_H_
