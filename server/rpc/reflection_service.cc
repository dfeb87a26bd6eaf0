#include "server/rpc/reflection_service.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "common/strings.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace incidenthub {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

// A file and all that it imports, each once.
void AddFile(const FileDescriptor& file, absl::flat_hash_set<const FileDescriptor*>* added,
             ServerReflectionResponse* response) {
  std::vector<const FileDescriptor*> waiting = {&file};
  while (!waiting.empty()) {
    const FileDescriptor* const next = waiting.back();
    waiting.pop_back();
    if (!added->insert(next).second) continue;
    FileDescriptorProto proto;
    next->CopyTo(&proto);
    response->mutable_file_descriptor_response()->add_file_descriptor_proto(
        proto.SerializeAsString());
    for (int i = 0; i < next->dependency_count(); ++i) waiting.push_back(next->dependency(i));
  }
}

void AnswerFile(const FileDescriptor* file, absl::string_view what, absl::string_view name,
                ServerReflectionResponse* response) {
  if (file != nullptr) {
    absl::flat_hash_set<const FileDescriptor*> added;
    return AddFile(*file, &added, response);
  }
  response->mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  response->mutable_error_response()->set_error_message(
      absl::StrCat("there is no ", what, " \"", Echo(name), "\""));
}

void AnswerExtensionNumbers(const DescriptorPool& pool, const std::string& type,
                            ServerReflectionResponse* response) {
  const Descriptor* const message = pool.FindMessageTypeByName(type);
  if (message == nullptr) return AnswerFile(nullptr, "message", ToAbsl(type), response);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(message, &extensions);
  auto& numbers = *response->mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  for (const FieldDescriptor* extension : extensions) {
    numbers.add_extension_number(extension->number());
  }
}

class ReflectionReactor final
    : public grpc::ServerBidiReactor<ServerReflectionRequest, ServerReflectionResponse> {
 public:
  // Not admitted: ends the stream.
  explicit ReflectionReactor(const absl::Status& refusal) { Finish(ToGrpcStatus(refusal)); }
  // `services` outlives it.
  explicit ReflectionReactor(const std::vector<std::string>* services) : services_(services) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    response_ = Reflect(*services_, request_);
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  const std::vector<std::string>* services_ = nullptr;
  // One of them is in use at a time.
  ServerReflectionRequest request_;
  ServerReflectionResponse response_;
};

}  // namespace

ServerReflectionResponse Reflect(const std::vector<std::string>& services,
                                 const ServerReflectionRequest& request) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()), "file",
                 ToAbsl(request.file_by_filename()), &response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()), "symbol",
                 ToAbsl(request.file_containing_symbol()), &response);
      break;
    case ServerReflectionRequest::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const Descriptor* const type = pool.FindMessageTypeByName(asked.containing_type());
      const FieldDescriptor* const extension =
          type == nullptr ? nullptr : pool.FindExtensionByNumber(type, asked.extension_number());
      AnswerFile(extension == nullptr ? nullptr : extension->file(), "such extension of",
                 ToAbsl(asked.containing_type()), &response);
      break;
    }
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      AnswerExtensionNumbers(pool, request.all_extension_numbers_of_type(), &response);
      break;
    case ServerReflectionRequest::kListServices:
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
      response.mutable_error_response()->set_error_message("the request asks for nothing");
      break;
  }
  return response;
}

grpc::ServerBidiReactor<ServerReflectionRequest, ServerReflectionResponse>*
ReflectionServiceImpl::ServerReflectionInfo(grpc::CallbackServerContext* context) {
  const absl::StatusOr<Caller> caller = gate_->Admit(Rpc::kServerReflectionInfo, *context);
  if (!caller.ok()) return new ReflectionReactor(caller.status());
  return new ReflectionReactor(&services_);
}

}  // namespace incidenthub
