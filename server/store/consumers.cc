#include "server/store/consumers.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/domain/fnv.h"
#include "server/domain/rank.h"
#include "server/domain/validate.h"

namespace incidenthub {
namespace {

// Key of Table::kMeta: the newest stream's number. Beside the records, since they may be deleted
// and numbers never come again.
constexpr absl::string_view kLastStreamKey = "consumer_stream";

constexpr absl::Duration kRetryDelay = absl::Seconds(1);
// Somebody has to make room.
constexpr absl::Duration kFullRetryDelay = absl::Seconds(60);

// Whether everything that `b` says was handled, and more, was handled for `a`. Where the sequences
// are the same the phases tell: after `snapshot_end` there is nothing left of the snapshot. A
// stream that falls back to conflating does so at the position that it has, so that what it says
// first is no news.
bool IsAhead(const Consumers::Token& a, const Consumers::Token& b) {
  const auto rank = [](const Consumers::Token& token) {
    return token.phase() == Consumers::Token::PHASE_EVENTS     ? 2
           : token.phase() == Consumers::Token::PHASE_SETTLING ? 1
                                                               : 0;
  };
  return std::make_tuple(a.position(), rank(a)) > std::make_tuple(b.position(), rank(b));
}

// Whether the position stays where it is for a stream of consumer `name` that begins at `token`.
// One that committed nothing yet and reconnects has still committed nothing; a token from elsewhere
// is a position that its client kept itself so far.
bool Stays(const internal::v1::ConsumerRecord& record, absl::string_view name,
           const Consumers::Token& token) {
  if (!record.has_position()) {
    return token.stream() != 0 && token.consumer_hash() == ConsumerHash(name);
  }
  return record.position().version() == token.version() &&
         record.position().matchers_hash() == token.matchers_hash() &&
         !IsAhead(record.position(), token);
}

void SetPosition(const Consumers::Token& token, absl::Time now,
                 internal::v1::ConsumerRecord* record) {
  *record->mutable_position() = token;
  *record->mutable_commit_time() = ToTimestamp(now);
}

void ClearPosition(internal::v1::ConsumerRecord* record) {
  record->clear_position();
  record->clear_commit_time();
}

// Whether `commit` moves the position of `record`.
absl::StatusOr<bool> Decide(const ConsumerCommit& commit,
                            const internal::v1::ConsumerRecord& record) {
  RETURN_IF_ERROR(CheckOwner(commit.name, record, commit.user));
  const Consumers::Token& token = commit.token;
  if (token.stream() == 0 || token.consumer_hash() != ConsumerHash(commit.name)) {
    return FieldError(kFieldInvalid, "resume_token",
                      absl::StrCat("is of no stream of consumer \"", commit.name,
                                   "\"; commit the tokens of messages that a Subscribe with "
                                   "`consumer` set to this name sent"));
  }
  if (token.stream() != record.stream() || !commit.of_this_log) return false;
  return !record.has_position() || IsAhead(token, record.position());
}

}  // namespace

uint64_t ConsumerHash(absl::string_view name) { return Fnv1a(name); }

absl::Status ConsumerNotFound(absl::string_view name) {
  return ReasonError("CONSUMER_NOT_FOUND",
                     absl::StrCat("there is no consumer \"", Echo(name),
                                  "\"; a Subscribe with `consumer` set makes one"));
}

absl::Status CheckOwner(absl::string_view name, const internal::v1::ConsumerRecord& record,
                        const ConsumerUser& user) {
  if (user.principal.empty() || record.principal().empty() ||
      record.principal() == user.principal) {
    return absl::OkStatus();
  }
  return ReasonError(
      "CONSUMER_OF_OTHER",
      absl::StrCat("consumer \"", Echo(name), "\" belongs to principal \"", record.principal(),
                   "\", and you are \"", user.principal, "\"; use a name of your own"));
}

Consumers::Consumers(Database* database, MayWrite may_write, OnFailed on_failed, size_t max)
    : database_(database),
      may_write_(std::move(may_write)),
      on_failed_(std::move(on_failed)),
      max_(max) {}

absl::Status Consumers::Load() {
  absl::MutexLock write_lock(&write_mu_);
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(const std::optional<std::string> last,
                   database_->Get(Table::kMeta, kLastStreamKey));
  last_stream_ = last.has_value() ? DecodeKey(*last) : 0;
  const auto iterator = database_->NewIterator(Table::kConsumers);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
    std::string name(iterator->key());
    Record record;
    if (!record.ParseFromString(std::string(iterator->value()))) {
      return absl::DataLossError(absl::StrCat("consumer ", name, " does not parse"));
    }
    records_.emplace(std::move(name), std::move(record));
  }
  return iterator->status();
}

absl::Status Consumers::CheckWritable() {
  RETURN_IF_ERROR(failure_);
  return may_write_();
}

std::optional<internal::v1::ConsumerRecord> Consumers::Find(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto found = records_.find(std::string(name));
  return found == records_.end() ? std::nullopt : std::make_optional(found->second);
}

absl::Status Consumers::WriteSynced(WriteSet changes) {
  const absl::Status status = database_->Write(std::move(changes), Database::Durability::kSynced);
  if (status.ok()) return absl::OkStatus();
  failure_ = WithRetryDelay(
      ReasonError("LOG_OUTCOME_UNKNOWN",
                  absl::StrCat("a write failed, its outcome is unknown: ", status.message(),
                               "; the hub restarts, send it again then")),
      kRetryDelay);
  on_failed_(failure_);
  return failure_;
}

