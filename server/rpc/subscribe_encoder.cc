#include "server/rpc/subscribe_encoder.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "grpcpp/support/slice.h"

namespace incidenthub {
namespace {

using v1::SubscribeResponse;

enum class WireType : uint32_t { kVarint = 0, kBytes = 2 };

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7U) out->push_back(static_cast<char>(value | 0x80U));
  out->push_back(static_cast<char>(value));
}

void AppendTag(int field, WireType type, std::string* out) {
  AppendVarint((static_cast<uint32_t>(field) << 3U) | static_cast<uint32_t>(type), out);
}

// A slice over `bytes` that keeps them alive.
grpc::Slice ShareBytes(const std::shared_ptr<const std::string>& bytes) {
  using Owner = std::shared_ptr<const std::string>;
  return {const_cast<char*>(bytes->data()), bytes->size(),
          [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(bytes)};
}

size_t EventBytes(const Subscription::Outgoing::Entry& entry) {
  return entry.event.bytes == nullptr ? 0 : entry.event.bytes->size();
}

// Entry's fields up to the event's bytes, or all of it if it has none.
std::string EntryHead(const Subscription::Outgoing::Entry& entry) {
  if (entry.event.bytes == nullptr) {
    v1::Entry brief;
    brief.set_membership(entry.membership);
    brief.set_incident_id(entry.incident_id);
    brief.set_sequence(entry.event.sequence);
    brief.set_state(entry.state);
    return brief.SerializeAsString();
  }
  std::string head;
  AppendTag(v1::Entry::kMembershipFieldNumber, WireType::kVarint, &head);
  AppendVarint(static_cast<uint64_t>(entry.membership), &head);
  AppendTag(v1::Entry::kEventFieldNumber, WireType::kBytes, &head);
  AppendVarint(entry.event.bytes->size(), &head);
  return head;
}

}  // namespace

grpc::ByteBuffer EncodeBatch(const std::vector<Subscription::Outgoing::Entry>& entries,
                             const std::string& resume_token, Sequence head) {
  // Inside out: an entry's length stands before it, and the batch's before all.
  std::vector<std::string> heads;
  heads.reserve(entries.size());
  size_t batch_size = 0;
  for (const auto& entry : entries) {
    const std::string entry_head = EntryHead(entry);
    const size_t entry_size = entry_head.size() + EventBytes(entry);
    std::string& framed = heads.emplace_back();
    AppendTag(SubscribeResponse::Batch::kEntriesFieldNumber, WireType::kBytes, &framed);
    AppendVarint(entry_size, &framed);
    framed += entry_head;
    batch_size += framed.size() + EventBytes(entry);
  }

  std::string start;
  AppendTag(SubscribeResponse::kResumeTokenFieldNumber, WireType::kBytes, &start);
  AppendVarint(resume_token.size(), &start);
  start += resume_token;
  AppendTag(SubscribeResponse::kHeadSequenceFieldNumber, WireType::kVarint, &start);
  AppendVarint(head, &start);
  AppendTag(SubscribeResponse::kBatchFieldNumber, WireType::kBytes, &start);
  AppendVarint(batch_size, &start);

  std::vector<grpc::Slice> slices;
  slices.reserve(2 * entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    slices.emplace_back(i == 0 ? start + heads[i] : heads[i]);
    if (entries[i].event.bytes != nullptr) slices.push_back(ShareBytes(entries[i].event.bytes));
  }
  return {slices.data(), slices.size()};
}

grpc::ByteBuffer Encode(const SubscribeResponse& response) {
  const grpc::Slice slice(response.SerializeAsString());
  return {&slice, 1};
}

}  // namespace incidenthub
