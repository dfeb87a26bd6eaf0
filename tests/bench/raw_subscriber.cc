#include "tests/bench/raw_subscriber.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"
#include "grpcpp/support/slice.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::bench {
namespace {

constexpr char kSubscribe[] = "/incidenthub.v1.IncidentService/Subscribe";

// Reads wire format that lies in several slices.
class Cursor {
 public:
  explicit Cursor(const std::vector<grpc::Slice>& slices) : slices_(slices) {
    for (const grpc::Slice& slice : slices) left_ += slice.size();
  }

  size_t left() const { return left_; }

  bool ReadVarint(uint64_t* value) {
    constexpr unsigned kBits = 64;
    *value = 0;
    for (unsigned shift = 0; shift < kBits && left_ > 0; shift += 7) {
      const uint8_t byte = *Here();
      Advance(1);
      *value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return true;
    }
    return false;
  }

  bool Skip(uint64_t count) {
    if (count > left_) return false;
    while (count > 0) {
      const size_t step = std::min<uint64_t>(count, slices_[index_].size() - offset_);
      Advance(step);
      count -= step;
    }
    return true;
  }

  bool Read(uint64_t count, std::string* to) {
    if (count > left_) return false;
    to->clear();
    while (to->size() < count) {
      const size_t step = std::min<uint64_t>(count - to->size(), slices_[index_].size() - offset_);
      to->append(reinterpret_cast<const char*>(Here()), step);
      Advance(step);
    }
    return true;
  }

 private:
  const uint8_t* Here() {
    while (offset_ == slices_[index_].size()) Next();
    return slices_[index_].begin() + offset_;
  }

  // Within the slice that it is in.
  void Advance(size_t count) {
    offset_ += count;
    left_ -= count;
    while (left_ > 0 && offset_ == slices_[index_].size()) Next();
  }

  void Next() {
    ++index_;
    offset_ = 0;
  }

  const std::vector<grpc::Slice>& slices_;
  size_t index_ = 0;
  size_t offset_ = 0;
  size_t left_ = 0;
};

constexpr uint64_t BytesTag(int field) { return (static_cast<uint64_t>(field) << 3U) | 2U; }
constexpr uint64_t VarintTag(int field) { return static_cast<uint64_t>(field) << 3U; }

bool CountEntries(uint64_t batch_bytes, Cursor* cursor, uint64_t* entries) {
  if (batch_bytes > cursor->left()) return false;
  const size_t end = cursor->left() - batch_bytes;
  while (cursor->left() > end) {
    uint64_t tag = 0;
    uint64_t size = 0;
    if (!cursor->ReadVarint(&tag) ||
        tag != BytesTag(v1::SubscribeResponse::Batch::kEntriesFieldNumber) ||
        !cursor->ReadVarint(&size) || !cursor->Skip(size)) {
      return false;
    }
    ++*entries;
  }
  return cursor->left() == end;
}

bool ReadField(Cursor* cursor, Outline* outline) {
  using v1::SubscribeResponse;
  uint64_t tag = 0;
  uint64_t value = 0;
  if (!cursor->ReadVarint(&tag) || !cursor->ReadVarint(&value)) return false;
  switch (tag) {
    case VarintTag(SubscribeResponse::kHeadSequenceFieldNumber):
      return true;
    case BytesTag(SubscribeResponse::kResumeTokenFieldNumber):
      return cursor->Read(value, &outline->resume_token);
    case BytesTag(SubscribeResponse::kBatchFieldNumber):
      return CountEntries(value, cursor, &outline->entries);
    case BytesTag(SubscribeResponse::kOpenedFieldNumber):
      outline->opened = true;
      return cursor->Skip(value);
    case BytesTag(SubscribeResponse::kSnapshotEndFieldNumber):
      outline->snapshot_end = true;
      return cursor->Skip(value);
    default:
      return (tag & 7U) == 2U && cursor->Skip(value);
  }
}

}  // namespace

absl::StatusOr<Outline> OutlineOf(const grpc::ByteBuffer& response) {
  std::vector<grpc::Slice> slices;
  if (!response.Dump(&slices).ok()) return absl::InvalidArgumentError("an unreadable message");
  // Empty ones would be in the cursor's way.
  slices.erase(std::remove_if(slices.begin(), slices.end(),
                              [](const grpc::Slice& slice) { return slice.size() == 0; }),
               slices.end());
  Outline outline;
  Cursor cursor(slices);
  while (cursor.left() > 0) {
    if (!ReadField(&cursor, &outline)) {
      return absl::InvalidArgumentError("a message that is no SubscribeResponse");
    }
  }
  return outline;
}