absl::Status Consumers::Write(const Changed& changed) {
  WriteSet changes;
  for (const auto& [name, record] : changed) {
    changes.Put(Table::kConsumers, name, record.SerializeAsString());
  }
  changes.Put(Table::kMeta, kLastStreamKey, EncodeKey(last_stream_));
  RETURN_IF_ERROR(WriteSynced(std::move(changes)));
  absl::MutexLock lock(&mu_);
  for (const auto& [name, record] : changed) records_[name] = record;
  return absl::OkStatus();
}

absl::StatusOr<Consumers::Stream> Consumers::Begin(
    const std::string& name, const ConsumerUser& user, uint64_t arrival, Start start,
    const Token& token, absl::FunctionRef<absl::Status(const Token&)> acceptable, absl::Time now) {
  absl::MutexLock write_lock(&write_mu_);
  RETURN_IF_ERROR(CheckWritable());
  const auto newest = arrivals_.find(name);
  if (newest != arrivals_.end() && newest->second > arrival) return Stream();
  std::optional<Record> found = Find(name);
  if (!found.has_value() && size() >= max_) {
    return WithRetryDelay(
        ReasonError("TOO_MANY_CONSUMERS",
                    absl::StrCat("there are ", max_,
                                 " consumers already: use a name that exists, or delete one that "
                                 "nobody needs (ListConsumers, DeleteConsumer)")),
        kFullRetryDelay);
  }
  Record record;
  if (found.has_value()) {
    record = *std::move(found);
    RETURN_IF_ERROR(CheckOwner(name, record, user));
  } else {
    *record.mutable_create_time() = ToTimestamp(now);
  }
  if (record.principal().empty()) record.set_principal(user.principal);
  Stream stream;
  switch (start) {
    case Start::kPosition:
      if (!record.has_position()) break;
      RETURN_IF_ERROR(acceptable(record.position()));
      stream.position = record.position();
      break;
    case Start::kToken:
      if (!Stays(record, name, token)) SetPosition(token, now, &record);
      break;
    case Start::kReplace:
      SetPosition(token, now, &record);
      break;
    case Start::kSnapshot:
      ClearPosition(&record);
      break;
  }
  stream.number = ++last_stream_;
  record.set_stream(stream.number);
  RETURN_IF_ERROR(Write({{name, std::move(record)}}));
  arrivals_[name] = arrival;
  return stream;
}

absl::StatusOr<uint64_t> Consumers::Restart(const std::string& name, uint64_t stream) {
  absl::MutexLock write_lock(&write_mu_);
  RETURN_IF_ERROR(CheckWritable());
  std::optional<Record> record = Find(name);
  if (!record.has_value() || record->stream() != stream) return uint64_t{0};
  ClearPosition(&*record);
  record->set_stream(++last_stream_);
  const uint64_t number = last_stream_;
  RETURN_IF_ERROR(Write({{name, *std::move(record)}}));
  return number;
}

std::vector<absl::StatusOr<bool>> Consumers::Commit(absl::Span<const ConsumerCommit> commits,
                                                    absl::Time now) {
  absl::MutexLock write_lock(&write_mu_);
  if (const absl::Status status = CheckWritable(); !status.ok()) {
    return std::vector<absl::StatusOr<bool>>(commits.size(), status);
  }
  // Records as they are after what was decided so far; several commits may be of one consumer.
  absl::flat_hash_map<std::string, Record> staged;
  std::vector<absl::StatusOr<bool>> answers;
  answers.reserve(commits.size());
  for (const ConsumerCommit& commit : commits) {
    const auto again = staged.find(commit.name);
    std::optional<Record> record =
        again == staged.end() ? Find(commit.name) : std::make_optional(again->second);
    if (!record.has_value()) {
      answers.emplace_back(ConsumerNotFound(commit.name));
      continue;
    }
    answers.push_back(Decide(commit, *record));
    if (!answers.back().ok() || !*answers.back()) continue;
    SetPosition(commit.token, now, &*record);
    staged[commit.name] = *std::move(record);
  }
  if (staged.empty()) return answers;
  if (const absl::Status status = Write(Changed(staged.begin(), staged.end())); !status.ok()) {
    // Also what changes nothing may rest on what is not written.
    for (absl::StatusOr<bool>& answer : answers) {
      if (answer.ok()) answer = status;
    }
  }
  return answers;
}

absl::Status Consumers::Delete(const std::string& name, const ConsumerUser& user) {
  absl::MutexLock write_lock(&write_mu_);
  RETURN_IF_ERROR(CheckWritable());
  const std::optional<Record> record = Find(name);
  if (!record.has_value()) return ConsumerNotFound(name);
  if (!user.is_admin) RETURN_IF_ERROR(CheckOwner(name, *record, user));
  WriteSet changes;
  changes.Delete(Table::kConsumers, name);
  RETURN_IF_ERROR(WriteSynced(std::move(changes)));
  arrivals_.erase(name);
  absl::MutexLock lock(&mu_);
  records_.erase(name);
  return absl::OkStatus();
}

bool Consumers::IsCurrent(absl::string_view name, uint64_t stream) const {
  const std::optional<Record> record = Find(name);
  return record.has_value() && record->stream() == stream;
}

std::vector<NamedConsumer> Consumers::List(absl::string_view after, size_t max) const {
  absl::MutexLock lock(&mu_);
  std::vector<NamedConsumer> consumers;
  for (auto it = records_.upper_bound(std::string(after));
       it != records_.end() && consumers.size() < max; ++it) {
    consumers.push_back({it->first, it->second});
  }
  return consumers;
}

size_t Consumers::size() const {
  absl::MutexLock lock(&mu_);
  return records_.size();
}

std::optional<Sequence> Consumers::LeastPosition() const {
  absl::MutexLock lock(&mu_);
  std::optional<Sequence> least;
  for (const auto& [name, record] : records_) {
    least = std::min(least.value_or(record.position().position()), record.position().position());
  }
  return least;
}

}  // namespace incidenthub
