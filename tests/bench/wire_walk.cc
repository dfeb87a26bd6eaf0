#include "tests/bench/wire_walk.h"

#include <algorithm>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::bench {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr int kFieldShift = 3;
constexpr uint64_t kTypeMask = 7;

// Reads from one slice after the other.
class Reader {
 public:
  explicit Reader(const std::vector<grpc::Slice>& slices) : slices_(slices) { Settle(); }

  size_t offset() const { return offset_; }
  bool done() const { return slice_ == slices_.size(); }

  bool Varint(uint64_t* value) {
    constexpr int kGroupBits = 7;
    constexpr int kBits = 64;
    constexpr uint64_t kGroupMask = 0x7f;
    *value = 0;
    for (int shift = 0; shift < kBits; shift += kGroupBits) {
      if (done()) return false;
      const uint64_t byte = slices_[slice_].begin()[at_];
      Skip(1);
      *value |= (byte & kGroupMask) << shift;
      if (byte <= kGroupMask) return true;
    }
    return false;
  }

  bool Skip(uint64_t size) {
    while (size > 0) {
      if (done()) return false;
      const size_t step = std::min<uint64_t>(size, slices_[slice_].size() - at_);
      at_ += step;
      offset_ += step;
      size -= step;
      Settle();
    }
    return true;
  }

  // Passes over what follows a tag.
  bool SkipField(uint64_t tag) {
    constexpr uint64_t kBytesOf32 = 4;
    constexpr uint64_t kBytesOf64 = 8;
    uint64_t value = 0;
    switch (tag & kTypeMask) {
      case WireFormatLite::WIRETYPE_VARINT:
        return Varint(&value);
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        return Varint(&value) && Skip(value);
      case WireFormatLite::WIRETYPE_FIXED32:
        return Skip(kBytesOf32);
      case WireFormatLite::WIRETYPE_FIXED64:
        return Skip(kBytesOf64);
      default:
        return false;
    }
  }

 private:
  void Settle() {
    while (slice_ < slices_.size() && at_ == slices_[slice_].size()) {
      ++slice_;
      at_ = 0;
    }
  }

  const std::vector<grpc::Slice>& slices_;
  size_t slice_ = 0;
  size_t at_ = 0;
  size_t offset_ = 0;
};

constexpr uint64_t DelimitedTag(int field) {
  return (static_cast<uint64_t>(field) << kFieldShift) | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

}  // namespace

std::optional<size_t> CountEntries(const grpc::ByteBuffer& response,
                                   std::vector<grpc::Slice>* slices) {
  if (!response.Dump(slices).ok()) return std::nullopt;
  Reader reader(*slices);
  size_t entries = 0;
  while (!reader.done()) {
    uint64_t tag = 0;
    if (!reader.Varint(&tag)) return std::nullopt;
    if (tag != DelimitedTag(v1::SubscribeResponse::kBatchFieldNumber)) {
      if (!reader.SkipField(tag)) return std::nullopt;
      continue;
    }
    uint64_t length = 0;
    if (!reader.Varint(&length)) return std::nullopt;
    const size_t end = reader.offset() + length;
    while (reader.offset() < end) {
      if (!reader.Varint(&tag) || !reader.SkipField(tag)) return std::nullopt;
      if (tag == DelimitedTag(v1::SubscribeResponse::Batch::kEntriesFieldNumber)) ++entries;
    }
    if (reader.offset() != end) return std::nullopt;
  }
  return entries;
}

std::string Flat(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) return "";
  std::string bytes;
  bytes.reserve(message.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

bool ForEachField(
    absl::string_view message,
    absl::FunctionRef<void(uint64_t field, absl::string_view bytes, uint64_t value)> f) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()),
                                               static_cast<int>(message.size()));
  while (const uint32_t tag = input.ReadTag()) {
    const uint64_t field = tag >> kFieldShift;
    uint64_t value = 0;
    if ((tag & kTypeMask) == WireFormatLite::WIRETYPE_VARINT) {
      if (!input.ReadVarint64(&value)) return false;
      f(field, {}, value);
    } else if ((tag & kTypeMask) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!input.ReadVarint64(&value)) return false;
      const auto at = static_cast<size_t>(input.CurrentPosition());
      if (value > message.size() - at) return false;
      f(field, message.substr(at, value), 0);
      if (!input.Skip(static_cast<int>(value))) return false;
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      return false;
    }
  }
  return input.ConsumedEntireMessage();
}

bool ForEachEvent(
    absl::string_view response,
    absl::FunctionRef<void(absl::string_view incident_id, int64_t update_seconds)> f) {
  bool sound = true;
  const auto in_incident = [&](absl::string_view incident) {
    absl::string_view id;
    uint64_t seconds = 0;
    sound &= ForEachField(incident, [&](uint64_t field, absl::string_view bytes, uint64_t) {
      if (field == v1::Incident::kIdFieldNumber) id = bytes;
      if (field != v1::Incident::kUpdateTimeFieldNumber) return;
      sound &= ForEachField(bytes, [&](uint64_t part, absl::string_view, uint64_t value) {
        if (part == google::protobuf::Timestamp::kSecondsFieldNumber) seconds = value;
      });
    });
    f(id, static_cast<int64_t>(seconds));
  };
  // Calls `inner` for what the field `wanted` of `message` holds.
  const auto in_field = [&sound](absl::string_view message, int wanted,
                                 absl::FunctionRef<void(absl::string_view)> inner) {
    sound &= ForEachField(message, [&](uint64_t field, absl::string_view bytes, uint64_t) {
      if (field == static_cast<uint64_t>(wanted)) inner(bytes);
    });
  };
  in_field(response, v1::SubscribeResponse::kBatchFieldNumber, [&](absl::string_view batch) {
    in_field(batch, v1::SubscribeResponse::Batch::kEntriesFieldNumber,
             [&](absl::string_view entry) {
               in_field(entry, v1::Entry::kEventFieldNumber, [&](absl::string_view event) {
                 in_field(event, v1::Event::kIncidentFieldNumber, in_incident);
               });
             });
  });
  return sound;
}

std::string ResumeToken(absl::string_view response) {
  std::string token;
  ForEachField(response, [&token](uint64_t field, absl::string_view bytes, uint64_t) {
    if (field == v1::SubscribeResponse::kResumeTokenFieldNumber) token = std::string(bytes);
  });
  return token;
}

std::optional<Receipts> CountReceipts(absl::string_view response) {
  Receipts receipts;
  bool sound = true;
  sound &= ForEachField(response, [&](uint64_t field, absl::string_view receipt, uint64_t) {
    if (field != v1::IngestResponse::kReceiptsFieldNumber) return;
    ++receipts.all;
    sound &= ForEachField(receipt, [&receipts](uint64_t part, absl::string_view, uint64_t) {
      if (part == v1::Receipt::kAcceptedFieldNumber) ++receipts.accepted;
    });
  });
  if (!sound) return std::nullopt;
  return receipts;
}

}  // namespace incidenthub::bench
