// Tells sources what happens to their incidents here: resolves, comments about acknowledgements,
// and the callback at an incident's first arrival.
//
// What is to be done is in the store (server/store/upstream_index.h), and only there: the worker
// reads it, asks, and has the sequencer decide what the answer means for the incident. A crash
// forgets attempts and pauses, nothing else; what was asked and not yet decided is asked again.
//
// Before each request the incident is looked at again: one that was reopened meanwhile, or closed
// by its source, is left alone.
//
//   a 2xx              resolve: ACCEPTED until the source's own delivery confirms it
//   409                resolve: CONFIRMED
//   408, 425, 429, 5xx, anything without an answer: later, with full jitter; Retry-After is
//   honoured
//                      for the endpoint; FAILED after `give_up`
//   401                the source is paused until its key is good
//   403                the environment is paused; one request a minute asks again
//   404                FAILED, if the key is good there: a wrong region's host answers 404 too
//   other              FAILED
//
// Threads:  TargetsOf, OnCommitted, status, Describe: any. All else happens on a thread of its own.
// Lifetime: the store outlives it, the sequencer its Stop; requests that run then are given up.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_WORKER_H_
#define INCIDENTHUB_SERVER_UPSTREAM_WORKER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/core/sequencer.h"
#include "server/store/store.h"
#include "server/upstream/agenda.h"
#include "server/upstream/backoff.h"
#include "server/upstream/config.h"
#include "server/upstream/http_client.h"
#include "server/upstream/key_checks.h"

namespace incidenthub {

// Work held in memory; what is beyond stays in the store until there is room.
inline constexpr size_t kUpstreamItemsMax = 100'000;

struct UpstreamOptions {
  // See config.h; empty: no source is told anything.
  std::string config_file;
  // PEM file of certificate authorities; empty: the system's.
  std::string ca_file;
  // Requests a second of a source and an endpoint.
  size_t rate = 5;
  // Of one request.
  absl::Duration timeout = absl::Seconds(15);
  // After what was asked for, when it is no longer tried.
  absl::Duration give_up = absl::Hours(24);
  // Callbacks are waited for no longer.
  absl::Duration callback_give_up = absl::Minutes(15);
  // How long a source may take to confirm what it accepted.
  absl::Duration confirm_timeout = absl::Minutes(10);
  Backoff backoff;
  // Held in memory.
  size_t items_max = kUpstreamItemsMax;
  // How often configuration and keys are read again.
  absl::Duration reload_interval = absl::Seconds(1);
};

// Counted from the start of the process.
struct UpstreamCounters {
  // By endpoint and verdict.
  std::array<std::array<std::atomic<uint64_t>, kVerdictCount>, kEndpointCount> answers{};
};

struct UpstreamStatus {
  size_t resolves_waiting = 0;
  size_t comments_waiting = 0;
  size_t callbacks_waiting = 0;
  size_t sources_paused = 0;
  size_t environments_paused = 0;
  // By source.
  std::map<std::string, KeyChecks::State> keys;
  // Why the configuration as it is now is not in effect.
  absl::Status config;
};

class UpstreamWorker {
 public:
  // Errors: of LoadUpstreamConfig and HttpClient::Create.
  static absl::StatusOr<std::unique_ptr<UpstreamWorker>> Create(const UpstreamOptions& options,
                                                                Store* store, const Clock* clock);
  ~UpstreamWorker();
  UpstreamWorker(const UpstreamWorker&) = delete;
  UpstreamWorker& operator=(const UpstreamWorker&) = delete;

  // Begins. REQUIRES: not called before.
  void Start(Sequencer* sequencer);
  // Ends; the sequencer is not called any more.
  void Stop();

  // For the sequencer's decisions.
  UpstreamTargets TargetsOf(absl::string_view source) const;
  // Events were committed: there may be something to do. Does not block.
  void OnCommitted();

  UpstreamStatus status() const ABSL_LOCKS_EXCLUDED(mu_);
  const UpstreamCounters& counters() const { return counters_; }
  // What is not as it should be, for people; empty: nothing.
  std::string Notice() const;
  // What is known of work beside what the store has; empty: it is not held here.
  std::optional<AgendaItem> Describe(UpstreamKind kind, Sequence sequence) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What the sequencer answered, for the worker's thread to see.
  struct Mailbox;
  // A request that is under way.
  struct Asked {
    Agenda::Key key;
    // As they were when it was asked.
    UpstreamSource source;
    std::string environment_id;
    v1::Incident incident;
  };

  UpstreamWorker(const UpstreamOptions& options, Store* store, const Clock* clock,
                 std::unique_ptr<UpstreamConfigWatch> config, std::unique_ptr<HttpClient> http);

  void Run();
  void ReloadConfig(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts what the store has, and is not known yet, on the agenda.
  absl::Status Discover(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has what was accepted too long ago become UNCONFIRMED.
  absl::Status ExpireAccepted(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CheckKeys(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnKeyAnswer(const KeyChecks::Run& run, const HttpAnswer& answer) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeMail(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Asks for what Next handed out, or says why not.
  void Try(const AgendaItem& item, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The incident as it is to be told about; empty: there is nothing to be told any more.
  absl::StatusOr<std::optional<v1::Incident>> ReadIncident(const UpstreamWork& work) const;
  void OnAnswer(const Asked& asked, const HttpAnswer& answer) ABSL_LOCKS_EXCLUDED(mu_);
  void OnRetry(const Asked& asked, const HttpAnswer& answer, std::string text, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnBadKey(const Asked& asked, std::string text, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nothing more is to be asked: a resolve gets this state, the rest is done with.
  void Conclude(const Agenda::Key& key, v1::Upstream::State state, int http_status,
                std::string error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Submit(const Agenda::Key& key, UpstreamCommand command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Time GiveUpTime(const UpstreamWork& work) const;
  absl::Time WakeTime(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const UpstreamOptions options_;
  Store* const store_;
  const Clock* const clock_;
  const std::unique_ptr<UpstreamConfigWatch> config_;
  const std::unique_ptr<HttpClient> http_;
  const std::shared_ptr<Mailbox> mailbox_;
  Sequencer* sequencer_ = nullptr;
  UpstreamCounters counters_;
  std::atomic<bool> stopping_{false};
  // Store::upstream().newest() when last read.
  std::atomic<Sequence> seen_{0};

  mutable absl::Mutex mu_;
  Agenda agenda_ ABSL_GUARDED_BY(mu_);
  KeyChecks keys_ ABSL_GUARDED_BY(mu_);
  // By kind: what is on the agenda, or was.
  std::map<UpstreamKind, Sequence> cursors_ ABSL_GUARDED_BY(mu_);
  // The store has more.
  bool more_ ABSL_GUARDED_BY(mu_) = true;
  // Of resolves that were accepted too long ago: the sequencer decides.
  absl::flat_hash_set<Sequence> expiring_ ABSL_GUARDED_BY(mu_);
  // The configuration that all this goes by; null: none yet.
  std::shared_ptr<const UpstreamConfig> applied_config_ ABSL_GUARDED_BY(mu_);
  absl::Time reload_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time discover_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time expire_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  // Commands that the sequencer refused for now.
  std::vector<std::pair<Agenda::Key, UpstreamCommand>> refused_ ABSL_GUARDED_BY(mu_);
  absl::Time refused_due_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  absl::BitGen random_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_WORKER_H_
