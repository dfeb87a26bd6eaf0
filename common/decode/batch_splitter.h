// A body that holds many items, taken apart. Pure; any thread.
//
// Forms, told by what stands there and never by a content type:
//   - a JSON value: an object, or any other, is one item;
//   - an array: each element is an item;
//   - a wrapper: an object with an array under BatchShape::items_key, whose elements are items;
//   - any number of these, each beginning on a line of its own: NDJSON, with blank lines and CRLF,
//     and values that span lines.
// A byte order mark in front of it all is skipped.
//
// The text as a whole is never parsed, so neither kJsonValuesMax nor kJsonDepthMax is about a body
// but about each item. What is checked here is what lies between the items: commas, brackets, and
// a wrapper without its items. An item's own text is not: its reader parses it, and where that
// fails no other item is harmed. Hence: of a text that is valid JSON the pieces are exactly its
// items; and a piece that parses stands in the body as a value of its own.
//
// Where a value that spans lines breaks, reading goes on with the next line that begins with a
// bracket; where a line breaks, with the next line.
//
// Time is linear: what a broken value has swallowed is read again, all together kRescanFactorMax
// times the body at most; behind that, reading goes on behind the break. Memory: a copy of each
// wrapper without its items.

#ifndef INCIDENTHUB_COMMON_DECODE_BATCH_SPLITTER_H_
#define INCIDENTHUB_COMMON_DECODE_BATCH_SPLITTER_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/decode/json.h"

namespace incidenthub::decode {

// How often the bytes of a body are read again to find items behind what is broken.
inline constexpr size_t kRescanFactorMax = 8;

// What makes an object a wrapper.
struct BatchShape {
  // Its items are the elements of the array under this key, which must stand in it once.
  absl::string_view items_key;
  // An object that has this key is an item itself, whatever else it has.
  absl::string_view item_key;
};

struct BatchPiece {
  enum class Kind {
    // `text` is what should be one item: without blanks around it, and possibly empty, where commas
    // have nothing between them.
    kItem,
    // The items that follow, up to kWrapperEnd, stand in `wrapper`.
    kWrapperBegin,
    kWrapperEnd,
  };
  Kind kind = Kind::kItem;
  // Of kItem: in the body. Of the others: the wrapper's own text, with `[]` for its items.
  absl::string_view text;
  // Where it begins in the body, in bytes.
  size_t offset = 0;
  // Of all but kItem: the wrapper, with `[]` for its items. Lives until the function returns.
  JsonValue wrapper;
};

// False: stop.
using PieceSink = absl::FunctionRef<bool(const BatchPiece& piece)>;

// Calls `sink` with the pieces of `body` in their order. None at all: there is nothing but blanks,
// or arrays and wrappers without items.
void SplitBatch(absl::string_view body, const BatchShape& shape, PieceSink sink);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_BATCH_SPLITTER_H_
