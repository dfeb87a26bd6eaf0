// Which sources are told what happens to their incidents, and how: the file of --upstream_config.
//
// A watch loads the file and the keys that it names, and does so again when one of them has
// changed. A change that cannot be used leaves what was there in effect, and is complained about.
//
// Keys are secrets: they are in no error and no log line.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_CONFIG_H_
#define INCIDENTHUB_SERVER_UPSTREAM_CONFIG_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace incidenthub {

inline constexpr size_t kUpstreamSourcesMax = 64;
inline constexpr size_t kUpstreamConfigBytesMax = size_t{64} << 10U;
inline constexpr size_t kUpstreamKeyBytesMax = 4096;

struct UpstreamSource {
  std::string name;
  // Without a slash at its end.
  std::string base_url;
  std::string api_key;
  // Empty: no outbound callback.
  std::string app_key;
  std::string default_environment_id;
  bool comment_on_ack = false;

  bool operator==(const UpstreamSource&) const = default;
};

// By name.
using UpstreamConfig = std::map<std::string, UpstreamSource, std::less<>>;

// INVALID_ARGUMENT, or why a file cannot be read; says which file and which entry.
absl::StatusOr<UpstreamConfig> LoadUpstreamConfig(const std::string& path);

// Threads: current() by any; Reload by one.
class UpstreamConfigWatch {
 public:
  // Without a file no source is told anything.
  UpstreamConfigWatch() : current_(std::make_shared<const UpstreamConfig>()) {}
  // Errors: of LoadUpstreamConfig.
  static absl::StatusOr<std::unique_ptr<UpstreamConfigWatch>> Open(std::string path);

  std::shared_ptr<const UpstreamConfig> current() const ABSL_LOCKS_EXCLUDED(mu_);
  bool has_file() const { return !path_.empty(); }

  // Looks whether the files have changed; true: current() is another one.
  bool Reload() ABSL_LOCKS_EXCLUDED(mu_);
  // Why the files as they are now are not in effect; OK: they are.
  absl::Status error() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::string path_;

  mutable absl::Mutex mu_;
  std::shared_ptr<const UpstreamConfig> current_ ABSL_GUARDED_BY(mu_);
  absl::Status error_ ABSL_GUARDED_BY(mu_);

  explicit UpstreamConfigWatch(std::string path) : path_(std::move(path)) {}
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_CONFIG_H_
