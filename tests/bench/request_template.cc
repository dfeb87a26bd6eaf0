#include "tests/bench/request_template.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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
constexpr size_t kUpdateLength = 10;

std::string RandomPrefix() {
  std::random_device random;
  return absl::StrFormat("ld%06x", random() & 0xffffffU);
}

// Writes `number` with leading zeros.
void WriteDigits(uint64_t number, size_t length, char* to) {
  for (size_t i = length; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

}  // namespace

RequestTemplate::RequestTemplate(uint64_t incidents, absl::string_view authorization)
    : incidents_(incidents), id_prefix_(RandomPrefix()) {
  const std::string id = id_prefix_ + std::string(kNumberLength, '0');
  const std::string body = testing::SampleWith(id, kFirstUpdate);
  body_bytes_ = body.size();
  bytes_ = testing::HttpPostBytes(
      testing::kWebhookPath,
      {{"Content-Type", "application/json"}, {"Authorization", std::string(authorization)}}, body);
  id_at_ = bytes_.find(id) + kPrefixLength;
  updated_on_at_ = bytes_.find(absl::StrCat("\"updatedOn\": ", kFirstUpdate));
  INCIDENTHUB_CHECK(updated_on_at_ != std::string::npos);
  updated_on_at_ = bytes_.find(absl::StrCat(kFirstUpdate), updated_on_at_);
}

void RequestTemplate::Patch(uint64_t index, std::string* request) const {
  WriteDigits(index % incidents_, kNumberLength, request->data() + id_at_);
  WriteDigits(static_cast<uint64_t>(kFirstUpdate) + index / incidents_, kUpdateLength,
              request->data() + updated_on_at_);
}

std::optional<uint64_t> RequestTemplate::IndexOf(const v1::Incident& incident) const {
  uint64_t number = 0;
  if (!absl::StartsWith(incident.id(), id_prefix_) ||
      !absl::SimpleAtoi(incident.id().substr(kPrefixLength), &number) ||
      incident.update_time().seconds() < kFirstUpdate) {
    return std::nullopt;
  }
  const auto updates = static_cast<uint64_t>(incident.update_time().seconds() - kFirstUpdate);
  return updates * incidents_ + number;
}

}  // namespace incidenthub::bench
