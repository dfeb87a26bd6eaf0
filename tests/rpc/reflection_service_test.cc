#include "server/rpc/reflection_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub {
namespace {

using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> FilesIn(const ServerReflectionResponse& response) {
  std::vector<std::string> names;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  return names;
}

TEST(ReflectionTest, ListsTheServicesItWasGiven) {
  ServerReflectionRequest request;
  request.set_host("hub");
  request.set_list_services("*");
  const ServerReflectionResponse response = Reflect({"a.B", "c.D"}, request);
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(0).name(), "a.B");
  EXPECT_EQ(response.list_services_response().service(1).name(), "c.D");
  EXPECT_EQ(response.valid_host(), "hub");
  EXPECT_EQ(response.original_request().list_services(), "*");
}

TEST(ReflectionTest, AFileComesWithAllThatItImportsEachOnce) {
  // Named by a method, as grpcurl does it, by a message, and by itself.
  for (const char* symbol : {"incidenthub.v1.IncidentService", "incidenthub.v1.IncidentService.Ack",
                             "incidenthub.v1.AckRequest"}) {
    ServerReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    const std::vector<std::string> files = FilesIn(Reflect({}, request));
    ASSERT_FALSE(files.empty()) << symbol;
    EXPECT_EQ(files[0], "incidenthub/v1/incident_service.proto");
    for (const char* imported : {"incidenthub/v1/incident.proto", "incidenthub/v1/event.proto",
                                 "google/protobuf/timestamp.proto"}) {
      EXPECT_EQ(std::count(files.begin(), files.end(), imported), 1) << imported;
    }
  }
  ServerReflectionRequest request;
  request.set_file_by_filename("google/protobuf/timestamp.proto");
  EXPECT_THAT(FilesIn(Reflect({}, request)), ElementsAre("google/protobuf/timestamp.proto"));
}

TEST(ReflectionTest, WhatThereIsNotIsAnErrorOfThisRequestOnly) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol("incidenthub.v1.Nothing");
  EXPECT_EQ(Reflect({}, request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(Reflect({}, request).error_response().error_message(),
              HasSubstr("no symbol \"incidenthub.v1.Nothing\""));
  request.set_file_by_filename("nothing.proto");
  EXPECT_EQ(Reflect({}, request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_all_extension_numbers_of_type("incidenthub.v1.Nothing");
  EXPECT_EQ(Reflect({}, request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.mutable_file_containing_extension()->set_containing_type("incidenthub.v1.Incident");
  EXPECT_EQ(Reflect({}, request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.Clear();
  EXPECT_EQ(Reflect({}, request).error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(ReflectionTest, AMessageWithoutExtensionsHasNone) {
  ServerReflectionRequest request;
  request.set_all_extension_numbers_of_type("incidenthub.v1.Incident");
  const auto numbers = Reflect({}, request).all_extension_numbers_response();
  EXPECT_EQ(numbers.base_type_name(), "incidenthub.v1.Incident");
  EXPECT_THAT(numbers.extension_number(), SizeIs(0));
}

}  // namespace
}  // namespace incidenthub
