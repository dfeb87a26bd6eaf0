#include "clients/cpp/subscribe_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"

namespace incidenthub::client {
namespace {

// The end of a stream that was cancelled, or whose last read failed, needs nothing from the hub;
// this bounds a bug.
constexpr absl::Duration kFinishTimeout = absl::Seconds(10);

// By the monotonic clock, so that setting the time of day neither kills a stream nor keeps a dead
// one.
gpr_timespec DeadlineAfter(absl::Duration timeout) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN));
}

}  // namespace

SubscribeStream::SubscribeStream(HubStub* stub, const v1::SubscribeRequest& request)
    : connection_(stub->ForAttempt()) {
  stub->Authorize(&context_);
  reader_ = connection_->rpc->PrepareAsyncSubscribe(&context_, request, &queue_);
}

SubscribeStream::~SubscribeStream() {
  if (started_ && !finished_) {
    context_.TryCancel();
    Finish().IgnoreError();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool SubscribeStream::Read(absl::Duration timeout, v1::SubscribeResponse* response) {
  if (timed_out_) return false;
  read_timeout_ = timeout;
  const gpr_timespec deadline = DeadlineAfter(timeout);
  if (!started_) {
    started_ = true;
    reader_->StartCall(this);
    // Ends when the call is on its way, which takes the connection.
    if (!Await(deadline)) return false;
  }
  reader_->Read(response, this);
  return Await(deadline);
}

absl::Status SubscribeStream::Finish() {
  finished_ = true;
  if (!started_) return absl::CancelledError("the stream was not opened");
  const bool read_timed_out = timed_out_;
  grpc::Status status;
  reader_->Finish(&status, this);
  Await(DeadlineAfter(kFinishTimeout));
  if (read_timed_out) {
    return absl::DeadlineExceededError(
        absl::StrCat("nothing came from the hub for ", absl::FormatDuration(read_timeout_)));
  }
  return FromGrpcStatus(status);
}

bool SubscribeStream::Await(gpr_timespec deadline) {
  void* tag = nullptr;
  bool ok = false;
  switch (queue_.AsyncNext(&tag, &ok, deadline)) {
    case grpc::CompletionQueue::GOT_EVENT:
      return ok;
    case grpc::CompletionQueue::SHUTDOWN:
      return false;
    case grpc::CompletionQueue::TIMEOUT:
      break;
  }
  timed_out_ = true;
  context_.TryCancel();
  // A message that came in this very moment is dropped: nobody handled it, so the resume brings it
  // again.
  queue_.Next(&tag, &ok);
  return false;
}

}  // namespace incidenthub::client
