// A machine whose power can fail: files lose what was written and not synced.
//
//   UnsyncedEnv env;
//   TestDatabase database({.env = env.get()});
//   ... write ...
//   env.PowerOff();       // from here on nothing reaches the disk
//   database.Close();
//   env.PowerOn();        // unsynced bytes are gone, files that were never synced are empty
//   database.Open();

#ifndef INCIDENTHUB_TESTS_SUPPORT_UNSYNCED_ENV_H_
#define INCIDENTHUB_TESTS_SUPPORT_UNSYNCED_ENV_H_

#include <cstdint>
#include <memory>

namespace rocksdb {
class Env;
}

namespace incidenthub::testing {

// Threads: any. Lifetime: outlives the database that uses it.
class UnsyncedEnv {
 public:
  UnsyncedEnv();
  ~UnsyncedEnv();

  rocksdb::Env* get() const;

  // Everything that would change a file fails from now on.
  void PowerOff();
  // Cuts every file to what was synced, and lets files be changed again. REQUIRES: the database is
  // closed.
  void PowerOn();

  // While set, appending to a file fails as on a full disk.
  void SetDiskFull(bool full);

  // Syncs of write-ahead logs so far.
  uint64_t log_syncs() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_UNSYNCED_ENV_H_
