#include "tests/support/unsynced_env.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace incidenthub::testing {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// What is known of the files that were written since the power came on.
class Disk {
 public:
  // Whether a file may be changed now.
  IOStatus MayChange() const {
    absl::MutexLock lock(&mu_);
    return off_ ? IOStatus::IOError("the power is off") : IOStatus::OK();
  }
  IOStatus MayAppend() const {
    absl::MutexLock lock(&mu_);
    if (off_) return IOStatus::IOError("the power is off");
    return full_ ? IOStatus::NoSpace("the disk is full") : IOStatus::OK();
  }

  void Created(const std::string& file) {
    absl::MutexLock lock(&mu_);
    synced_bytes_[file] = 0;
  }
  void Synced(const std::string& file, uint64_t bytes) {
    absl::MutexLock lock(&mu_);
    synced_bytes_[file] = bytes;
    if (absl::EndsWith(file, ".log")) ++log_syncs_;
  }
  void Renamed(const std::string& from, const std::string& to) {
    absl::MutexLock lock(&mu_);
    const auto known = synced_bytes_.find(from);
    if (known == synced_bytes_.end()) return;
    synced_bytes_[to] = known->second;
    synced_bytes_.erase(known);
  }
  void Deleted(const std::string& file) {
    absl::MutexLock lock(&mu_);
    synced_bytes_.erase(file);
  }

  void PowerOff() {
    absl::MutexLock lock(&mu_);
    off_ = true;
  }
  std::map<std::string, uint64_t> PowerOn() {
    absl::MutexLock lock(&mu_);
    off_ = false;
    return std::exchange(synced_bytes_, {});
  }
  void SetFull(bool full) {
    absl::MutexLock lock(&mu_);
    full_ = full;
  }
  uint64_t log_syncs() const {
    absl::MutexLock lock(&mu_);
    return log_syncs_;
  }

 private:
  mutable absl::Mutex mu_;
  bool off_ ABSL_GUARDED_BY(mu_) = false;
  bool full_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t log_syncs_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, uint64_t> synced_bytes_ ABSL_GUARDED_BY(mu_);
};

class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::string name, std::unique_ptr<FSWritableFile> file, Disk* disk)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    IOStatus status = disk_->MayAppend();
    if (!status.ok()) return status;
    status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) bytes_ += data.size();
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*verification*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const rocksdb::Slice& /*data*/, uint64_t /*offset*/,
                            const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("direct writes");
  }
  IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& /*verification*/,
                            IODebugContext* debug) override {
    return PositionedAppend(data, offset, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = disk_->MayChange();
    if (!status.ok()) return status;
    status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) bytes_ = size;
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return Synced(FSWritableFileOwnerWrapper::Flush(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  // What a test crashes is this process' view of the disk, so the machine need not sync.
  IOStatus Synced(const IOStatus& flushed) {
    if (!flushed.ok()) return flushed;
    IOStatus status = disk_->MayChange();
    if (status.ok()) disk_->Synced(name_, bytes_);
    return status;
  }

  const std::string name_;
  Disk* const disk_;
  // RocksDB appends to and syncs one file from one thread at a time.
  uint64_t bytes_ = 0;
};

class FileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FileSystem(Disk* disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}

  const char* Name() const override { return "UnsyncedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    IOStatus status = disk_->MayChange();
    if (!status.ok()) return status;
    status = FileSystemWrapper::NewWritableFile(name, options, result, debug);
    if (!status.ok()) return status;
    disk_->Created(name);
    *result = std::make_unique<File>(name, std::move(*result), disk_);
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& /*name*/, const FileOptions& /*options*/,
                              std::unique_ptr<FSWritableFile>* /*result*/,
                              IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("reopening a file to write");
  }
  IOStatus ReuseWritableFile(const std::string& /*name*/, const std::string& /*old_name*/,
                             const FileOptions& /*options*/,
                             std::unique_ptr<FSWritableFile>* /*result*/,
                             IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("reusing a file");
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus status = disk_->MayChange();
    if (!status.ok()) return status;
    status = FileSystemWrapper::DeleteFile(name, options, debug);
    if (status.ok()) disk_->Deleted(name);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus status = disk_->MayChange();
    if (!status.ok()) return status;
    status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (status.ok()) disk_->Renamed(from, to);
    return status;
  }

 private:
  Disk* const disk_;
};

}  // namespace

struct UnsyncedEnv::Rep {
  Disk disk;
  std::shared_ptr<FileSystem> file_system;
  std::unique_ptr<rocksdb::Env> env;
};

UnsyncedEnv::UnsyncedEnv() : rep_(std::make_unique<Rep>()) {
  rep_->file_system = std::make_shared<FileSystem>(&rep_->disk);
  rep_->env = rocksdb::NewCompositeEnv(rep_->file_system);
}

UnsyncedEnv::~UnsyncedEnv() = default;

rocksdb::Env* UnsyncedEnv::get() const { return rep_->env.get(); }

void UnsyncedEnv::PowerOff() { rep_->disk.PowerOff(); }

void UnsyncedEnv::PowerOn() {
  for (const auto& [file, bytes] : rep_->disk.PowerOn()) {
    std::filesystem::resize_file(file, bytes);
  }
}

void UnsyncedEnv::SetDiskFull(bool full) { rep_->disk.SetFull(full); }

uint64_t UnsyncedEnv::log_syncs() const { return rep_->disk.log_syncs(); }

}  // namespace incidenthub::testing
