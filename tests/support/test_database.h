// A database of a test's own, in a directory that is gone afterwards.

#ifndef INCIDENTHUB_TESTS_SUPPORT_TEST_DATABASE_H_
#define INCIDENTHUB_TESTS_SUPPORT_TEST_DATABASE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/check.h"
#include "server/db/database.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::testing {

class TestDatabase {
 public:
  explicit TestDatabase(const Database::Options& options = {}) : options_(options) { Open(); }

  Database* get() const { return database_.get(); }
  Database* operator->() const { return get(); }
  const std::string& path() const { return directory_.path(); }

  // All that a table holds, by key. REQUIRES: no error.
  std::map<std::string, std::string> Dump(Table table) const {
    std::map<std::string, std::string> entries;
    const auto iterator = database_->NewIterator(table);
    for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
      entries.emplace(iterator->key(), iterator->value());
    }
    INCIDENTHUB_CHECK(iterator->status().ok());
    return entries;
  }

  // Everything that uses the database has to be gone before it is closed.
  void Close() { database_.reset(); }
  void Open() {
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(path(), options_);
    INCIDENTHUB_CHECK(database.ok());
    database_ = *std::move(database);
  }
  void Reopen() {
    Close();
    Open();
  }

 private:
  const Database::Options options_;
  const TempDir directory_;
  std::unique_ptr<Database> database_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_TEST_DATABASE_H_
