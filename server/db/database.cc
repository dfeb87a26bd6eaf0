#include "server/db/database.h"

#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"

namespace incidenthub {
namespace {

// Names on disk, in the order of Table. The first is RocksDB's own default family.
constexpr std::array<const char*, kTableCount> kTableNames = {
    "default",      "events",   "generations", "incidents", "latest",  "quarantine",
    "ack_expiries", "requests", "request_ids", "consumers", "upstream"};

// Memory that RocksDB may use: the block cache, and memtables charged to it.
constexpr size_t kBlockCacheBytes = size_t{64} << 20U;
constexpr size_t kEventsMemtableBytes = size_t{16} << 20U;
constexpr size_t kIndexMemtableBytes = size_t{8} << 20U;
// Past this the write-ahead log makes RocksDB flush the table that holds it back.
constexpr uint64_t kWriteAheadLogBytesMax = uint64_t{128} << 20U;
constexpr int kOpenFilesMax = 512;

absl::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
rocksdb::Slice ToSlice(absl::string_view view) { return {view.data(), view.size()}; }

absl::Status ToStatus(absl::string_view what, const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsNoSpace()) {
    return ReasonError("DISK_FULL", message);
  }
  return absl::UnavailableError(message);
}

// RocksDB has no code of its own for a lock that somebody else holds. The texts are those of its
// lock file's two failures; the path, which may hold any word, stands behind them.
bool IsLockConflict(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return absl::StartsWith(text, "IO error: While lock file: ") ||
         absl::StartsWith(text, "IO error: lock hold by current process");
}

// RocksDB's own log lines go where ours go, never to the data disk: a full disk makes its default
// logger abort.
class ForwardingLogger final : public rocksdb::Logger {
 public:
  ForwardingLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;
  __attribute__((format(printf, 3, 0))) void Logv(const rocksdb::InfoLogLevel level,
                                                  const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    Forward(level >= rocksdb::InfoLogLevel::ERROR_LEVEL ? LogLevel::kError : LogLevel::kWarning,
            format, arguments);
  }
  __attribute__((format(printf, 2, 0))) void Logv(const char* format, va_list arguments) override {
    Forward(LogLevel::kWarning, format, arguments);
  }

 private:
  __attribute__((format(printf, 2, 0))) static void Forward(LogLevel level, const char* format,
                                                            va_list arguments) {
    std::array<char, 1024> line;
    std::vsnprintf(line.data(), line.size(), format, arguments);
    // On a broken disk it complains of each file.
    static RepeatedLine lines(kOfCallers);
    if (const auto left_out = lines.Next()) {
      Log(level, "rocksdb", {{"detail", line.data()}, {"more_before", *left_out}});
    }
  }
};

// Keeps RocksDB from declaring itself well after a failed write: in this version the next write
// would abort. The hub stops instead, and a new process opens the database anew.
class NoAutoRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

class IteratorImpl final : public TableIterator {
 public:
  explicit IteratorImpl(rocksdb::Iterator* iterator) : iterator_(iterator) {}
  void Seek(absl::string_view key) override { iterator_->Seek(ToSlice(key)); }
  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  absl::string_view key() const override { return View(iterator_->key()); }
  absl::string_view value() const override { return View(iterator_->value()); }
  absl::Status status() const override { return ToStatus("scan", iterator_->status()); }

