// Closes connections whose peer may still be sending.
//
// close() on a socket with unread input makes the kernel send a reset, which can overtake the
// answer that was just sent. So the end of our side is sent first, and what still comes is read and
// dropped until the peer closes too, for kLingerTime at most. One thread does this for all of them.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_LINGERING_CLOSER_H_
#define INCIDENTHUB_GATEWAY_LINGERING_CLOSER_H_

#include <cstddef>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace incidenthub::gateway {

inline constexpr absl::Duration kLingerTime = absl::Seconds(2);
// Sockets at a time; one more is closed without ceremony.
inline constexpr size_t kLingeringMax = 256;

class LingeringCloser {
 public:
  LingeringCloser();
  // Closes what is left.
  ~LingeringCloser();
  LingeringCloser(const LingeringCloser&) = delete;
  LingeringCloser& operator=(const LingeringCloser&) = delete;

  // Takes over a connected socket, to which everything has been written.
  void Close(int fd);

 private:
  struct Lingering {
    int fd;
    absl::Time deadline;
  };

  void Loop();
  // Makes the thread look at `incoming_` and `stopping_`.
  void Wake();

  const int wake_fd_;
  absl::Mutex mu_;
  std::vector<Lingering> incoming_ ABSL_GUARDED_BY(mu_);
  size_t open_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_LINGERING_CLOSER_H_
