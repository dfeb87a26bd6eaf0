// RocksDB behind a small door: the tables, atomic writes, point reads and ordered scans.
//
// One instance holds everything that the hub keeps. The log owns kEvents and kGenerations, the
// store the rest.
//
// Threads:  all methods, any thread.
// Errors:   a failed read is DATA_LOSS or UNAVAILABLE and changes nothing. After a failed Write its
//           outcome is unknown and so is that of everything after it: the caller must stop writing
//           and have the database opened anew.
// Lifetime: iterators must be gone before the database.

#ifndef INCIDENTHUB_SERVER_DB_DATABASE_H_
#define INCIDENTHUB_SERVER_DB_DATABASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/domain/ids.h"

namespace rocksdb {
class Env;
}

namespace incidenthub {

// A table of the database (a RocksDB column family). On disk each is known by its name in
// database.cc.
enum class Table {
  kMeta,         // a fixed key -> a number of the hub's
  kEvents,       // sequence -> LogRecord
  kGenerations,  // number -> GenerationRecord
  kIncidents,    // incident id -> IncidentIndexEntry
  kLatest,       // sequence of an incident's newest event -> nothing; "t": a tombstone
  kQuarantine,   // number -> QuarantinedBody
  kAckExpiries,  // time, incident id -> nothing
  kRequests,     // sequence of the event that a request made -> RememberedRequest
  kRequestIds,   // request id, sequence of its event -> nothing
  kConsumers,    // name -> ConsumerRecord
  kUpstream,     // kind, sequence of the event that asked for it -> UpstreamWork
};
inline constexpr int kTableCount = 11;

// Key in kMeta of the highest sequence at or below which events were dropped: the store's, and
// where the log has come to if it holds none above it.
inline constexpr absl::string_view kFloorKey = "floor";

// Keys that sort as the numbers they encode.
std::string EncodeKey(uint64_t number);
// REQUIRES: `key` was made by EncodeKey.
uint64_t DecodeKey(absl::string_view key);

// Changes that happen together or not at all.
class WriteSet {
 public:
  WriteSet();
  ~WriteSet();
  WriteSet(WriteSet&&) noexcept;
  WriteSet& operator=(WriteSet&&) noexcept;

  void Put(Table table, absl::string_view key, absl::string_view value);
  void Delete(Table table, absl::string_view key);
  bool empty() const;

 private:
  friend class Database;
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// A forward scan over a table as it was when the iterator was made.
class TableIterator {
 public:
  virtual ~TableIterator() = default;
  // Moves to the first key at or after `key`.
  virtual void Seek(absl::string_view key) = 0;
  virtual bool Valid() const = 0;
  // REQUIRES: Valid(). The views live until the next move.
  virtual void Next() = 0;
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  // Why the scan ended, once it is not Valid().
  virtual absl::Status status() const = 0;
};

class Database {
 public:
  struct Options {
    // Where files are read and written; null: the machine's own file system. Not owned.
    rocksdb::Env* env = nullptr;
  };

  // Opens or creates the database in `path` and locks it for this process. FAILED_PRECONDITION:
  // another process holds it.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const Options& options);
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path) {
    return Open(path, Options());
  }
  // Opens the database in `path` for reading; it is neither changed nor locked. Nobody may write it
  // meanwhile.
  static absl::StatusOr<std::unique_ptr<Database>> OpenReadOnly(const std::string& path);
  ~Database();

  enum class Durability {
    // Survives the process, maybe not the machine.
    kBuffered,
    // Synced to disk, with everything written before it.
    kSynced,
  };
  absl::Status Write(WriteSet changes, Durability durability);

  // Empty if there is no such key.
  absl::StatusOr<std::optional<std::string>> Get(Table table, absl::string_view key) const;

  // Values of `keys` in their order; empty if there is no such key.
  absl::StatusOr<std::vector<std::optional<std::string>>> GetAll(
      Table table, const std::vector<std::string>& keys) const;

  std::unique_ptr<TableIterator> NewIterator(Table table) const;

  // The number under `key` of kMeta; 0 if there is none.
  absl::StatusOr<uint64_t> ReadNumber(absl::string_view key) const;

  // The greatest key of a table of numbers; 0 if it is empty.
  absl::StatusOr<uint64_t> LastNumber(Table table) const;

  // Writes a copy of the whole database, as of some moment during the call, to `path`, which must
  // not exist, and whose folder must; while reads and writes go on. On the same file system it
  // shares the files that do not change any more. After an error there is nothing at `path`.
  absl::Status Checkpoint(const std::string& path) const;

  // Reads every file that does not change any more, and compares its checksums. DATA_LOSS: one is
  // damaged.
  absl::Status VerifyFiles() const;

  // Bytes free for the hub on the disk that holds the database.
  absl::StatusOr<uint64_t> FreeBytes() const;

 private:
  struct Rep;
  explicit Database(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DB_DATABASE_H_
