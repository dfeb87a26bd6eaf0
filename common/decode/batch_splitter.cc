#include "common/decode/batch_splitter.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/decode/json_scan.h"

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool BeginsContainer(absl::string_view text) { return text[0] == '{' || text[0] == '['; }

class Splitter {
 public:
  Splitter(absl::string_view body, const BatchShape& shape, PieceSink sink)
      : body_(body), shape_(shape), sink_(sink), text_(body) {
    if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark)
      text_.remove_prefix(kByteOrderMark.size());
  }

  void Run() {
    const absl::string_view whole = TrimJsonBlanks(text_);
    if (whole.empty()) return;
    const bool is_one = BeginsContainer(whole) && SkipJsonContainer(whole, 0) == whole.size();
    if (!is_one || !Value(whole)) Lines();
  }

 private:
  size_t OffsetOf(absl::string_view text) const {
    return static_cast<size_t>(text.data() - body_.data());
  }

  bool Item(absl::string_view text) {
    BatchPiece piece;
    piece.text = text;
    piece.offset = OffsetOf(text);
    stopped_ = stopped_ || !sink_(piece);
    return !stopped_;
  }

  // Takes apart a container whose end is known. False: it spans lines, and is none after all.
  bool Value(absl::string_view text) {
    if (text.front() == '[' && text.back() == ']') {
      Items(text);
      return true;
    }
    if (Wrapper(text)) return true;
    size_t fault = 0;
    const bool spans_lines = text.find('\n') != absl::string_view::npos;
    if (spans_lines && CheckJsonContainer(text, 0, &fault) != text.size()) return false;
    Item(text);
    return true;
  }

  void Items(absl::string_view array) {
    ForEachElementText(array, [this](absl::string_view element) { return Item(element); });
  }

  // False: it is no wrapper.
  bool Wrapper(absl::string_view text) {
    absl::string_view items;
    size_t items_keys = 0;
    const bool has_members =
        text.front() == '{' &&
        ForEachMemberText(text, [&](absl::string_view key, absl::string_view value) {
          if (IsJsonKey(key, shape_.item_key)) return false;
          if (!IsJsonKey(key, shape_.items_key)) return true;
          items = value;
          return ++items_keys == 1;
        });
    if (!has_members || items.empty() || items.front() != '[' ||
        SkipJsonContainer(items, 0) != items.size() || items.back() != ']') {
      return false;
    }
    const size_t begin = static_cast<size_t>(items.data() - text.data());
    std::string shell =
        absl::StrCat(text.substr(0, begin), "[]", text.substr(begin + items.size()));
    const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&shell);
    if (!document.ok()) return false;
    BatchPiece piece;
    piece.kind = BatchPiece::Kind::kWrapperBegin;
    piece.text = shell;
    piece.offset = OffsetOf(text);
    piece.wrapper = document->root();
    stopped_ = !sink_(piece);
    if (stopped_) return true;
    Items(items);
    if (stopped_) return true;
    piece.kind = BatchPiece::Kind::kWrapperEnd;
    stopped_ = !sink_(piece);
    return true;
  }

  size_t LineEnd(size_t at) const { return std::min(text_.find('\n', at), text_.size()); }

  void Lines() {
    size_t at = 0;
    while (at < text_.size() && !stopped_) {
      const size_t line_end = LineEnd(at);
      const absl::string_view line = TrimJsonBlanks(text_.substr(at, line_end - at));
      at = line_end + 1;
      if (line.empty() || (in_broken_value_ && !BeginsContainer(line))) continue;
      in_broken_value_ = false;
      if (!BeginsContainer(line)) {
        Item(line);
        continue;
      }
      const size_t end = SkipJsonContainer(line, 0);
      if (end == line.size()) {
        Value(line);
      } else if (end != kNoEnd) {
        // Something stands behind it: the line parses as nothing.
        Item(line);
      } else {
        at = ValueOverLines(line, line_end);
      }
    }
  }

  // A value that begins with `line`, and does not end in it. Where to go on.
  size_t ValueOverLines(absl::string_view line, size_t line_end) {
    const size_t begin = static_cast<size_t>(line.data() - text_.data());
    size_t fault = 0;
    const size_t end = CheckJsonContainer(text_, begin, &fault);
    if (end != kNoEnd) {
      const size_t last_line_end = LineEnd(end);
      const bool is_alone = TrimJsonBlanks(text_.substr(end, last_line_end - end)).empty();
      if (is_alone && Value(text_.substr(begin, end - begin))) return last_line_end + 1;
    }
    Item(line);
    if (fault <= line_end) return line_end + 1;
    in_broken_value_ = true;
    rescanned_ += fault - line_end;
    return (rescanned_ > kRescanFactorMax * text_.size() ? LineEnd(fault) : line_end) + 1;
  }

  const absl::string_view body_;
  const BatchShape& shape_;
  const PieceSink sink_;
  absl::string_view text_;
  bool stopped_ = false;
  // Lines that cannot begin a value belong to the one that broke.
  bool in_broken_value_ = false;
  // Bytes behind the first line of what broke.
  size_t rescanned_ = 0;
};

}  // namespace

void SplitBatch(absl::string_view body, const BatchShape& shape, PieceSink sink) {
  Splitter(body, shape, sink).Run();
}

}  // namespace incidenthub::decode
