// Subscribers that count what they are sent and decode none of it: where a rate is measured, what
// protobuf takes to decode an event would be measured with it.
//
// A response is looked at as bytes: tags and lengths of SubscribeResponse and of its batch are
// walked, and an entry is a length that is skipped.
//
// Threads: any, all methods.

#ifndef INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBER_H_
#define INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::bench {

// What a SubscribeResponse is, by its outer fields alone.
struct Outline {
  // Of its batch; 0 for any other message.
  uint64_t entries = 0;
  bool opened = false;
  bool snapshot_end = false;
  std::string resume_token;
};

// INVALID_ARGUMENT: these bytes are no SubscribeResponse.
absl::StatusOr<Outline> OutlineOf(const grpc::ByteBuffer& response);

// Streams that were opened with the same request.
class RawSubscribers {
 public:
  // Opens `count` streams to a hub on 127.0.0.1, each on a connection of its own.
  RawSubscribers(int port, size_t count, const v1::SubscribeRequest& request);
  // Cancels what is open, and waits for its end.
  ~RawSubscribers();
  RawSubscribers(const RawSubscribers&) = delete;
  RawSubscribers& operator=(const RawSubscribers&) = delete;

  // Each waits until it is so of every stream. Errors: what a stream ended with, or
  // DEADLINE_EXCEEDED.
  absl::Status WaitUntilOpened(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status WaitForSnapshots(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // At least `each` since the start of the stream. Counting costs a lock only at that one entry.
  absl::Status WaitForEntries(uint64_t each, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // What every stream has had at least.
  uint64_t entries_each() const;
  // Of all streams together: encoded responses.
  uint64_t bytes() const;
  // The first `opened`: its token, and when it came, from where on a rate is measured without the
  // connecting. REQUIRES: a stream is opened.
  std::string opened_token() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Time opened_time() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;

  // What they wait for, besides entries.
  struct State {
    size_t opened = 0;
    size_t snapshots = 0;
    size_t ended = 0;
    absl::Status error;
  };

  template <typename Condition>
  absl::Status Wait(absl::Duration timeout, const char* what, Condition condition)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnOutline(const Outline& outline) ABSL_LOCKS_EXCLUDED(mu_);
  void OnEnd(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  State state_ ABSL_GUARDED_BY(mu_);
  std::string opened_token_ ABSL_GUARDED_BY(mu_);
  absl::Time opened_time_ ABSL_GUARDED_BY(mu_);
  // That a stream says when it has passed.
  std::atomic<uint64_t> awaited_entries_ = 0;
  // Last: they call into all of the above until they are done.
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_RAW_SUBSCRIBER_H_
