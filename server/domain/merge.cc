#include "server/domain/merge.h"

#include <iterator>
#include <utility>

#include "google/protobuf/unknown_field_set.h"

namespace incidenthub {
namespace {

using google::protobuf::UnknownFieldSet;
using internal::v1::Bookkeeping;
using v1::Incident;

// Related changes may be decoded, or still be among the fields that are not known: see
// ingest_request.h.
constexpr int kRelatedChanges = Incident::kRelatedChangesFieldNumber;

bool HasRelatedChanges(const Incident& incident) {
  if (incident.related_changes_size() > 0) return true;
  const UnknownFieldSet& encoded = incident.GetReflection()->GetUnknownFields(incident);
  for (int i = 0; i < encoded.field_count(); ++i) {
    if (encoded.field(i).number() == kRelatedChanges) return true;
  }
  return false;
}

void CopyRelatedChanges(const Incident& from, Incident* to) {
  *to->mutable_related_changes() = from.related_changes();
  const UnknownFieldSet& encoded = from.GetReflection()->GetUnknownFields(from);
  UnknownFieldSet* const replaced = to->GetReflection()->MutableUnknownFields(to);
  replaced->DeleteByNumber(kRelatedChanges);
  for (int i = 0; i < encoded.field_count(); ++i) {
    if (encoded.field(i).number() == kRelatedChanges) replaced->AddField(encoded.field(i));
  }
}

// One field that outlives a delivery without it.
struct KeptAccess {
  int number;
  bool (*has)(const Incident&);
  void (*copy)(const Incident& from, Incident* to);
};

#define INCIDENTHUB_KEPT_MESSAGE(Number, name)                                          \
  KeptAccess {                                                                          \
    Incident::Number, [](const Incident& i) { return i.has_##name(); },                 \
        [](const Incident& from, Incident* to) { *to->mutable_##name() = from.name(); } \
  }
#define INCIDENTHUB_KEPT_REPEATED(Number, name)                                         \
  KeptAccess {                                                                          \
    Incident::Number, [](const Incident& i) { return i.name##_size() > 0; },            \
        [](const Incident& from, Incident* to) { *to->mutable_##name() = from.name(); } \
  }

constexpr KeptAccess kKeptFields[] = {
    INCIDENTHUB_KEPT_MESSAGE(kEnvironmentFieldNumber, environment),
    INCIDENTHUB_KEPT_MESSAGE(kLinksFieldNumber, links),
    INCIDENTHUB_KEPT_REPEATED(kTagsFieldNumber, tags),
    {kRelatedChanges, HasRelatedChanges, CopyRelatedChanges},
    INCIDENTHUB_KEPT_MESSAGE(kSenderFieldNumber, sender),
    INCIDENTHUB_KEPT_MESSAGE(kAssigneeFieldNumber, assignee),
    INCIDENTHUB_KEPT_MESSAGE(kAssignerFieldNumber, assigner),
    INCIDENTHUB_KEPT_MESSAGE(kLastCommentFieldNumber, last_comment),
};
#undef INCIDENTHUB_KEPT_MESSAGE
#undef INCIDENTHUB_KEPT_REPEATED

void SetKeptRank(int number, const Rank& rank, Bookkeeping* bookkeeping) {
  for (auto& kept : *bookkeeping->mutable_kept()) {
    if (kept.number() != number) continue;
    *kept.mutable_rank() = ToProto(rank);
    return;
  }
  auto* kept = bookkeeping->add_kept();
  kept->set_number(number);
  *kept->mutable_rank() = ToProto(rank);
}

Rank KeptRank(int number, const Bookkeeping& bookkeeping) {
  for (const auto& kept : bookkeeping.kept()) {
    if (kept.number() == number) return FromProto(kept.rank());
  }
  return {};
}

}  // namespace

IncidentFields FieldsToMerge(const Incident& delivered) {
  IncidentFields fields;
  for (const int number : {Incident::kIdFieldNumber, Incident::kStateFieldNumber,
                           Incident::kSourceFieldNumber, Incident::kAcknowledgementFieldNumber,
                           Incident::kResolutionFieldNumber, Incident::kUpstreamFieldNumber,
                           Incident::kSequenceFieldNumber, Incident::kEtagFieldNumber}) {
    fields.set(static_cast<size_t>(number));
  }
  for (const KeptAccess& field : kKeptFields) {
    if (!field.has(delivered)) fields.set(static_cast<size_t>(field.number));
  }
  fields.set(Incident::kLastCommentFieldNumber);
  return fields;
}

void MergeNewest(const Incident* held, const Rank& rank, Incident* delivered,
                 Bookkeeping* bookkeeping) {
  for (const KeptAccess& field : kKeptFields) {
    if (field.has(*delivered)) {
      SetKeptRank(field.number, rank, bookkeeping);
    } else if (held != nullptr && field.has(*held)) {
      field.copy(*held, delivered);
    }
  }
  delivered->clear_acknowledgement();
  delivered->clear_resolution();
  delivered->clear_upstream();
  delivered->clear_state();
  if (held == nullptr) return;
  delivered->set_state(held->state());
  if (held->has_acknowledgement()) {
    *delivered->mutable_acknowledgement() = held->acknowledgement();
  }
  if (held->has_resolution()) *delivered->mutable_resolution() = held->resolution();
  if (held->has_upstream()) *delivered->mutable_upstream() = held->upstream();
}

void MergeLate(const Incident& delivered, const Rank& rank, Incident* held,
               Bookkeeping* bookkeeping) {
  for (const KeptAccess& field : kKeptFields) {
    if (!field.has(delivered)) continue;
    if (field.has(*held) && KeptRank(field.number, *bookkeeping) >= rank) continue;
    field.copy(delivered, held);
    SetKeptRank(field.number, rank, bookkeeping);
  }
}

}  // namespace incidenthub
