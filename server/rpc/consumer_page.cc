#include "server/rpc/consumer_page.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/validate.h"
#include "server/rpc/paging.h"

namespace incidenthub {
namespace {

// A page token is the last one of the page before, with a mark that says which list it is on: a
// consumer's name, or the number of a stream of none.
constexpr absl::string_view kNameMark = "c1-";
constexpr absl::string_view kStreamMark = "s1-";

struct PagePosition {
  bool names_done = false;
  std::string after_name;
  uint64_t after_stream = 0;
};

absl::StatusOr<PagePosition> ParsePageToken(const std::string& page_token) {
  PagePosition position;
  absl::string_view text(page_token);
  if (text.empty()) return position;
  if (absl::ConsumePrefix(&text, kNameMark)) {
    if (ValidateConsumer(text).ok()) {
      position.after_name = std::string(text);
      return position;
    }
  } else if (absl::ConsumePrefix(&text, kStreamMark)) {
    position.names_done = true;
    if (absl::SimpleHexAtoi(text, &position.after_stream)) return position;
  }
  return BadPageToken(page_token);
}

v1::Consumer::State StateOf(const LiveSubscription::Description& live) {
  switch (live.state) {
    case LiveSubscription::State::kLive:
      return v1::Consumer::STATE_LIVE;
    case LiveSubscription::State::kCatchingUp:
      return v1::Consumer::STATE_CATCHING_UP;
    case LiveSubscription::State::kStalled:
      return v1::Consumer::STATE_STALLED;
  }
  return v1::Consumer::STATE_UNSPECIFIED;
}

class PageReader {
 public:
  PageReader(const ConsumerPageSource& source, const ReadLimits& limits, absl::Time now,
             v1::ListConsumersResponse* response)
      : source_(source),
        limits_(limits),
        now_(now),
        head_(source.store->applied()),
        response_(response) {
    response_->set_head_sequence(head_);
    response_->set_floor_sequence(source.floor);
  }

  absl::Status Read(const PagePosition& position) {
    if (!position.names_done) {
      RETURN_IF_ERROR(ReadNamed(position.after_name));
      if (full_) return absl::OkStatus();
    }
    return ReadNameless(position.after_stream);
  }

 private:
  absl::Status ReadNamed(const std::string& after) {
    // One more than fits tells whether there is another page.
    for (NamedConsumer& named : source_.consumers->List(after, limits_.events + 1)) {
      v1::Consumer consumer;
      consumer.set_name(std::move(named.name));
      consumer.set_state(v1::Consumer::STATE_DISCONNECTED);
      if (const auto live = source_.live->Find(consumer.name()); live != nullptr) {
        Describe(*live, &consumer);
      }
      consumer.set_position_sequence(named.record.position().position());
      consumer.set_below_floor(named.record.has_position() &&
                               consumer.position_sequence() < source_.floor);
      if (named.record.has_commit_time()) {
        consumer.set_principal(named.record.principal());
        *consumer.mutable_commit_time() = std::move(*named.record.mutable_commit_time());
      }
      const std::string token = absl::StrCat(kNameMark, consumer.name());
      RETURN_IF_ERROR(Add(std::move(consumer), token));
      if (full_) break;
    }
    return absl::OkStatus();
  }

  absl::Status ReadNameless(uint64_t after) {
    for (const auto& [id, live] : source_.live->ListNameless(after, limits_.events + 1)) {
      v1::Consumer consumer;
      Describe(*live, &consumer);
      consumer.set_position_sequence(consumer.sent_sequence());
      consumer.set_below_floor(consumer.position_sequence() < source_.floor);
      RETURN_IF_ERROR(Add(std::move(consumer), absl::StrCat(kStreamMark, absl::Hex(id))));
      if (full_) break;
    }
    return absl::OkStatus();
  }

  void Describe(const LiveSubscription& live, v1::Consumer* consumer) const {
    LiveSubscription::Description description = live.Describe(now_);
    consumer->set_state(StateOf(description));
    consumer->set_client(std::move(description.label.client));
    consumer->set_peer(std::move(description.label.peer));
    for (const std::string& matcher : description.matchers->canonical()) {
      consumer->add_matchers(matcher);
    }
    consumer->set_sent_sequence(description.sent);
  }

  // `token` goes on after it. Sets `full_` instead if the page ends before it.
  absl::Status Add(v1::Consumer consumer, std::string token) {
    const auto count = static_cast<size_t>(response_->consumers_size());
    const size_t bytes = consumer.ByteSizeLong();
    if (count >= limits_.events || (count > 0 && bytes_ + bytes > limits_.bytes)) {
      full_ = true;
      response_->set_next_page_token(last_token_);
      return absl::OkStatus();
    }
    bytes_ += bytes;
    last_token_ = std::move(token);
    const Sequence position = consumer.position_sequence();
    consumer.set_lag_events(source_.generations->CountBetween(position, head_));
    ASSIGN_OR_RETURN(const double seconds, LagSeconds(position));
    consumer.set_lag_seconds(seconds);
    *response_->add_consumers() = std::move(consumer);
    return absl::OkStatus();
  }

  // The age of the first event after `position`; 0: there is none. Most consumers of a page are at
  // the same few positions.
  absl::StatusOr<double> LagSeconds(Sequence position) {
    if (position >= head_) return 0;
    const auto [known, is_new] = lag_seconds_.try_emplace(position, 0);
    if (!is_new) return known->second;
    ASSIGN_OR_RETURN(const std::vector<SharedEvent> events,
                     source_.store->ReadEvents(position, {.events = 1, .bytes = 1}));
    if (events.empty()) return 0;
    v1::Event event;
    if (!event.ParseFromString(*events[0].bytes)) {
      return absl::DataLossError(absl::StrCat("event ", events[0].sequence, " does not parse"));
    }
    const absl::Time committed = absl::FromUnixSeconds(event.commit_time().seconds()) +
                                 absl::Nanoseconds(event.commit_time().nanos());
    known->second = std::max(absl::ToDoubleSeconds(now_ - committed), 0.0);
    return known->second;
  }

  const ConsumerPageSource& source_;
  const ReadLimits limits_;
  const absl::Time now_;
  const Sequence head_;
  v1::ListConsumersResponse* const response_;
  absl::flat_hash_map<Sequence, double> lag_seconds_;
  size_t bytes_ = 0;
  bool full_ = false;
  std::string last_token_;
};

}  // namespace

absl::Status ReadConsumerPage(const ConsumerPageSource& source,
                              const v1::ListConsumersRequest& request, absl::Time now,
                              v1::ListConsumersResponse* response) {
  ASSIGN_OR_RETURN(const ReadLimits limits, PageLimits(request.page_size()));
  ASSIGN_OR_RETURN(const PagePosition position, ParsePageToken(request.page_token()));
  return PageReader(source, limits, now, response).Read(position);
}

}  // namespace incidenthub
