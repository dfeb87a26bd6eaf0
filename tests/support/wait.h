// Waiting for something that another process does and nobody tells.

#ifndef INCIDENTHUB_TESTS_SUPPORT_WAIT_H_
#define INCIDENTHUB_TESTS_SUPPORT_WAIT_H_

#include "absl/functional/function_ref.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

// Looks every `interval` whether `condition` holds. False: it did not within `timeout`. Where there
// is a notification or a line in a log to wait for, wait for that.
inline bool WaitUntil(absl::FunctionRef<bool()> condition, absl::Duration timeout,
                      absl::Duration interval = absl::Milliseconds(20)) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::Notification never;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    never.WaitForNotificationWithTimeout(interval);
  }
  return true;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_WAIT_H_
