#include "clients/cli/watch.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cpp/entry.h"
#include "common/logging.h"

namespace incidenthub::client {
namespace {

// How often what was printed is committed.
constexpr absl::Duration kCommitInterval = absl::Seconds(1);

// Prints what a subscription brings, and stops it when enough was printed.
class Watcher {
 public:
  explicit Watcher(const Session& session)
      : session_(session),
        options_(session.invocation),
        environment_(session.environment),
        subscription_(session.hub.Subscribe(MakeOptions(), MakeHandler())) {}

  ExitCode Run() {
    environment_.set_interrupt_action([this] { subscription_->Stop(); });
    const absl::Status status = subscription_->Run();
    environment_.set_interrupt_action(nullptr);
    // Who was taken over, or deleted, has nothing left to say to the hub.
    if (!absl::IsAborted(status)) Commit();
    if (!status.ok()) return Fail("watch", status, session_);
    if (given_up_.has_value()) return Fail("watch", *given_up_, session_);
    if (!committed_.ok()) return Fail(CommitText(), committed_, session_);
    if (!options_.json && environment_.out.good() && !printed_token_.empty()) {
      environment_.err << "incidentctl: to go on from here: incidentctl watch "
                       << (options_.consumer.empty()
                               ? absl::StrCat("--resume_token=", Printable(printed_token_))
                               : absl::StrCat("--consumer=", Printable(options_.consumer)))
                       << "\n";
    }
    return code_;
  }

 private:
  SubscriptionOptions MakeOptions() const {
    SubscriptionOptions options;
    if (!options_.resume_token.empty()) {
      options.start = SubscriptionStart::AfterToken(options_.resume_token);
    } else if (options_.from_now) {
      options.start = SubscriptionStart::FromNow();
    }
    options.open_timeout = options_.timeout;
    options.matchers = options_.matchers;
    options.consumer = options_.consumer;
    // What was printed last is committed with a heartbeat.
    if (!options_.consumer.empty()) options.heartbeat_interval = kCommitInterval;
    if (options_.latest_only) options.mode = v1::SubscribeRequest::MODE_LATEST_ONLY;
    options.require_history = options_.require_history;
    return options;
  }

  SubscriptionHandler MakeHandler() {
    using Opened = v1::SubscribeResponse::Opened;
    using Compacted = v1::SubscribeResponse::Compacted;
    return {
        .on_opened = [this](const Opened& opened, const Position& at) { OnOpened(opened, at); },
        .on_reset = [this](const std::string& reason, const Position& at) { OnReset(reason, at); },
        .on_entry = [this](const v1::Entry& entry, const Position& at) { OnEntry(entry, at); },
        .on_snapshot_end = [this](uint64_t seq, const Position& at) { OnSnapshotEnd(seq, at); },
        .on_compacted = [this](const Compacted& range,
                               const Position& at) { OnCompacted(range, at); },
        .on_heartbeat =
            [this](const Position& at) {
              Reached(at.head_sequence, at);
              CommitIfDue();
            },
        .on_disconnect = [this](const absl::Status& why,
                                absl::Duration delay) { OnDisconnect(why, delay); },
    };
  }

  void OnOpened(const v1::SubscribeResponse::Opened& opened, const Position& at) {
    if (disconnected_) environment_.err << "incidentctl: connected again\n";
    printed_token_ = at.resume_token;
    // Nothing of what is was asked for, so all of it has been printed.
    if (!opened_ && options_.from_now) Reached(opened.head_sequence(), at);
    opened_ = true;
    disconnected_ = false;
  }

  void OnReset(const std::string& reason, const Position& at) {
    if (options_.json) {
      v1::SubscribeResponse response;
      response.mutable_reset()->set_reason(reason);
      WriteControl(response, at);
    } else {
      environment_.err << "incidentctl: the hub starts over, all incidents come again: "
                       << Printable(reason) << "\n";
    }
  }

  void OnEntry(const v1::Entry& entry, const Position& at) {
    if (options_.json) {
      absl::StatusOr<std::string> json = Json(entry);
      if (json.ok()) AddMember("resume_token", JsonQuote(at.resume_token), &*json);
      Took(WriteJson(IncidentIdOf(entry), json, environment_), at);
    } else {
      Took(WriteLine(EntryLine(entry, session_.style), environment_) ? ExitCode::kOk
                                                                     : ExitCode::kOutput,
           at);
    }
    ++printed_;
    if (options_.count.has_value() && printed_ >= *options_.count) subscription_->Stop();
    Reached(SequenceOf(entry), at);
    CommitIfDue();
  }

