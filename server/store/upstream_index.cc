#include "server/store/upstream_index.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "incidenthub/internal/v1/log_record.pb.h"

namespace incidenthub {
namespace {

std::string KeyOf(UpstreamKind kind, Sequence sequence) {
  return absl::StrCat(std::string(1, static_cast<char>(kind)), EncodeKey(sequence));
}

}  // namespace

void UpstreamIndex::Stage(const AppliedEvent& event, WriteSet* changes) {
  const auto add = [&](UpstreamKind kind, Sequence sequence) {
    internal::v1::UpstreamWork work;
    work.set_incident_id(event.incident_id);
    work.set_source(event.source);
    work.set_since_nanos(absl::ToUnixNanos(event.commit_time));
    changes->Put(Table::kUpstream, KeyOf(kind, sequence), work.SerializeAsString());
    newest_staged_ = event.sequence;
  };
  if (event.upstream != event.previous_upstream) {
    if (event.previous_upstream.kind != UpstreamKind::kNothing) {
      changes->Delete(Table::kUpstream, KeyOf(event.previous_upstream.kind,
                                              event.previous_upstream.request_sequence));
    }
    if (event.upstream.kind != UpstreamKind::kNothing) {
      add(event.upstream.kind, event.upstream.request_sequence);
    }
  }
  if (event.callback_due) add(UpstreamKind::kCallback, event.sequence);
  if (event.comment_due) add(UpstreamKind::kComment, event.sequence);
}

absl::StatusOr<std::vector<UpstreamWork>> UpstreamIndex::Read(UpstreamKind kind, Sequence after,
                                                              size_t max) const {
  std::vector<UpstreamWork> works;
  const auto iterator = database_->NewIterator(Table::kUpstream);
  const std::string prefix(1, static_cast<char>(kind));
  for (iterator->Seek(KeyOf(kind, after + 1)); iterator->Valid() && works.size() < max;
       iterator->Next()) {
    if (iterator->key().substr(0, 1) != prefix) break;
    const Sequence sequence = DecodeKey(iterator->key().substr(1));
    internal::v1::UpstreamWork stored;
    if (!stored.ParseFromString(std::string(iterator->value()))) {
      return absl::DataLossError(absl::StrCat("upstream work ", sequence, " does not parse"));
    }
    UpstreamWork& work = works.emplace_back();
    work.kind = kind;
    work.sequence = sequence;
    work.incident_id = std::move(*stored.mutable_incident_id());
    work.source = std::move(*stored.mutable_source());
    work.since = absl::FromUnixNanos(stored.since_nanos());
  }
  RETURN_IF_ERROR(iterator->status());
  return works;
}

absl::Status UpstreamIndex::Finish(UpstreamKind kind, Sequence sequence) {
  INCIDENTHUB_CHECK(kind == UpstreamKind::kCallback || kind == UpstreamKind::kComment);
  WriteSet changes;
  changes.Delete(Table::kUpstream, KeyOf(kind, sequence));
  return database_->Write(std::move(changes), Database::Durability::kBuffered);
}

}  // namespace incidenthub
