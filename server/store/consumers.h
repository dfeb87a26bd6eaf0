// The named consumers: how far each has come, durably.
//
// A consumer is followed by one stream at a time, and each of its streams has a number, rising over
// all consumers and never given twice. Tokens carry the number of the stream that made them, so
// that a commit of a stream that is no longer the consumer's changes nothing.
//
// Who came last has the consumer, whoever is carried out first: a client that gave up its call and
// made another must not lose the second one to the first.
//
// Not part of the fold: what is here was said by clients, and is written by whoever calls, synced.
// All of it is held in memory too, so that reading it waits for no disk.
//
// Invariants: (1) what a call answered is synced; (2) while a stream lasts its consumer's position
//             only moves ahead, but for Restart.
// Threads:    all methods, any; those that write may wait for a disk, and for each other.
// Errors:     what `may_write` says; of Database. After a failed write every later one fails.

#ifndef INCIDENTHUB_SERVER_STORE_CONSUMERS_H_
#define INCIDENTHUB_SERVER_STORE_CONSUMERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "server/domain/ids.h"

namespace incidenthub {

// Consumers kept; one more is refused.
inline constexpr size_t kConsumersMax = 10'000;

// As in tokens.
uint64_t ConsumerHash(absl::string_view name);

// NOT_FOUND / CONSUMER_NOT_FOUND.
absl::Status ConsumerNotFound(absl::string_view name);

struct NamedConsumer {
  std::string name;
  internal::v1::ConsumerRecord record;
};

// Who asks. A consumer belongs to the principal that first subscribed with its name; one that was
// made while nobody had to be a principal is nobody's, until a principal subscribes.
struct ConsumerUser {
  // Empty: the hub asks for no credentials, and everything is everybody's.
  std::string principal;
  // May delete what is another's.
  bool is_admin = false;
};

// PERMISSION_DENIED / CONSUMER_OF_OTHER, unless `record` is of the user, or nobody's.
absl::Status CheckOwner(absl::string_view name, const internal::v1::ConsumerRecord& record,
                        const ConsumerUser& user);

// What was asked of Commit.
struct ConsumerCommit {
  std::string name;
  ConsumerUser user;
  internal::v1::ResumeToken token;
  // Whether the log knows the token's generation, and reaches as far as it.
  bool of_this_log = true;
};

class Consumers {
 public:
  // Whether the hub may write now.
  using MayWrite = std::function<absl::Status()>;
  // Called once, when a write has failed: the hub must be started anew.
  using OnFailed = std::function<void(const absl::Status&)>;
  using Token = internal::v1::ResumeToken;

  // `database` outlives it. To be loaded before it is used.
  Consumers(Database* database, MayWrite may_write, OnFailed on_failed, size_t max = kConsumersMax);
  absl::Status Load() ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  // Where a stream begins.
  enum class Start {
    // At the position, if there is one.
    kPosition,
    // At a token, which becomes the position unless that is behind it, or there is none and the
    // token is of this consumer: what was not committed is not taken for handled, and who goes back
    // stays back.
    kToken,
    // At a token, which becomes the position.
    kReplace,
    // Anew: the position is forgotten.
    kSnapshot,
  };
  struct Stream {
    // 0: one that arrived later has begun already, and nothing happened.
    uint64_t number = 0;
    // Of kPosition: where to begin. Empty: anew.
    std::optional<Token> position;
  };
  // To be taken as a call comes in; later ones are greater.
  uint64_t NextArrival() { return last_arrival_.fetch_add(1, std::memory_order_relaxed) + 1; }
  // Makes a new stream the consumer's, and the consumer if there is none of this name. `start` says
  // what becomes of the position; `token` is of kToken and kReplace. Errors: of CheckOwner; of
  // `acceptable`, which is asked about the position that kPosition begins with; RESOURCE_EXHAUSTED
  // / TOO_MANY_CONSUMERS.
  absl::StatusOr<Stream> Begin(const std::string& name, const ConsumerUser& user, uint64_t arrival,
                               Start start, const Token& token,
                               absl::FunctionRef<absl::Status(const Token&)> acceptable,
                               absl::Time now) ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  // A stream begins anew in its middle: forgets the position, and returns the number that the
  // stream has from here on. 0: it is no longer the consumer's, and nothing happened.
  absl::StatusOr<uint64_t> Restart(const std::string& name, uint64_t stream)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  // Moves positions, in one write; one answer each, in their order. True: it moved. False: the
  // position was there already, or beyond, or the token is of an older stream of the consumer.
  // INVALID_ARGUMENT / FIELD_INVALID: the token is of none of its streams. NOT_FOUND /
  // CONSUMER_NOT_FOUND. Errors of CheckOwner.
  std::vector<absl::StatusOr<bool>> Commit(absl::Span<const ConsumerCommit> commits, absl::Time now)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  // Forgets the consumer. NOT_FOUND / CONSUMER_NOT_FOUND. Errors of CheckOwner, but an admin
  // deletes everybody's.
  absl::Status Delete(const std::string& name, const ConsumerUser& user)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  bool Exists(absl::string_view name) const { return Find(name).has_value(); }
  // Whether `stream` is the consumer's newest.
  bool IsCurrent(absl::string_view name, uint64_t stream) const ABSL_LOCKS_EXCLUDED(mu_);

  // Consumers by name, at most `max`, those after the name `after`.
  std::vector<NamedConsumer> List(absl::string_view after, size_t max) const
      ABSL_LOCKS_EXCLUDED(mu_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mu_);
  // Of the consumer that is the furthest behind; empty: there are no consumers.
  std::optional<Sequence> LeastPosition() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Record = internal::v1::ConsumerRecord;
  using Changed = std::vector<std::pair<std::string, Record>>;

  absl::Status CheckWritable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  std::optional<Record> Find(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // Writes the records, with the number of the newest stream, and then shows them.
  absl::Status Write(const Changed& changed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status WriteSynced(WriteSet changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  Database* const database_;
  const MayWrite may_write_;
  const OnFailed on_failed_;
  const size_t max_;
  std::atomic<uint64_t> last_arrival_{0};

  // Held while something is decided and written; before mu_.
  absl::Mutex write_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // Not OK: a write failed.
  absl::Status failure_ ABSL_GUARDED_BY(write_mu_);
  uint64_t last_stream_ ABSL_GUARDED_BY(write_mu_) = 0;
  // Of each consumer that had a stream since the start: when the newest one arrived.
  absl::flat_hash_map<std::string, uint64_t> arrivals_ ABSL_GUARDED_BY(write_mu_);

  // Held for moments only.
  mutable absl::Mutex mu_;
  absl::btree_map<std::string, Record> records_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_CONSUMERS_H_
