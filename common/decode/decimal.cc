#include "common/decode/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

namespace incidenthub::decode {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Index of the first character at or after `at` that is no digit.
size_t SkipDigits(absl::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// Larger than any number of digits that fits in memory, small enough that sums never overflow: an
// exponent beyond it cannot be made up for by the digits.
constexpr int64_t kExponentMax = 1'000'000'000'000;

int64_t ParseExponent(absl::string_view text) {
  const bool negative = text[0] == '-';
  int64_t value = 0;
  for (const char c : text.substr(IsDigit(text[0]) ? 0 : 1)) {
    value = std::min(kExponentMax, value * 10 + (c - '0'));
  }
  return negative ? -value : value;
}

}  // namespace

bool IsJsonNumber(absl::string_view text) {
  size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const size_t whole = at;
  at = SkipDigits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = ++at;
    at = SkipDigits(text, at);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = at;
    at = SkipDigits(text, at);
    if (at == exponent) return false;
  }
  return at == text.size();
}

Decimal::Decimal(absl::string_view text) {
  negative_ = text[0] == '-';
  if (negative_) text.remove_prefix(1);
  const size_t whole_size = SkipDigits(text, 0);
  digits_.assign(text.data(), whole_size);
  point_ = static_cast<int64_t>(whole_size);
  text.remove_prefix(whole_size);
  if (!text.empty() && text[0] == '.') {
    const size_t end = SkipDigits(text, 1);
    digits_.append(text.data() + 1, end - 1);
    text.remove_prefix(end);
  }
  if (!text.empty()) point_ += ParseExponent(text.substr(1));
  const size_t leading = std::min(digits_.find_first_not_of('0'), digits_.size());
  digits_.erase(0, leading);
  point_ -= static_cast<int64_t>(leading);
  digits_.erase(digits_.find_last_not_of('0') + 1);
  if (digits_.empty()) point_ = 0;
}

int Decimal::DigitAt(int64_t index) const {
  if (index < 0 || index >= static_cast<int64_t>(digits_.size())) return 0;
  return digits_[static_cast<size_t>(index)] - '0';
}

absl::optional<int64_t> Decimal::ToInt64() const {
  constexpr int64_t kDigitsMax = 19;
  if (is_zero()) return 0;
  if (point_ > kDigitsMax || point_ < static_cast<int64_t>(digits_.size())) return absl::nullopt;
  uint64_t magnitude = 0;
  for (int64_t i = 0; i < point_; ++i)
    magnitude = magnitude * 10 + static_cast<uint64_t>(DigitAt(i));
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (negative_) {
    if (magnitude > kMax + 1) return absl::nullopt;
    return static_cast<int64_t>(~magnitude + 1);
  }
  if (magnitude > kMax) return absl::nullopt;
  return static_cast<int64_t>(magnitude);
}

absl::optional<EpochTime> Decimal::ToEpochTime() const {
  // 1e11 has twelve digits, and so has the last second of the year 9999.
  constexpr int64_t kDigitsMax = 12;
  constexpr int kNanosDigits = 9;
  if (is_zero()) return EpochTime{};
  const bool milliseconds = point_ > kDigitsMax || (point_ == kDigitsMax && digits_ != "1");
  const int64_t point = point_ - (milliseconds ? 3 : 0);
  if (point > kDigitsMax) return absl::nullopt;
  EpochTime time;
  for (int64_t i = 0; i < point; ++i) time.seconds = time.seconds * 10 + DigitAt(i);
  for (int64_t i = point; i < point + kNanosDigits; ++i) time.nanos = time.nanos * 10 + DigitAt(i);
  time.exact = static_cast<int64_t>(digits_.size()) <= point + kNanosDigits;
  if (negative_) {
    time.seconds = -time.seconds;
    if (!time.exact) ++time.nanos;
    if (time.nanos > 0) {
      --time.seconds;
      time.nanos = 1'000'000'000 - time.nanos;
    }
  }
  if (time.seconds < kEpochSecondsMin || time.seconds > kEpochSecondsMax) return absl::nullopt;
  return time;
}

absl::optional<ReadDouble> ToDouble(absl::string_view text) {
  ReadDouble read;
  const char* const end = text.data() + text.size();
  const std::from_chars_result parsed = std::from_chars(text.data(), end, read.value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return absl::nullopt;
  // Up to 15 digits always survive within the normal range, and so short a text holds no more and
  // cannot leave it.
  constexpr size_t kShort = std::numeric_limits<double>::digits10;
  const bool certain = text.size() <= kShort && text.find_first_of("eE") == absl::string_view::npos;
  if (certain) return read;
  std::array<char, 64> shortest;
  const std::to_chars_result printed =
      std::to_chars(shortest.data(), shortest.data() + shortest.size(), read.value,
                    std::chars_format::scientific);
  // to_chars may write "1e+05", which JSON's grammar has too.
  const absl::string_view again(shortest.data(),
                                static_cast<size_t>(printed.ptr - shortest.data()));
  read.exact = Decimal(again) == Decimal(text);
  return read;
}

}  // namespace incidenthub::decode
