#include "gateway/ingest_window.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/trace_context.h"
#include "google/protobuf/io/coded_stream.h"

namespace incidenthub::gateway {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kDeliveriesTag = (v1::IngestRequest::kDeliveriesFieldNumber << 3U) | 2U;

// Read out of what travels, since it is seldom wanted.
std::string TraceIdOf(const EncodedDelivery& delivery) {
  v1::IngestRequest request;
  if (!request.ParseFromString(delivery.wire) || request.deliveries_size() == 0) return "";
  return std::string(incidenthub::TraceIdOf(request.deliveries(0).traceparent()));
}

bool IsRetryable(const absl::Status& rejection) {
  return rejection.code() == absl::StatusCode::kUnavailable ||
         rejection.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace

void TellAll(std::vector<SettledDelivery> settled) {
  for (SettledDelivery& delivery : settled) delivery.callback(std::move(delivery.result));
}

EncodedDelivery EncodeDelivery(const v1::Delivery& delivery) {
  const auto size = static_cast<uint32_t>(delivery.ByteSizeLong());
  EncodedDelivery encoded;
  encoded.id = delivery.id();
  encoded.incident_id = delivery.incident().id();
  encoded.wire.resize(CodedOutputStream::VarintSize32(kDeliveriesTag) +
                      CodedOutputStream::VarintSize32(size) + size);
  auto* to = reinterpret_cast<uint8_t*>(&encoded.wire[0]);
  to = CodedOutputStream::WriteVarint32ToArray(kDeliveriesTag, to);
  to = CodedOutputStream::WriteVarint32ToArray(size, to);
  delivery.SerializeWithCachedSizesToArray(to);
  return encoded;
}

absl::Status IngestWindow::Add(EncodedDelivery delivery, absl::Time start, absl::Time deadline,
                               ReceiptCallback* callback, std::vector<LostDelivery>* lost) {
  const size_t size = delivery.wire.size();
  const size_t kept = entries_.size() - abandoned_.size();
  const size_t kept_bytes = bytes_ - abandoned_bytes_;
  if (kept + 1 > limits_.deliveries || kept_bytes + size > limits_.bytes) {
    return ReasonError(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                       "too many deliveries wait for the hub's receipt");
  }
  while (entries_.size() + 1 > limits_.deliveries || bytes_ + size > limits_.bytes) {
    const auto oldest = entries_.find(*abandoned_.begin());
    lost->push_back({std::move(oldest->second->delivery.incident_id),
                     absl::ResourceExhaustedError("pushed out of the full window"),
                     TraceIdOf(oldest->second->delivery)});
    Erase(oldest);
  }
  const uint64_t id = delivery.id;
  auto entry = std::make_unique<Entry>();
  entry->delivery = std::move(delivery);
  entry->callback = std::move(*callback);
  entry->start = start;
  entry->deadline = deadline;
  INCIDENTHUB_CHECK(entries_.emplace(id, std::move(entry)).second);
  unsent_.insert(id);
  deadlines_.emplace(deadline, id);
  bytes_ += size;
  return absl::OkStatus();
}

size_t IngestWindow::NextRequest(absl::Time now, std::string* message) {
  message->clear();
  while (!retries_.empty() && retries_.begin()->first <= now) {
    unsent_.insert(retries_.begin()->second);
    entries_.at(retries_.begin()->second)->retry_time = absl::InfinitePast();
    retries_.erase(retries_.begin());
  }
  // Sized first: one allocation.
  size_t count = 0;
  size_t bytes = 0;
  auto end = unsent_.begin();
  for (; end != unsent_.end() && count < kDeliveriesPerRequestMax; ++end, ++count) {
    const size_t size = entries_.at(*end)->delivery.wire.size();
    if (count > 0 && bytes + size > kRequestBytesMax) break;
    bytes += size;
  }
  message->reserve(bytes);
  size_t resent = 0;
  for (auto it = unsent_.begin(); it != end; ++it) {
    Entry& entry = *entries_.at(*it);
    message->append(entry.delivery.wire);
    if (entry.was_sent) ++resent;
    entry.was_sent = true;
    entry.rejection = absl::OkStatus();
  }
  unsent_.erase(unsent_.begin(), end);
  return resent;
}

void IngestWindow::OnReceipt(v1::Receipt receipt, absl::Time now,
                             std::vector<SettledDelivery>* settled,
                             std::vector<LostDelivery>* lost) {
  const auto found = entries_.find(receipt.id());
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  absl::StatusOr<v1::Receipt> result = absl::InternalError("the hub's receipt says nothing");
  if (receipt.has_rejected()) {
    absl::Status rejection = FromProtoStatus(receipt.rejected());
    if (IsRetryable(rejection)) {
      PutBack(&entry, std::move(rejection), now);
      return;
    }
    // A rejection that says OK is a broken hub, and must not look like a commit.
    if (!rejection.ok()) result = std::move(rejection);
  } else if (receipt.has_accepted() || receipt.has_quarantined() || receipt.has_ignored()) {
    result = std::move(receipt);
  }
  if (entry.callback != nullptr) {
    settled->push_back({std::move(entry.callback), std::move(result)});
  } else if (!result.ok()) {
    lost->push_back(
        {std::move(entry.delivery.incident_id), result.status(), TraceIdOf(entry.delivery)});
  }
  Erase(found);
}

void IngestWindow::PutBack(Entry* entry, absl::Status rejection, absl::Time now) {
  const uint64_t id = entry->delivery.id;
  // A receipt that came twice: it waits already.
  if (entry->retry_time != absl::InfinitePast() || unsent_.contains(id)) return;
  const int doublings = std::min(entry->rejections++, 10);
  const absl::Duration longest = std::min(kRetryDelayFirst * (1 << doublings), kRetryDelayMax);
  const absl::Duration random = longest * absl::Uniform(random_, 0.0, 1.0);
  const absl::Duration delay = std::min(RetryDelay(rejection, random), kRetryDelayMax);
  entry->rejection = std::move(rejection);
  entry->retry_time = now + std::max(delay, absl::ZeroDuration());
  retries_.emplace(entry->retry_time, id);
}

void IngestWindow::OnStreamEnd() {
  for (const auto& [id, entry] : entries_) {
    if (entry->was_sent && entry->retry_time == absl::InfinitePast()) unsent_.insert(id);
  }
}

IngestWindow::Awaited IngestWindow::NextDeadline() const {
  if (deadlines_.empty()) return {};
  const auto& [deadline, id] = *deadlines_.begin();
  return {id, entries_.at(id)->start, deadline};
}

void IngestWindow::SetDeadline(uint64_t id, absl::Time deadline) {
  Entry& entry = *entries_.at(id);
  INCIDENTHUB_CHECK(deadlines_.erase({entry.deadline, id}) == 1);
  entry.deadline = deadline;
  deadlines_.emplace(deadline, id);
}

absl::Status IngestWindow::Rejection(uint64_t id) const { return entries_.at(id)->rejection; }

void IngestWindow::Abandon(uint64_t id, absl::Status status,
                           std::vector<SettledDelivery>* settled) {
  Entry& entry = *entries_.at(id);
  INCIDENTHUB_CHECK(deadlines_.erase({entry.deadline, id}) == 1);
  settled->push_back({std::exchange(entry.callback, nullptr), std::move(status)});
  abandoned_.insert(id);
  abandoned_bytes_ += entry.delivery.wire.size();
}

void IngestWindow::AbandonAll(const absl::Status& status, std::vector<SettledDelivery>* settled) {
  while (!deadlines_.empty()) Abandon(deadlines_.begin()->second, status, settled);
}

absl::Time IngestWindow::NextRetryTime() const {
  return retries_.empty() ? absl::InfiniteFuture() : retries_.begin()->first;
}

std::vector<std::string> IngestWindow::IncidentIds(size_t count_max) const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) {
    if (ids.size() == count_max) break;
    ids.push_back(entry->delivery.incident_id);
  }
  return ids;
}

void IngestWindow::Erase(Entries::iterator it) {
  const Entry& entry = *it->second;
  const size_t size = entry.delivery.wire.size();
  bytes_ -= size;
  if (abandoned_.erase(it->first) == 1) {
    abandoned_bytes_ -= size;
  } else {
    deadlines_.erase({entry.deadline, it->first});
  }
  if (entry.retry_time != absl::InfinitePast()) retries_.erase({entry.retry_time, it->first});
  unsent_.erase(it->first);
  entries_.erase(it);
}

}  // namespace incidenthub::gateway
