// Where a named consumer's position may be, by what its client did and was told, and whether that
// agrees with the contract. Pure: no I/O, no threads, no clock.
//
// A position is a message: everything up to it is handled. A Commit whose answer was lost may have
// been carried out or not, and may still be, until a newer stream begins; so there may be several
// places where the position can be, of which later answers leave one. By name:
//   committed   A position moves with a commit that says so, only ahead, only for the newest
//   stream,
//               and is never lost: it is where ListConsumers says, and where the next stream
//               begins. A commit that is ahead of it moves it. A resume with a token moves it back,
//               and never ahead.
//   answered    A Commit is answered as documented.
//
// All tokens of one stream that were sent after an entry are ahead of those before it. Whether
// there is a difference between tokens with no entry between them is the hub's affair.

#ifndef INCIDENTHUB_TESTS_SUPPORT_CONSUMER_LEDGER_H_
#define INCIDENTHUB_TESTS_SUPPORT_CONSUMER_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/support/finding.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

class ConsumerLedger {
 public:
  // A message, counted through the consumer's history from 0. Empty: nothing is committed.
  using Position = std::optional<size_t>;

  // How a stream was asked for.
  struct Start {
    enum class Kind { kPosition, kToken, kSnapshot };
    Kind kind = Kind::kPosition;
    // Of kToken: whose token it is.
    size_t message = 0;
  };

  // `may_forget`: the hub forgets tombstones, so that it may reset a stream, and its position,
  // whose client does not hear of it any more.
  explicit ConsumerLedger(bool may_forget = false) : may_forget_(may_forget) {}

  // A Subscribe was sent, and ended without an answer: it may have begun a stream.
  void NotOpened(const Start& start);
  // A Subscribe was answered: tokens of all messages so far are of older streams.
  void Opened(const Start& start);
  // ListConsumers said so since. Unset: no position.
  void Listed(std::optional<uint64_t> position_sequence);
  // Where the stream that was opened at the position begins. Empty: that is not known, since a
  // lost commit counts or does not.
  std::optional<Position> Where() const;
  // Of the places where the position may be, the one furthest behind.
  Position Least() const { return places_.front(); }

  // The messages to come are of the stream opened last, which begins after `from`.
  void Begins(Position from);
  void Take(const RecordedMessage& message);

  // A Commit of the message's token was answered, or not.
  void Committed(size_t message, const absl::Status& status, bool changed);

  // What is wrong since this was called last.
  Findings TakeFindings();

 private:
  struct Message {
    // Before it, in what one client saw. Empty: none.
    Position before;
    // The highest sequence up to here.
    uint64_t reach = 0;
    uint64_t head = 0;
    // Of its first entry. 0: it has none.
    uint64_t first_sequence = 0;
    // How many messages up to here told the client something.
    size_t told = 0;
  };

  void Add(absl::string_view check, Position position, const std::string& text);
  // Those that are left are sorted, each once.
  void SetPlaces(std::vector<Position> places);
  std::string PlacesText() const;
  // Whether something came after `position` that `message` is after, too.
  bool IsAhead(size_t message, Position position) const;
  // Whether the hub may call this place so.
  bool MayBeAt(Position place, std::optional<uint64_t> position_sequence) const;
  void CommitMoved(size_t message);
  void CommitMovedNothing(size_t message);

  const bool may_forget_;
  std::vector<Message> messages_;
  // Of the next message.
  Position before_next_;
  // Where the position may be. Never empty.
  std::vector<Position> places_ = {std::nullopt};
  // The first message of the newest stream.
  size_t newest_stream_ = 0;
  // Another stream may have begun since.
  bool may_be_older_ = false;
  Findings findings_;
};

// taken over: a stream ends with ABORTED / SUBSCRIPTION_TAKEN_OVER only if a newer one was asked
// for, and once that was opened it ends, and is sent nothing that was new by then. Messages made
// meanwhile may be `unpublished_max` ahead.
Complaints CheckTakenOver(const StreamHistory& history, uint64_t unpublished_max = 256);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_CONSUMER_LEDGER_H_
