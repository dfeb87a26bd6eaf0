// Numbers as JSON writes them, taken at their word: nothing here goes through a double that would
// come out as another number. Pure; any thread.

#ifndef INCIDENTHUB_COMMON_DECODE_DECIMAL_H_
#define INCIDENTHUB_COMMON_DECODE_DECIMAL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace incidenthub::decode {

// Whether `text` is a number in RFC 8259's grammar, and nothing else.
bool IsJsonNumber(absl::string_view text);

// A point in time, as google.protobuf.Timestamp counts: years 1 to 9999, `nanos` from 0 to
// 999,999,999.
struct EpochTime {
  int64_t seconds = 0;
  int32_t nanos = 0;
  // False if the text said more than a nanosecond can; then it is cut off towards minus infinity.
  bool exact = true;
};

// The years 1 to 9999, in seconds since 1970.
inline constexpr int64_t kEpochSecondsMin = -62135596800;
inline constexpr int64_t kEpochSecondsMax = 253402300799;

// The exact value of a JSON number of any length: +-0.DIGITS * 10^point.
class Decimal {
 public:
  // REQUIRES: IsJsonNumber(text).
  explicit Decimal(absl::string_view text);

  bool is_zero() const { return digits_.empty(); }

  // The value, if it is whole and fits.
  absl::optional<int64_t> ToInt64() const;

  // The value as seconds since 1970; as milliseconds when it is above 1e11 (in seconds that would
  // be the year 5138). None outside of EpochTime's years.
  absl::optional<EpochTime> ToEpochTime() const;

  bool operator==(const Decimal& other) const {
    return negative_ == other.negative_ && point_ == other.point_ && digits_ == other.digits_;
  }

 private:
  // The digit `index` places behind the point's left end; zero where none was written.
  int DigitAt(int64_t index) const;

  bool negative_ = false;
  // Without leading and trailing zeros; empty for zero.
  std::string digits_;
  int64_t point_ = 0;
};

// A double, and whether its shortest text is the same number again: then nothing is lost by keeping
// the double alone.
struct ReadDouble {
  double value = 0;
  bool exact = true;
};

// None if it is beyond a double's range. REQUIRES: IsJsonNumber(text).
absl::optional<ReadDouble> ToDouble(absl::string_view text);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_DECIMAL_H_
