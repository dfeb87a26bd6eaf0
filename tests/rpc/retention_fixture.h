// A hub in this process that drops what a test wants, when it wants.

#ifndef INCIDENTHUB_TESTS_RPC_RETENTION_FIXTURE_H_
#define INCIDENTHUB_TESTS_RPC_RETENTION_FIXTURE_H_

#include <string>

#include "server/core/retention.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub::testing {

class DroppingHubTest : public RpcTest {
 protected:
  // A ring of one event: everything else is read from the store.
  DroppingHubTest() : RpcTest({.ring_bytes = 1}) {}

  // Drops everything that may go at this second.
  void RetainUntil(int second, const RetentionOptions& options) {
    clock_.Set(At(second));
    Retention retention(sequencer_.get(), store_.get(), &clock_, options);
    while (true) {
      const auto more = retention.Step();
      ASSERT_OK(more);
      if (!*more) return;
    }
  }
  // To be called in this order.
  void DropEvents() { RetainUntil(100, {.retain_events = absl::Seconds(1)}); }
  void PurgeResolved() { RetainUntil(200, {.retain_resolved = absl::Seconds(1)}); }
  void ForgetTombstones() {
    RetainUntil(300, {.retain_events = absl::Seconds(1), .retain_tombstones = absl::Seconds(1)});
  }

  // The token of a client that has followed everything so far.
  std::string TokenHere() {
    SubscribeCall call(stub_.get(), {});
    call.ReadSnapshot();
    return call.token();
  }
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_RPC_RETENTION_FIXTURE_H_
