// Decisions one after the other, as the sequencer makes them.

#ifndef INCIDENTHUB_TESTS_DOMAIN_LIFECYCLE_SUPPORT_H_
#define INCIDENTHUB_TESTS_DOMAIN_LIFECYCLE_SUPPORT_H_

#include <optional>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"
#include "tests/support/incident_builder.h"

namespace incidenthub::testing {

// One incident, and what happened to it.
class Life {
 public:
  // What the next decision is told. Sequences go up in steps, as if other incidents had events too.
  absl::Time now = At(1000);
  Sequence next_sequence = 5;
  bool upstream_enabled = false;

  const IncidentState* state() const { return state_.has_value() ? &*state_ : nullptr; }
  const v1::Incident& incident() const { return state_->incident; }
  // The newest event.
  const v1::Event& event() const { return event_; }
  int events() const { return events_; }

  DecisionContext Context() const {
    DecisionContext context;
    context.now = now;
    context.sequence = next_sequence;
    context.upstream = {upstream_enabled, upstream_enabled, upstream_enabled};
    return context;
  }

  // Each returns the decision, and goes on from it.
  Decision Deliver(const v1::Delivery& delivery) {
    return Take(DecideDelivery(state(), delivery, Context()));
  }
  absl::StatusOr<Decision> Ack(const v1::AckRequest& request) {
    return Take(DecideAck(state(), request, Context()));
  }
  absl::StatusOr<Decision> Unack(const v1::UnackRequest& request) {
    return Take(DecideUnack(state(), request, Context()));
  }
  Decision TellUpstream(const UpstreamOutcome& outcome) {
    return Take(DecideUpstream(state(), outcome, Context()));
  }
  Decision Expire(absl::Time expiry) { return Take(DecideExpiry(state(), expiry, Context())); }
  absl::StatusOr<Decision> Resolve(const v1::ResolveRequest& request) {
    return Take(DecideResolve(state(), request, Context()));
  }

  // As if an upstream worker had got so far.
  void SetUpstream(v1::Upstream::State upstream) {
    if (upstream == v1::Upstream::STATE_UNSPECIFIED) {
      state_->incident.clear_upstream();
      return;
    }
    state_->incident.mutable_upstream()->set_state(upstream);
    *state_->incident.mutable_upstream()->mutable_update_time() = Stamp(At(999));
  }

 private:
  Decision Take(Decision decision) {
    if (const auto* made = std::get_if<NewEvent>(&decision)) {
      event_ = made->event;
      state_ = IncidentState{made->event.incident(), made->bookkeeping};
      ++events_;
      next_sequence += 5;
    }
    return decision;
  }
  absl::StatusOr<Decision> Take(absl::StatusOr<Decision> decision) {
    if (!decision.ok()) return decision;
    return Take(*std::move(decision));
  }

  std::optional<IncidentState> state_;
  v1::Event event_;
  int events_ = 0;
};

// The event that a decision made; fails the test if it made none.
inline NewEvent EventOf(const Decision& decision) {
  const auto* made = std::get_if<NewEvent>(&decision);
  EXPECT_NE(made, nullptr) << "no event was made";
  return made != nullptr ? *made : NewEvent();
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_DOMAIN_LIFECYCLE_SUPPORT_H_