  void OnSnapshotEnd(uint64_t sequence, const Position& at) {
    if (options_.json) {
      v1::SubscribeResponse response;
      response.mutable_snapshot_end()->set_sequence(sequence);
      WriteControl(response, at);
    } else {
      environment_.err << "incidentctl: these were all incidents"
                       << (options_.matchers.empty() ? "" : " that match") << "; now "
                       << (options_.latest_only ? "the newest change of each\n" : "every change\n");
    }
    Reached(sequence, at);
  }

  void OnCompacted(const v1::SubscribeResponse::Compacted& compacted, const Position& at) {
    if (options_.json) {
      v1::SubscribeResponse response;
      *response.mutable_compacted() = compacted;
      WriteControl(response, at);
    } else {
      environment_.err << "incidentctl: the hub has dropped old changes; from "
                       << compacted.from_sequence() << " to " << compacted.to_sequence()
                       << " only the newest of each incident comes\n";
    }
  }

  void OnDisconnect(const absl::Status& why, absl::Duration delay) {
    // Nobody knows yet whether there is a hub at this address at all.
    if (!opened_ && absl::Now() + delay - started_ >= options_.timeout) {
      given_up_ = why.ok() ? absl::UnavailableError("the hub ends every stream") : why;
      subscription_->Stop();
      return;
    }
    environment_.err << "incidentctl: ";
    if (why.ok()) {
      environment_.err << "the hub ended the stream";
    } else {
      environment_.err << (opened_ && !disconnected_ ? "lost the hub: " : "cannot reach the hub: ")
                       << absl::StatusCodeToString(why.code()) << ": " << Printable(why.message());
    }
    environment_.err << "; trying again in "
                     << absl::FormatDuration(absl::Trunc(delay, absl::Milliseconds(1))) << "\n";
    disconnected_ = true;
  }

  // A line that is no entry, which scripts need to keep a copy exact.
  void WriteControl(const v1::SubscribeResponse& response, const Position& at) {
    absl::StatusOr<std::string> json = Json(response);
    if (json.ok()) AddMember("resume_token", JsonQuote(at.resume_token), &*json);
    Took(WriteJson("watch", json, environment_), at);
  }

  // Keeps account of what the output took.
  void Took(ExitCode code, const Position& at) {
    code_ = std::max(code_, code);
    if (environment_.out.good()) {
      printed_token_ = at.resume_token;
    } else {
      subscription_->Stop();
    }
  }

  // Everything through `sequence` was printed.
  void Reached(uint64_t sequence, const Position& at) {
    printed_token_ = at.resume_token;
    if (options_.until_sequence.has_value() && sequence >= *options_.until_sequence) {
      subscription_->Stop();
    }
  }

  std::string CommitText() const { return absl::StrCat("watch: commit for ", options_.consumer); }

  void CommitIfDue() {
    if (absl::Now() - commit_tried_ < kCommitInterval) return;
    const bool was_ok = committed_.ok();
    Commit();
    // Once; what matters is whether it works at the end.
    if (!committed_.ok() && was_ok) Fail(CommitText(), committed_, session_);
  }

  // Commits what was printed, if it was not before.
  void Commit() {
    if (options_.consumer.empty() || printed_token_ == committed_token_) return;
    commit_tried_ = absl::Now();
    committed_ = session_.hub.Commit(options_.consumer, printed_token_).status();
    if (committed_.ok()) committed_token_ = printed_token_;
  }

  const Session& session_;
  const Invocation& options_;
  Environment& environment_;
  const absl::Time started_ = absl::Now();
  bool opened_ = false;
  bool disconnected_ = false;
  uint64_t printed_ = 0;
  // Where to go on after what was printed.
  std::string printed_token_;
  // Of the consumer: what the hub knows of it, when it was told last, and how that went.
  std::string committed_token_;
  absl::Time commit_tried_ = absl::Now();
  absl::Status committed_;
  std::optional<absl::Status> given_up_;
  ExitCode code_ = ExitCode::kOk;
  // Last: its callbacks use what is above.
  const std::unique_ptr<Subscription> subscription_;
};

}  // namespace

ExitCode RunWatch(const Session& session) { return Watcher(session).Run(); }

}  // namespace incidenthub::client
