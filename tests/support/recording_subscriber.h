// A subscriber that keeps everything it is sent, for the checks of stream_validator.h.
//
// It reads from the bare stub, so that what it records is what the hub sent. When a stream ends it
// resumes with the newest token that it was sent, until Stop().
//
// Threads: any, all methods. One of its own reads.

#ifndef INCIDENTHUB_TESTS_SUPPORT_RECORDING_SUBSCRIBER_H_
#define INCIDENTHUB_TESTS_SUPPORT_RECORDING_SUBSCRIBER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/hub_credentials.h"
#include "tests/support/stream_validator.h"

namespace grpc {
class ClientContext;
}

namespace incidenthub::testing {

class SubscriberStub;

class RecordingSubscriber {
 public:
  struct Options {
    int port = 0;
    // Null: plain text, and nobody.
    std::shared_ptr<HubCredentials> credentials = nullptr;
    StreamStart start = StreamStart::kSnapshot;
    // With kToken.
    std::string resume_token = {};
    absl::Duration heartbeat_interval = absl::Seconds(1);
    std::vector<std::string> matchers = {};
    // A durable name; empty: none.
    std::string consumer = {};
    // Whether to open another stream after one has ended.
    bool reconnect = true;
  };

  explicit RecordingSubscriber(Options options);
  // Stops.
  ~RecordingSubscriber();
  RecordingSubscriber(const RecordingSubscriber&) = delete;
  RecordingSubscriber& operator=(const RecordingSubscriber&) = delete;

  // Waits until what was recorded is such that `done`; it is called with the lock held, after each
  // message and each end of a stream. False: it was not within `timeout`.
  bool WaitFor(absl::FunctionRef<bool(const StreamHistory&)> done, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // For everything up to a sequence.
  bool WaitForSequence(uint64_t sequence, absl::Duration timeout) const;
  // For the first stream's snapshot, complete.
  bool WaitForSnapshot(absl::Duration timeout) const;

  // Ends the stream; nothing is recorded after it has returned.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  StreamHistory history() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void RunStream(SubscriberStub* stub) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;

  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Of the stream that is open, to be cancelled by Stop().
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  StreamHistory history_ ABSL_GUARDED_BY(mu_);

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_RECORDING_SUBSCRIBER_H_
