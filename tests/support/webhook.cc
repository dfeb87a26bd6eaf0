#include "tests/support/webhook.h"

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/check.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace incidenthub::testing {
namespace {

// What of the sample is replaced; each stands in it once.
constexpr absl::string_view kSampleId = "\"6a1f0c3e9b2d47g58e6071ac\"";
constexpr absl::string_view kSampleUpdatedOn = "\"updatedOn\": 1795298964";

const google::protobuf::Value* Find(const google::protobuf::Struct& object, const char* name) {
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? nullptr : &it->second;
}

bool ParseJson(absl::string_view text, google::protobuf::Struct* object) {
  return google::protobuf::util::JsonStringToMessage(std::string(text), object).ok();
}

}  // namespace

HttpHeaders WebhookHeaders() {
  return {{"Content-Type", "application/json"}, {"Authorization", std::string(kWebhookSecret)}};
}

std::string DocumentedSample() {
  std::ifstream file(INCIDENTHUB_TESTDATA "/bigpanda/documented_sample.json", std::ios::binary);
  std::string sample{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  INCIDENTHUB_CHECK(!sample.empty());
  return sample;
}

std::string SampleWith(absl::string_view incident_id, int64_t updated_on) {
  std::string body = DocumentedSample();
  const int replaced =
      absl::StrReplaceAll({{kSampleId, absl::StrCat("\"", incident_id, "\"")},
                           {kSampleUpdatedOn, absl::StrCat("\"updatedOn\": ", updated_on)}},
                          &body);
  INCIDENTHUB_CHECK(replaced == 2);
  return body;
}

std::string SmallIncident(absl::string_view incident_id, int64_t updated_on) {
  return absl::StrCat("{\"incident\":{\"id\":\"", incident_id,
                      "\",\"status\":\"critical\",\"active\":true,\"severity\":\"critical\","
                      "\"startedOn\":1790000000,\"changedOn\":",
                      updated_on, ",\"updatedOn\":", updated_on, "}}");
}

absl::StatusOr<Accepted> ParseAccepted(absl::string_view body) {
  google::protobuf::Struct root;
  const google::protobuf::Value* data = nullptr;
  if (ParseJson(body, &root)) data = Find(root, "data");
  if (data == nullptr || !data->has_struct_value()) {
    return absl::InvalidArgumentError(absl::StrCat("no answer of the gateway: ", body));
  }
  const auto* id = Find(data->struct_value(), "incident_id");
  const auto* sequence = Find(data->struct_value(), "sequence");
  const auto* duplicate = Find(data->struct_value(), "duplicate");
  const auto* status = Find(root, "status");
  if (id == nullptr || sequence == nullptr || duplicate == nullptr || status == nullptr ||
      status->string_value() != "accepted") {
    return absl::InvalidArgumentError(absl::StrCat("no answer of the gateway: ", body));
  }
  return Accepted{id->string_value(), static_cast<uint64_t>(sequence->number_value()),
                  duplicate->bool_value()};
}

std::string ParseErrorReason(absl::string_view body) {
  google::protobuf::Struct root;
  if (!ParseJson(body, &root)) return "";
  const google::protobuf::Value* error = Find(root, "error");
  if (error == nullptr) return "";
  const google::protobuf::Value* reason = Find(error->struct_value(), "reason");
  return reason == nullptr ? "" : reason->string_value();
}

}  // namespace incidenthub::testing
