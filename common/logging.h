// Log lines: one JSON object a line on standard error, written by a thread of their own.
//
//   Log(LogLevel::kInfo, "incident resolved", {{"incident_id", id}, {"sequence", sequence}});
//   -> {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"incident
//   resolved","incident_id":"...","sequence":7}
//
// Threads: all. Bounds: the queue to the writing thread holds kLogQueueLinesMax lines; past that
// the oldest are dropped, never the caller delayed. Never log a credential.

#ifndef INCIDENTHUB_COMMON_LOGGING_H_
#define INCIDENTHUB_COMMON_LOGGING_H_

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace incidenthub {

inline constexpr size_t kLogQueueLinesMax = 8192;

// kAudit: who did what with which right. Written whatever the level is, so that who turns that up
// hides nothing; it is no level to be set.
enum class LogLevel { kDebug, kInfo, kWarning, kError, kAudit };

// One member of a log line's object. Lives as long as the call.
class LogField {
 public:
  LogField(absl::string_view name, absl::string_view text);
  LogField(absl::string_view name, const char* text) : LogField(name, absl::string_view(text)) {}
  LogField(absl::string_view name, const std::string& text)
      : LogField(name, absl::string_view(text)) {}
  LogField(absl::string_view name, bool value) : name_(name), json_(value ? "true" : "false") {}
  LogField(absl::string_view name, std::integral auto number)
      : name_(name), json_(absl::StrCat(number)) {}
  LogField(absl::string_view name, absl::Duration duration);
  LogField(absl::string_view name, const absl::Status& status);

  absl::string_view name() const { return name_; }
  absl::string_view json() const { return json_; }

 private:
  absl::string_view name_;
  std::string json_;
};

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(absl::string_view text);

// Call once at start, before threads. `min_level` is "debug", "info", "warning" or "error";
// INVALID_ARGUMENT otherwise.
absl::Status StartLogging(absl::string_view min_level);

// INVALID_ARGUMENT: `name` is none of those four.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name);
absl::string_view LogLevelName(LogLevel level);

// From now on lines of this level and above are written. StartLogging sets it first.
void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();

// Writes what is queued. For the end of main; lines after it are written at once.
void FlushLogs();

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_LOGGING_H_
