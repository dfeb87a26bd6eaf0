#include "server/rpc/consumer_stream.h"

#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "server/fanout/live_subscriptions.h"
#include "server/fanout/resume_token.h"

namespace incidenthub {
namespace {

using Token = internal::v1::ResumeToken;

// A subscription that begins here gets every event after `head`, as one with FromNow does.
Token TokenOfNow(uint64_t generation, Sequence head, uint64_t matchers_hash) {
  Token token;
  token.set_version(kResumeTokenVersion);
  token.set_generation(generation);
  token.set_phase(Token::PHASE_EVENTS);
  token.set_position(head);
  token.set_since(head);
  token.set_matchers_hash(matchers_hash);
  return token;
}

absl::Status CheckMatchersOfPosition(const Token& position, const std::string& consumer,
                                     uint64_t matchers_hash) {
  if (CheckMatchersOf(position, matchers_hash).ok()) return absl::OkStatus();
  return FieldError("RESUME_TOKEN_OTHER_MATCHERS", "consumer",
                    absl::StrCat("the position of \"", consumer, "\" was made with ",
                                 position.matchers_hash() == 0 ? "no" : "other",
                                 " matchers; subscribe with those, or begin anew with `snapshot`, "
                                 "or delete the consumer"));
}

}  // namespace

absl::StatusOr<Subscription::Start> ConsumerStream::Begin(const Subscription::Start& asked,
                                                          bool at_position, uint64_t matchers_hash,
                                                          uint64_t generation, Sequence head,
                                                          absl::Time now) {
  Consumers::Start start = Consumers::Start::kSnapshot;
  Subscription::Start begin = asked;
  Token token;
  if (at_position) {
    start = Consumers::Start::kPosition;
    begin = Subscription::Snapshot();
  } else if (std::holds_alternative<Subscription::FromNow>(asked)) {
    start = Consumers::Start::kReplace;
    // The head may move on before the subscription begins: what is kept is where it does.
    token = TokenOfNow(generation, head, matchers_hash);
    begin = token;
  } else if (const auto* asked_token = std::get_if<Token>(&asked)) {
    start = Consumers::Start::kToken;
    token = *asked_token;
  }
  ASSIGN_OR_RETURN(Consumers::Stream stream, consumers_->Begin(
                                                 name_, user_, arrival_, start, token,
                                                 [this, matchers_hash](const Token& position) {
                                                   return CheckMatchersOfPosition(position, name_,
                                                                                  matchers_hash);
                                                 },
                                                 now));
  if (stream.number == 0) return TakenOver(name_, SubscriberLabel(), now);
  number_ = stream.number;
  if (stream.position.has_value()) begin = *std::move(stream.position);
  return begin;
}

absl::Status ConsumerStream::Restart(absl::Time now) {
  ASSIGN_OR_RETURN(const uint64_t number, consumers_->Restart(name_, number_));
  if (number == 0) return CheckCurrent(now);
  number_ = number;
  return absl::OkStatus();
}

absl::Status ConsumerStream::CheckCurrent(absl::Time now) const {
  if (consumers_->IsCurrent(name_, number_)) return absl::OkStatus();
  return consumers_->Exists(name_) ? TakenOver(name_, SubscriberLabel(), now)
                                   : ConsumerDeleted(name_, "");
}

}  // namespace incidenthub