class RawSubscribers::Stream final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(RawSubscribers* pool, int port, const v1::SubscribeRequest& request)
      : pool_(pool), stub_(testing::ConnectToHub(port)) {
    const grpc::Slice slice(request.SerializeAsString());
    request_ = grpc::ByteBuffer(&slice, 1);
    stub_.PrepareBidiStreamingCall(&context_, kSubscribe, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }
  uint64_t entries() const { return entries_; }
  uint64_t bytes() const { return bytes_; }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const absl::StatusOr<Outline> outline = OutlineOf(response_);
    if (!outline.ok()) {
      not_understood_ = outline.status();
      context_.TryCancel();
      return;
    }
    bytes_ += response_.Length();
    const uint64_t before = entries_;
    entries_ = before + outline->entries;
    // The one who waits stores what it waits for and then looks at the count, so that one of the
    // two sees the other.
    const uint64_t awaited = pool_->awaited_entries_;
    const bool passed = before < awaited && awaited <= before + outline->entries;
    if (passed || outline->opened || outline->snapshot_end) pool_->OnOutline(*outline);
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    pool_->OnEnd(not_understood_.ok() ? FromGrpcStatus(status) : not_understood_);
  }

 private:
  RawSubscribers* const pool_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::atomic<uint64_t> entries_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  absl::Status not_understood_;
};

RawSubscribers::RawSubscribers(int port, size_t count, const v1::SubscribeRequest& request) {
  streams_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    streams_.push_back(std::make_unique<Stream>(this, port, request));
  }
}

RawSubscribers::~RawSubscribers() {
  for (const auto& stream : streams_) stream->Cancel();
  absl::MutexLock lock(&mu_);
  while (state_.ended < streams_.size()) changed_.Wait(&mu_);
}

template <typename Condition>
absl::Status RawSubscribers::Wait(absl::Duration timeout, const char* what, Condition condition) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (!condition(state_)) {
    if (state_.ended > 0) {
      return {state_.error.ok() ? absl::StatusCode::kUnavailable : state_.error.code(),
              absl::StrCat("a stream ended: ", state_.error.message())};
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("not in ", absl::FormatDuration(timeout),
                                                      ": ", what, " of ", streams_.size(),
                                                      " subscribers"));
    }
    changed_.WaitWithDeadline(&mu_, deadline);
  }
  return absl::OkStatus();
}

absl::Status RawSubscribers::WaitUntilOpened(absl::Duration timeout) {
  return Wait(timeout, "opened",
              [this](const State& state) { return state.opened == streams_.size(); });
}

absl::Status RawSubscribers::WaitForSnapshots(absl::Duration timeout) {
  return Wait(timeout, "the snapshot",
              [this](const State& state) { return state.snapshots == streams_.size(); });
}

absl::Status RawSubscribers::WaitForEntries(uint64_t each, absl::Duration timeout) {
  awaited_entries_ = each;
  return Wait(timeout, "all entries", [this, each](const State& /*state*/) {
    return streams_.empty() || entries_each() >= each;
  });
}

uint64_t RawSubscribers::entries_each() const {
  uint64_t least = UINT64_MAX;
  for (const auto& stream : streams_) least = std::min(least, stream->entries());
  return streams_.empty() ? 0 : least;
}

uint64_t RawSubscribers::bytes() const {
  uint64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->bytes();
  return sum;
}

std::string RawSubscribers::opened_token() const {
  absl::MutexLock lock(&mu_);
  return opened_token_;
}

absl::Time RawSubscribers::opened_time() const {
  absl::MutexLock lock(&mu_);
  return opened_time_;
}

void RawSubscribers::OnOutline(const Outline& outline) {
  absl::MutexLock lock(&mu_);
  if (outline.opened && ++state_.opened == 1) {
    opened_token_ = outline.resume_token;
    opened_time_ = absl::Now();
  }
  if (outline.snapshot_end) ++state_.snapshots;
  changed_.SignalAll();
}

void RawSubscribers::OnEnd(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  ++state_.ended;
  if (state_.error.ok()) state_.error = status;
  changed_.SignalAll();
}

}  // namespace incidenthub::bench
