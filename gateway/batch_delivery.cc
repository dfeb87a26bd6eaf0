#include "gateway/batch_delivery.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/trace_context.h"

namespace incidenthub::gateway {

void StampDelivery(absl::string_view raw, const RequestIds& ids, v1::Delivery* delivery) {
  delivery->set_digest(decode::ItemDigest(raw));
  delivery->set_traceparent(ids.traceparent);
  const timespec now = absl::ToTimespec(absl::Now());
  delivery->mutable_receive_time()->set_seconds(now.tv_sec);
  delivery->mutable_receive_time()->set_nanos(static_cast<int32_t>(now.tv_nsec));
}

void CountDelivery(absl::string_view source, const absl::StatusOr<v1::Receipt>& receipt,
                   Metrics* metrics) {
  DeliveryResult result = DeliveryResult::kUnanswered;
  if (!receipt.ok()) {
    if (absl::IsInvalidArgument(receipt.status())) result = DeliveryResult::kRejected;
  } else if (receipt->has_accepted()) {
    result =
        receipt->accepted().duplicate() ? DeliveryResult::kDuplicate : DeliveryResult::kAccepted;
  } else {
    result = receipt->has_ignored() ? DeliveryResult::kIgnored : DeliveryResult::kQuarantined;
  }
  metrics->DeliveryDone(source, result);
}

bool BatchDelivery::Add(decode::Item item) {
  switch (item.outcome) {
    case decode::Item::Outcome::kIncident:
      StampDelivery(item.raw, ids_, &item.delivery);
      return Deliver(std::move(item.delivery), item.index);
    case decode::Item::Outcome::kUnmapped:
      return AddUnmapped(std::move(item));
    case decode::Item::Outcome::kBroken: {
      metrics_.DecodeFailed("NOT_JSON");
      absl::MutexLock lock(&mu_);
      AddBad(item.index, item.problem);
      return failure_.ok();
    }
    case decode::Item::Outcome::kTest: {
      absl::MutexLock lock(&mu_);
      ++outcome_.tests;
      return failure_.ok();
    }
  }
  return true;
}

bool BatchDelivery::AddUnmapped(decode::Item item) {
  metrics_.DecodeFailed("UNMAPPED");
  const v1::Unmapped& unmapped = item.delivery.unmapped();
  {
    absl::MutexLock lock(&mu_);
    AddBad(item.index, unmapped.reason());
  }
  const bool fits = !unmapped_.has_unmapped() ||
                    (unmapped_.source() == item.delivery.source() &&
                     unmapped_.unmapped().raw().size() + unmapped.raw().size() < kUnmappedBytesMax);
  if (!fits && !DeliverUnmapped()) return false;
  const std::string said = absl::StrCat("item ", item.index, ": ", unmapped.reason());
  if (!unmapped_.has_unmapped()) {
    unmapped_first_ = item.index;
    unmapped_ = std::move(item.delivery);
    unmapped_.mutable_unmapped()->set_reason(said);
    return true;
  }
  v1::Unmapped& gathered = *unmapped_.mutable_unmapped();
  absl::StrAppend(gathered.mutable_raw(), "\n", unmapped.raw());
  if (gathered.reason().size() + said.size() < kUnmappedReasonBytesMax) {
    absl::StrAppend(gathered.mutable_reason(), "; ", said);
  } else {
    ++unmapped_unsaid_;
  }
  return true;
}

bool BatchDelivery::DeliverUnmapped() {
  v1::Delivery delivery = std::exchange(unmapped_, {});
  const size_t unsaid = std::exchange(unmapped_unsaid_, 0);
  if (!delivery.has_unmapped()) return true;
  if (unsaid > 0) {
    absl::StrAppend(delivery.mutable_unmapped()->mutable_reason(), "; and ", unsaid, " more");
  }
  StampDelivery(delivery.unmapped().raw(), ids_, &delivery);
  return Deliver(std::move(delivery), unmapped_first_);
}

bool BatchDelivery::Deliver(v1::Delivery delivery, size_t index) {
  const size_t bytes = delivery.ByteSizeLong();
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &BatchDelivery::HasRoom));
    if (!failure_.ok()) return false;
    ++waiting_;
    waiting_bytes_ += bytes;
  }
  std::string source = delivery.source();
  client_.Deliver(std::move(delivery), start_,
                  [self = shared_from_this(), source = std::move(source), index,
                   bytes](const absl::StatusOr<v1::Receipt>& receipt) {
                    CountDelivery(source, receipt, &self->metrics_);
                    self->OnReceipt(receipt, index, bytes);
                  });
  return true;
}

void BatchDelivery::OnReceipt(const absl::StatusOr<v1::Receipt>& receipt, size_t index,
                              size_t bytes) {
  HttpAnswer answer;
  {
    absl::MutexLock lock(&mu_);
    --waiting_;
    waiting_bytes_ -= bytes;
    if (!receipt.ok()) {
      if (absl::IsInvalidArgument(receipt.status())) {
        AddBad(index, receipt.status().message());
      } else if (failure_.ok()) {
        failure_ = receipt.status();
      }
    } else if (receipt->has_accepted()) {
      ++(receipt->accepted().duplicate() ? outcome_.duplicates : outcome_.accepted);
    } else if (receipt->has_ignored()) {
      ++outcome_.ignored;
    } else {
      outcome_.quarantined.push_back(receipt->quarantined().id());
    }
    if (!finished_ || waiting_ > 0) return;
    answer = Answer();
  }
  respond_(std::move(answer));
}

void BatchDelivery::AddBad(size_t index, absl::string_view problem) {
  ++outcome_.bad;
  if (outcome_.named.size() < kNamedItemsMax)
    outcome_.named.push_back({index, std::string(problem)});
}

void BatchDelivery::Finish(absl::Status decoded) {
  DeliverUnmapped();
  HttpAnswer answer;
  {
    absl::MutexLock lock(&mu_);
    finished_ = true;
    decoded_ = std::move(decoded);
    if (waiting_ > 0) return;
    answer = Answer();
  }
  respond_(std::move(answer));
}

HttpAnswer BatchDelivery::Answer() {
  if (!failure_.ok()) return AnswerForDeliveryError(failure_);
  if (!decoded_.ok()) return AnswerForRequestError(decoded_);
  std::sort(outcome_.named.begin(), outcome_.named.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  if (outcome_.bad > 0) {
    static RepeatedLine lines(kOfCallers);
    if (const auto left_out = lines.Next()) {
      Log(LogLevel::kWarning, "items of a body are no incidents",
          {{"items", outcome_.bad},
           {"first", outcome_.named.front().index},
           {"reason", outcome_.named.front().problem},
           {"quarantine_bodies", outcome_.quarantined.size()},
           {"request_id", ids_.request_id},
           {"trace_id", TraceIdOf(ids_.traceparent)},
           {"more_before", *left_out}});
    }
  }
  return AnswerForBatch(outcome_);
}

}  // namespace incidenthub::gateway