 private:
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

// Of a thread's own counters, which nobody reads: RocksDB adds each comparison of two keys to them,
// which is a good part of its price.
void CountNothing() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }

rocksdb::ColumnFamilyOptions FamilyOptions(Table table,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.cache_index_and_filter_blocks = true;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kLZ4Compression;
  options.write_buffer_size = table == Table::kEvents ? kEventsMemtableBytes : kIndexMemtableBytes;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  if (table == Table::kEvents || table == Table::kLatest) {
    // Keys grow, so that a new one belongs where the last one is; a search would compare it with
    // dozens. Half of a key is prefix enough for all of them to share.
    options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(sizeof(uint64_t) / 2));
  }
  if (table == Table::kIncidents) {
    // Whoever decides on a delivery asks for its incident first, which often is not here: that it
    // is new, or has not changed for a while, is told without a search.
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = 0.02;
  }
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> AllFamilies() {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(kTableCount);
  for (int i = 0; i < kTableCount; ++i) {
    families.emplace_back(kTableNames[static_cast<size_t>(i)],
                          FamilyOptions(static_cast<Table>(i), cache));
  }
  return families;
}

// What both ways to open have in common.
rocksdb::DBOptions CommonOptions(const std::shared_ptr<rocksdb::Logger>& logger) {
  rocksdb::DBOptions options;
  options.info_log = logger;
  options.max_open_files = kOpenFilesMax;
  options.max_total_wal_size = kWriteAheadLogBytesMax;
  options.listeners.push_back(std::make_shared<NoAutoRecovery>());
  options.avoid_flush_during_shutdown = true;
  return options;
}

}  // namespace

std::string EncodeKey(uint64_t number) {
  std::string key(sizeof(number), '\0');
  for (size_t i = 0; i < sizeof(number); ++i) {
    key[i] = static_cast<char>((number >> (8U * (sizeof(number) - 1 - i))) & 0xFFU);
  }
  return key;
}

uint64_t DecodeKey(absl::string_view key) {
  INCIDENTHUB_CHECK(key.size() == sizeof(uint64_t));
  uint64_t number = 0;
  for (const char c : key) number = (number << 8U) | static_cast<unsigned char>(c);
  return number;
}

struct WriteSet::Rep {
  // Families are known only to the database, so the changes are held until Write.
  struct Change {
    Table table;
    bool put;
    absl::string_view key;
    absl::string_view value;
  };
  std::vector<Change> changes;
  // Of all keys and values: a string for each would cost more than its write.
  std::pmr::monotonic_buffer_resource memory;
  size_t bytes = 0;

  absl::string_view Keep(absl::string_view view) {
    if (view.empty()) return {};
    bytes += view.size();
    auto* const kept = static_cast<char*>(memory.allocate(view.size(), 1));
    std::memcpy(kept, view.data(), view.size());
    return {kept, view.size()};
  }
};

WriteSet::WriteSet() : rep_(std::make_unique<Rep>()) {}
WriteSet::~WriteSet() = default;
WriteSet::WriteSet(WriteSet&&) noexcept = default;
WriteSet& WriteSet::operator=(WriteSet&&) noexcept = default;

void WriteSet::Put(Table table, absl::string_view key, absl::string_view value) {
  rep_->changes.push_back({table, true, rep_->Keep(key), rep_->Keep(value)});
}

void WriteSet::Delete(Table table, absl::string_view key) {
  rep_->changes.push_back({table, false, rep_->Keep(key), {}});
}

bool WriteSet::empty() const { return rep_->changes.empty(); }

struct Database::Rep {
  std::string path;
  // Declared before `db`, which uses it to its end.
  std::shared_ptr<rocksdb::Logger> logger;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;

  rocksdb::ColumnFamilyHandle* family(Table table) const {
    return families[static_cast<size_t>(table)];
  }
};

Database::Database(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

Database::~Database() {
  for (auto* family : rep_->families) rep_->db->DestroyColumnFamilyHandle(family);
  const rocksdb::Status status = rep_->db->Close();
  if (!status.ok())
    Log(LogLevel::kWarning, "closing the database", {{"error", ToStatus(rep_->path, status)}});
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const Options& options) {
  auto rep = std::make_unique<Rep>();
  rep->path = path;
  rep->logger = std::make_shared<ForwardingLogger>();
  rocksdb::DBOptions db_options = CommonOptions(rep->logger);
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  if (options.env != nullptr) db_options.env = options.env;

  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, path, AllFamilies(), &rep->families, &db);
  if (!status.ok()) {
    if (status.IsIOError() && IsLockConflict(status)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "data_dir \"", path, "\" is in use by another process: ", status.ToString()));
    }
    return ToStatus(absl::StrCat("open data_dir \"", path, "\""), status);
  }
  rep->db.reset(db);
  return std::unique_ptr<Database>(new Database(std::move(rep)));
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenReadOnly(const std::string& path) {
  auto rep = std::make_unique<Rep>();
  rep->path = path;
  rep->logger = std::make_shared<ForwardingLogger>();
  const rocksdb::DBOptions options = CommonOptions(rep->logger);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(options, path, AllFamilies(), &rep->families, &db);
  if (!status.ok()) return ToStatus(absl::StrCat("open \"", path, "\""), status);
  rep->db.reset(db);
  return std::unique_ptr<Database>(new Database(std::move(rep)));
}

