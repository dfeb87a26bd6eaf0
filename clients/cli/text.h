// Text for a terminal: safe to print, aligned, coloured.
//
// What comes from incidents was written by others, and a terminal obeys what it is sent: everything
// from outside goes through Printable() before it reaches one.
//
// Threads: any.

#ifndef INCIDENTHUB_CLIENTS_CLI_TEXT_H_
#define INCIDENTHUB_CLIENTS_CLI_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace incidenthub::client {

// `text` with everything escaped that moves the cursor, changes colours, hides or reorders what is
// shown: control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls
// and invisible characters, bytes that are not UTF-8. Shown as `\n`, `\t`, `\r`, `\x1b`, `\u202e`.
std::string Printable(absl::string_view text);

// Columns that `printable` takes on a terminal: wide characters take two, combining ones none.
size_t DisplayWidth(absl::string_view printable);

// `printable` cut to `columns`, ending in `...` if something was cut off. 0: not cut.
std::string Cut(absl::string_view printable, size_t columns);

// `printable` with spaces after it up to `columns`; never cut.
std::string Pad(absl::string_view printable, size_t columns);

enum class Colour { kNone, kRed, kYellow, kGreen, kCyan, kDim, kBold };

// Paints if it was made to.
class Painter {
 public:
  explicit Painter(bool enabled) : enabled_(enabled) {}

  std::string Paint(Colour colour, absl::string_view printable) const;

 private:
  bool enabled_;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_TEXT_H_
