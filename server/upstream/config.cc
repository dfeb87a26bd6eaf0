#include "server/upstream/config.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/host_port.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/util/json_util.h"
#include "incidenthub/internal/v1/upstream_config.pb.h"
#include "server/domain/validate.h"

namespace incidenthub {
namespace {

constexpr absl::string_view kDefaultBaseUrl = "https://api.bigpanda.io";

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(bytes_max + 1, '\0');
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  }
  bytes.resize(static_cast<size_t>(file.gcount()));
  if (bytes.size() > bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has more than ", bytes_max, " bytes"));
  }
  return bytes;
}

// What `path`, of the file `config_path`, has as its only word.
absl::StatusOr<std::string> ReadKey(const std::string& config_path, const std::string& path) {
  const std::string whole = std::filesystem::path(config_path).parent_path() / path;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(whole, kUpstreamKeyBytesMax));
  const absl::string_view key = absl::StripAsciiWhitespace(text);
  if (key.empty()) return absl::InvalidArgumentError(absl::StrCat(whole, ": holds no key"));
  if (!absl::c_all_of(key,
                      [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); })) {
    return absl::InvalidArgumentError(
        absl::StrCat(whole, ": must hold one key, without blanks in it, and nothing else"));
  }
  return std::string(key);
}

absl::Status CheckBaseUrl(absl::string_view url) {
  absl::string_view rest = url;
  const bool secure = absl::ConsumePrefix(&rest, "https://");
  if (!secure && !absl::ConsumePrefix(&rest, "http://")) {
    return absl::InvalidArgumentError("must begin with https://");
  }
  if (rest.empty() || rest.find_first_of("/?#@ ") != absl::string_view::npos) {
    return absl::InvalidArgumentError("must be a host, and maybe a port, after https://");
  }
  if (secure) return absl::OkStatus();
  const bool has_port =
      rest.find(':', rest.find(']') == absl::string_view::npos ? 0 : rest.find(']')) !=
      absl::string_view::npos;
  const absl::StatusOr<HostPort> address =
      ParseHostPort(has_port ? std::string(rest) : absl::StrCat(rest, ":80"));
  if (!address.ok() || !address->IsLoopback()) {
    return absl::InvalidArgumentError(
        "must begin with https://, unless it is an address of this machine: http would show the "
        "API "
        "key to the network");
  }
  return absl::OkStatus();
}

absl::StatusOr<UpstreamSource> ToSource(const std::string& path,
                                        internal::v1::UpstreamSourceConfig config) {
  if (config.source().empty() || config.source().size() > kSourceBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("source must have 1 to ", kSourceBytesMax, " bytes"));
  }
  UpstreamSource source;
  source.name = std::move(*config.mutable_source());
  source.base_url = config.base_url().empty()
                        ? std::string(kDefaultBaseUrl)
                        : std::string(absl::StripSuffix(ToAbsl(config.base_url()), "/"));
  if (const absl::Status status = CheckBaseUrl(source.base_url); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("base_url \"", Echo(source.base_url), "\": ", status.message()));
  }
  if (config.api_key_file().empty()) {
    return absl::InvalidArgumentError("api_key_file is required");
  }
  ASSIGN_OR_RETURN(source.api_key, ReadKey(path, config.api_key_file()));
  if (!config.app_key_file().empty()) {
    ASSIGN_OR_RETURN(source.app_key, ReadKey(path, config.app_key_file()));
  }
  source.default_environment_id = std::move(*config.mutable_default_environment_id());
  source.comment_on_ack = config.comment_on_ack();
  return source;
}

}  // namespace

absl::StatusOr<UpstreamConfig> LoadUpstreamConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kUpstreamConfigBytesMax));
  internal::v1::UpstreamConfigFile file;
  const auto parsed = google::protobuf::util::JsonStringToMessage(text, &file);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(parsed.message())));
  }
  if (static_cast<size_t>(file.sources_size()) > kUpstreamSourcesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has more than ", kUpstreamSourcesMax, " sources"));
  }
  UpstreamConfig config;
  for (auto& entry : *file.mutable_sources()) {
    const std::string name = entry.source();
    absl::StatusOr<UpstreamSource> source = ToSource(path, std::move(entry));
    if (!source.ok()) {
      return absl::Status(source.status().code(), absl::StrCat(path, ": source \"", Echo(name),
                                                               "\": ", source.status().message()));
    }
    if (!config.emplace(name, *std::move(source)).second) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": has source \"", name, "\" twice"));
    }
  }
  return config;
}

absl::StatusOr<std::unique_ptr<UpstreamConfigWatch>> UpstreamConfigWatch::Open(std::string path) {
  ASSIGN_OR_RETURN(UpstreamConfig config, LoadUpstreamConfig(path));
  auto watch = std::unique_ptr<UpstreamConfigWatch>(new UpstreamConfigWatch(std::move(path)));
  absl::MutexLock lock(&watch->mu_);
  watch->current_ = std::make_shared<const UpstreamConfig>(std::move(config));
  return watch;
}

std::shared_ptr<const UpstreamConfig> UpstreamConfigWatch::current() const {
  absl::MutexLock lock(&mu_);
  return current_;
}

absl::Status UpstreamConfigWatch::error() const {
  absl::MutexLock lock(&mu_);
  return error_;
}

bool UpstreamConfigWatch::Reload() {
  if (!has_file()) return false;
  absl::StatusOr<UpstreamConfig> config = LoadUpstreamConfig(path_);
  absl::MutexLock lock(&mu_);
  if (!config.ok()) {
    if (config.status() != error_) {
      Log(LogLevel::kError, "upstream configuration stays as it was", {{"error", config.status()}});
    }
    error_ = config.status();
    return false;
  }
  error_ = absl::OkStatus();
  if (*config == *current_) return false;
  Log(LogLevel::kInfo, "upstream configuration changed", {{"file", path_}});
  current_ = std::make_shared<const UpstreamConfig>(*std::move(config));
  return true;
}

}  // namespace incidenthub
