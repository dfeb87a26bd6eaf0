// The deliveries that have no receipt yet: what waits to be sent, what was sent, what is to be sent
// again. Bookkeeping only: no I/O, no lock, no clock.
//
// Invariants: (1) a delivery stays until it has a final receipt or is pushed out, whatever its
//             sender was told; (2) only a delivery whose sender has been told is ever pushed out,
//             the oldest first; (3) what is sent is sent lowest id first, again after a stream has
//             broken; (4) the limits hold at every moment; (5) a callback is handed out once.
// Threads:    one at a time.

#ifndef INCIDENTHUB_GATEWAY_INGEST_WINDOW_H_
#define INCIDENTHUB_GATEWAY_INGEST_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// One IngestRequest carries at most this much. The hub takes 1,024 deliveries and 4 MiB.
inline constexpr size_t kDeliveriesPerRequestMax = 256;
inline constexpr size_t kRequestBytesMax = (size_t{7} << 20) / 2;

// A rejected delivery is sent again after what the hub asked for, at most kRetryDelayMax; without a
// word from the hub after a random part of a delay that doubles from kRetryDelayFirst on.
inline constexpr absl::Duration kRetryDelayFirst = absl::Milliseconds(100);
inline constexpr absl::Duration kRetryDelayMax = absl::Seconds(10);

// Called once with a delivery's receipt, which is no rejection, or with why there is none.
using ReceiptCallback = absl::AnyInvocable<void(absl::StatusOr<v1::Receipt>)>;

// What is to be told, once no lock is held: see TellAll().
struct SettledDelivery {
  ReceiptCallback callback;
  absl::StatusOr<v1::Receipt> result;
};
void TellAll(std::vector<SettledDelivery> settled);

// A delivery as it travels.
struct EncodedDelivery {
  uint64_t id = 0;
  // For the log; empty if it has none.
  std::string incident_id;
  // The field IngestRequest.deliveries with its tag and length: messages are made by joining these.
  std::string wire;
};
EncodedDelivery EncodeDelivery(const v1::Delivery& delivery);

// A delivery that was given up when its sender was no longer there to be told. If it had been sent,
// it may have been committed all the same.
struct LostDelivery {
  std::string incident_id;
  absl::Status cause;
  // For the log.
  std::string trace_id{};
};

class IngestWindow {
 public:
  struct Limits {
    size_t deliveries;
    size_t bytes;
  };

  explicit IngestWindow(Limits limits) : limits_(limits) {}

  // Takes a delivery in, awaited since `start` and until `deadline`. Pushes deliveries whose
  // senders have been told out if it has to, and appends them to `*lost`. RESOURCE_EXHAUSTED,
  // OVERLOADED: no room, and nothing was changed; `*callback` is moved from only if OK. REQUIRES:
  // the id was never used before; at most kRequestBytesMax.
  absl::Status Add(EncodedDelivery delivery, absl::Time start, absl::Time deadline,
                   ReceiptCallback* callback, std::vector<LostDelivery>* lost);

  // Joins what is to be sent next into `*message`, an encoded IngestRequest. Returns how many of
  // them are sent not for the first time; `*message` is empty if there is nothing to send.
  size_t NextRequest(absl::Time now, std::string* message);

  // Ends a delivery, or puts it back when the hub rejected it only for now. A receipt for an id
  // that is not in the window is dropped. Appends to `*settled` what its sender is to be told, or
  // to `*lost` what was rejected with nobody to be told.
  void OnReceipt(v1::Receipt receipt, absl::Time now, std::vector<SettledDelivery>* settled,
                 std::vector<LostDelivery>* lost);

  // Everything that was sent is to be sent again.
  void OnStreamEnd();

  // The awaited delivery whose deadline passes first; that is InfiniteFuture() if none is awaited.
  struct Awaited {
    uint64_t id = 0;
    absl::Time start;
    absl::Time deadline = absl::InfiniteFuture();
  };
  Awaited NextDeadline() const;
  // REQUIRES for both: the delivery is awaited.
  void SetDeadline(uint64_t id, absl::Time deadline);
  // Why the hub last rejected the delivery; OK if it did not, or has it in hand again.
  absl::Status Rejection(uint64_t id) const;

  // The sender is told `status`, without a receipt; from now on the delivery may be pushed out.
  // REQUIRES: the delivery is awaited.
  void Abandon(uint64_t id, absl::Status status, std::vector<SettledDelivery>* settled);
  // Abandons all.
  void AbandonAll(const absl::Status& status, std::vector<SettledDelivery>* settled);

  // When NextRequest() will have something that it does not have now because the hub asked for a
  // delay. InfiniteFuture() if nothing waits for that.
  absl::Time NextRetryTime() const;

  // Those that NextRequest() has, and those that the hub has.
  size_t unsent() const { return unsent_.size(); }
  size_t sent() const { return entries_.size() - unsent_.size() - retries_.size(); }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }
  // Those that wait, for the log.
  std::vector<std::string> IncidentIds(size_t count_max) const;

 private:
  struct Entry {
    EncodedDelivery delivery;
    // Null once the sender has been told; then the deadline means nothing.
    ReceiptCallback callback;
    absl::Time start;
    absl::Time deadline;
    bool was_sent = false;
    int rejections = 0;
    // OK once it was sent again.
    absl::Status rejection;
    // InfinitePast() unless it stands in `retries_`.
    absl::Time retry_time = absl::InfinitePast();
  };
  using Entries = absl::btree_map<uint64_t, std::unique_ptr<Entry>>;

  void Erase(Entries::iterator it);
  void PutBack(Entry* entry, absl::Status rejection, absl::Time now);

  const Limits limits_;
  Entries entries_;
  size_t bytes_ = 0;
  // Every entry is in one of these two, or was sent on the present stream and has no receipt.
  absl::btree_set<uint64_t> unsent_;
  absl::btree_set<std::pair<absl::Time, uint64_t>> retries_;
  // Entries that are awaited, by deadline, and those that are not.
  absl::btree_set<std::pair<absl::Time, uint64_t>> deadlines_;
  absl::btree_set<uint64_t> abandoned_;
  size_t abandoned_bytes_ = 0;
  absl::BitGen random_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_INGEST_WINDOW_H_