absl::Status Database::Checkpoint(const std::string& path) const {
  rocksdb::Checkpoint* checkpoint = nullptr;
  if (const rocksdb::Status status = rocksdb::Checkpoint::Create(rep_->db.get(), &checkpoint);
      !status.ok()) {
    return ToStatus("checkpoint", status);
  }
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  return ToStatus(absl::StrCat("checkpoint to \"", path, "\""), owned->CreateCheckpoint(path));
}

absl::Status Database::VerifyFiles() const {
  return ToStatus(absl::StrCat("verify \"", rep_->path, "\""), rep_->db->VerifyChecksum());
}

absl::Status Database::Write(WriteSet changes, Durability durability) {
  // About what RocksDB writes beside a key and its value.
  constexpr size_t kBytesPerChange = 8;
  const WriteSet::Rep& set = *changes.rep_;
  rocksdb::WriteBatch batch(set.bytes + set.changes.size() * kBytesPerChange);
  for (const auto& change : set.changes) {
    rocksdb::ColumnFamilyHandle* const family = rep_->family(change.table);
    const rocksdb::Status status =
        change.put ? batch.Put(family, ToSlice(change.key), ToSlice(change.value))
                   : batch.Delete(family, ToSlice(change.key));
    if (!status.ok()) return ToStatus("build write", status);
  }
  CountNothing();
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  return ToStatus("write", rep_->db->Write(options, &batch));
}

absl::StatusOr<std::optional<std::string>> Database::Get(Table table, absl::string_view key) const {
  CountNothing();
  std::string value;
  const rocksdb::Status status =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->family(table), ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return ToStatus("read", status);
  return std::optional<std::string>(std::move(value));
}

absl::StatusOr<std::vector<std::optional<std::string>>> Database::GetAll(
    Table table, const std::vector<std::string>& keys) const {
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<std::string> values;
  const std::vector<rocksdb::Status> statuses = rep_->db->MultiGet(
      rocksdb::ReadOptions(),
      std::vector<rocksdb::ColumnFamilyHandle*>(keys.size(), rep_->family(table)), slices, &values);
  std::vector<std::optional<std::string>> found(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      found[i] = std::move(values[i]);
    } else if (!statuses[i].IsNotFound()) {
      return ToStatus("read", statuses[i]);
    }
  }
  return found;
}

std::unique_ptr<TableIterator> Database::NewIterator(Table table) const {
  return std::make_unique<IteratorImpl>(
      rep_->db->NewIterator(rocksdb::ReadOptions(), rep_->family(table)));
}

absl::StatusOr<uint64_t> Database::ReadNumber(absl::string_view key) const {
  absl::StatusOr<std::optional<std::string>> value = Get(Table::kMeta, key);
  if (!value.ok()) return value.status();
  return value->has_value() ? DecodeKey(**value) : 0;
}

absl::StatusOr<uint64_t> Database::LastNumber(Table table) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      rep_->db->NewIterator(rocksdb::ReadOptions(), rep_->family(table)));
  iterator->SeekToLast();
  if (iterator->Valid()) return DecodeKey(View(iterator->key()));
  if (!iterator->status().ok()) return ToStatus("read the last key", iterator->status());
  return uint64_t{0};
}

absl::StatusOr<uint64_t> Database::FreeBytes() const {
  struct statvfs disk = {};
  if (statvfs(rep_->path.c_str(), &disk) != 0) {
    return absl::UnavailableError(absl::StrCat("statvfs ", rep_->path, ": ", std::strerror(errno)));
  }
  return uint64_t{disk.f_bavail} * uint64_t{disk.f_frsize};
}

}  // namespace incidenthub
