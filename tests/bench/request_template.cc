#include "tests/bench/request_template.h"

#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/check.h"
#include "tests/support/http_client.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

// As long as BigPanda's ids: a prefix and a number.
constexpr size_t kPrefixLength = 8;
constexpr size_t kNumberLength = 16;
constexpr int64_t kFirstUpdate = 1'795'300'000;

std::string RandomPrefix() {
  std::random_device random;
  return absl::StrFormat("ld%06x", random() & 0xffffffU);
}

}  // namespace

void WriteDigits(uint64_t number, size_t length, char* to) {
  for (size_t i = length; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

RequestTemplate::RequestTemplate(uint64_t incidents, absl::string_view authorization)
    : incidents_(incidents), id_prefix_(RandomPrefix()) {
  const std::string number(kNumberLength, '0');
  const std::string id = id_prefix_ + number;
  const std::string body = testing::SampleWith(id, kFirstUpdate);
  body_bytes_ = body.size();
  bytes_ = testing::HttpPostBytes(
      testing::kWebhookPath,
      {{"Content-Type", "application/json"}, {"Authorization", std::string(authorization)}}, body);
  Find(number, absl::StrCat(kFirstUpdate));
  // The sample has other zeros, and other times.
  number_at_ = bytes_.find(id) + kPrefixLength;
  const std::string field = absl::StrCat("\"updatedOn\": ", kFirstUpdate);
  revision_at_ = bytes_.find(field);
  INCIDENTHUB_CHECK(revision_at_ != std::string::npos);
  revision_at_ += field.size() - revision_length_;
}

RequestTemplate::RequestTemplate(uint64_t incidents, std::string request, absl::string_view number,
                                 absl::string_view revision, size_t body_bytes)
    : incidents_(incidents), bytes_(std::move(request)), body_bytes_(body_bytes) {
  Find(number, revision);
}

void RequestTemplate::Find(absl::string_view number, absl::string_view revision) {
  number_length_ = number.size();
  revision_length_ = revision.size();
  number_at_ = bytes_.find(std::string(number));
  revision_at_ = bytes_.find(std::string(revision));
  INCIDENTHUB_CHECK(number_at_ != std::string::npos && revision_at_ != std::string::npos);
  INCIDENTHUB_CHECK(absl::SimpleAtoi(revision, &first_revision_));
}

void RequestTemplate::Patch(uint64_t index, std::string* request) const {
  WriteDigits(index % incidents_, number_length_, request->data() + number_at_);
  WriteDigits(first_revision_ + index / incidents_, revision_length_,
              request->data() + revision_at_);
}

std::optional<uint64_t> RequestTemplate::IndexOf(absl::string_view incident_id,
                                                 int64_t update_seconds) const {
  uint64_t number = 0;
  if (!absl::StartsWith(incident_id, id_prefix_) ||
      !absl::SimpleAtoi(incident_id.substr(kPrefixLength), &number) ||
      update_seconds < kFirstUpdate) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(update_seconds - kFirstUpdate) * incidents_ + number;
}

}  // namespace incidenthub::bench
