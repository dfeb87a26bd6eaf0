#include "server/rpc/quarantine_replay.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/strings.h"

namespace incidenthub {
namespace {

// Of bodies that older gateways sent.
constexpr absl::string_view kFirstKind = "bigpanda";

absl::Status StillUnmapped(absl::string_view why) {
  return ReasonError("STILL_UNMAPPED",
                     absl::StrCat("nothing in it maps to an incident: ", Echo(why)));
}

absl::Status TooLarge() {
  return ReasonError(
      "BATCH_TOO_LARGE",
      absl::StrCat("holds more than ", kReplayDeliveriesMax, " incidents, or ", kReplayBytesMax,
                   " bytes of them; take it with GetQuarantined, and post it to a "
                   "gateway in pieces"));
}

// Collects what the decoder finds.
class Collector {
 public:
  explicit Collector(const internal::v1::QuarantinedBody& body) : body_(body) {}

  // False: it is too much.
  bool Take(decode::Item item) {
    ++replay_.items;
    switch (item.outcome) {
      case decode::Item::Outcome::kIncident:
        return TakeIncident(std::move(item));
      case decode::Item::Outcome::kUnmapped:
        Leave(item.delivery.unmapped().raw(), item.delivery.unmapped().reason());
        return true;
      case decode::Item::Outcome::kBroken:
        // A gateway refuses such an item to its sender's face; here nobody else has it any more.
        // Where its bytes are not told, all of them stay; what is taken of them is known by then.
        keeps_whole_ = keeps_whole_ || item.raw.empty();
        Leave(item.raw, item.problem);
        return true;
      case decode::Item::Outcome::kTest:
        return true;
    }
    return true;
  }

  bool too_large() const { return too_large_; }
  // Why the first item that is left maps to nothing.
  const std::string& reason() const { return reason_; }

  // `whole`: the body.
  Replay Finish(std::string whole) {
    if (keeps_whole_) rest_ = std::move(whole);
    if (left_ > 0) {
      v1::Delivery& rest = replay_.rest.emplace();
      rest.set_id(replay_.items);
      rest.set_source(body_.source());
      if (body_.has_receive_time()) *rest.mutable_receive_time() = body_.receive_time();
      rest.mutable_unmapped()->set_kind(std::string(KindOf(body_)));
      rest.mutable_unmapped()->set_raw(std::move(rest_));
      rest.mutable_unmapped()->set_reason(
          left_ == 1 ? reason_ : absl::StrCat(left_, " items; the first: ", reason_));
    }
    return std::move(replay_);
  }

 private:
  bool TakeIncident(decode::Item item) {
    v1::Delivery& delivery = item.delivery;
    delivery.set_id(item.index);
    delivery.set_source(body_.source());
    delivery.set_digest(decode::ItemDigest(item.raw));
    if (body_.has_receive_time()) *delivery.mutable_receive_time() = body_.receive_time();
    replay_.bytes += delivery.ByteSizeLong();
    replay_.deliveries.push_back(std::move(delivery));
    too_large_ =
        replay_.deliveries.size() > kReplayDeliveriesMax || replay_.bytes > kReplayBytesMax;
    return !too_large_;
  }

  void Leave(absl::string_view raw, absl::string_view reason) {
    if (left_++ == 0) reason_ = std::string(reason);
    absl::StrAppend(&rest_, left_ == 1 ? "" : "\n", raw);
  }

  const internal::v1::QuarantinedBody& body_;
  Replay replay_;
  size_t left_ = 0;
  std::string rest_;
  bool keeps_whole_ = false;
  std::string reason_;
  bool too_large_ = false;
};

}  // namespace

absl::string_view KindOf(const internal::v1::QuarantinedBody& body) {
  return body.kind().empty() ? kFirstKind : absl::string_view(body.kind());
}

absl::StatusOr<Replay> ReadAgain(internal::v1::QuarantinedBody body,
                                 const decode::SourceKind* kind) {
  if (kind == nullptr) {
    return StillUnmapped(
        absl::StrCat("this hub has no decoder of the kind \"", KindOf(body), "\""));
  }
  std::string raw = std::move(*body.mutable_raw());
  Collector collector(body);
  // Who it is from was found out when it came.
  const auto source_of_app_key = [&body](absl::string_view) -> absl::StatusOr<std::string> {
    return body.source();
  };
  const absl::Status status =
      kind->decode(&raw, {.source = body.source(), .source_of_app_key = source_of_app_key},
                   [&collector](decode::Item item) { return collector.Take(std::move(item)); });
  if (absl::IsUnavailable(status)) {
    return WithRetryDelay(
        ReasonError("QUEUE_FULL", absl::StrCat("cannot be read now: ", status.message())),
        absl::Seconds(1));
  }
  if (!status.ok()) return StillUnmapped(status.message());
  if (collector.too_large()) return TooLarge();
  Replay replay = collector.Finish(std::move(raw));
  if (replay.deliveries.empty()) {
    return StillUnmapped(replay.rest.has_value() ? collector.reason()
                                                 : "it holds nothing but tests of the way");
  }
  return replay;
}

}  // namespace incidenthub
