#include "common/decode/wire_time.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/civil_time.h"

namespace incidenthub::decode {
namespace {

// Reads a text from left to right; every function answers false, and means "no time", if it finds
// something else.
class IsoReader {
 public:
  explicit IsoReader(absl::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool Skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `size` digits.
  bool Number(size_t size, int* value) {
    if (rest_.size() < size) return false;
    *value = 0;
    for (size_t i = 0; i < size; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      *value = *value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(size);
    return true;
  }

  bool Fraction(EpochTime* time) {
    constexpr int kNanosDigits = 9;
    int digits = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), ++digits) {
      if (digits < kNanosDigits) {
        time->nanos = time->nanos * 10 + (rest_[0] - '0');
      } else if (rest_[0] != '0') {
        time->exact = false;
      }
    }
    for (int i = digits; i < kNanosDigits; ++i) time->nanos *= 10;
    return digits > 0;
  }

  // Seconds east of Greenwich.
  bool Offset(int64_t* seconds) {
    *seconds = 0;
    if (Skip('Z') || Skip('z')) return true;
    const bool west = Skip('-');
    if (!west && !Skip('+')) return false;
    int hours = 0;
    int minutes = 0;
    if (!Number(2, &hours)) return false;
    if (!at_end()) {
      Skip(':');
      if (!Number(2, &minutes)) return false;
    }
    if (hours > 23 || minutes > 59) return false;
    *seconds = (int64_t{hours} * 60 + minutes) * 60;
    if (west) *seconds = -*seconds;
    return true;
  }

 private:
  absl::string_view rest_;
};

// REQUIRES: IsJsonNumber(number).
absl::optional<EpochTime> TimeOfNumber(absl::string_view number) {
  // Whole seconds, as nearly all are, need no decimals. Eleven digits stay below 1e11.
  constexpr size_t kPlainDigitsMax = 11;
  if (number.size() > kPlainDigitsMax) return Decimal(number).ToEpochTime();
  EpochTime time;
  for (const char c : number) {
    if (c < '0' || c > '9') return Decimal(number).ToEpochTime();
    time.seconds = time.seconds * 10 + (c - '0');
  }
  return time;
}

}  // namespace

absl::optional<EpochTime> ParseIsoTime(absl::string_view text) {
  IsoReader reader(text);
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!reader.Number(4, &year) || !reader.Skip('-') || !reader.Number(2, &month) ||
      !reader.Skip('-') || !reader.Number(2, &day)) {
    return absl::nullopt;
  }
  if (!reader.Skip('T') && !reader.Skip('t') && !reader.Skip(' ')) return absl::nullopt;
  if (!reader.Number(2, &hour) || !reader.Skip(':') || !reader.Number(2, &minute) ||
      !reader.Skip(':') || !reader.Number(2, &second)) {
    return absl::nullopt;
  }
  EpochTime time;
  if (reader.Skip('.') && !reader.Fraction(&time)) return absl::nullopt;
  int64_t offset = 0;
  if (!reader.Offset(&offset) || !reader.at_end()) return absl::nullopt;

  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  // Civil times carry over what is too large; a date that was carried over was none.
  if (civil.month() != month || civil.day() != day || civil.hour() != hour ||
      civil.minute() != minute || civil.second() != second) {
    return absl::nullopt;
  }
  time.seconds = (civil - absl::CivilSecond(1970, 1, 1)) - offset;
  if (time.seconds < kEpochSecondsMin || time.seconds > kEpochSecondsMax) return absl::nullopt;
  return time;
}

absl::optional<EpochTime> ReadTime(const JsonValue& value) {
  if (value.type() == JsonType::kNumber) return TimeOfNumber(value.raw());
  if (value.type() != JsonType::kString) return absl::nullopt;
  std::string scratch;
  const absl::string_view text = value.String(&scratch);
  if (IsJsonNumber(text)) return TimeOfNumber(text);
  return ParseIsoTime(text);
}

}  // namespace incidenthub::decode
