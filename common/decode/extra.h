// Where a decoder puts what has no field.

#ifndef INCIDENTHUB_COMMON_DECODE_EXTRA_H_
#define INCIDENTHUB_COMMON_DECODE_EXTRA_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "google/protobuf/map.h"

namespace incidenthub::decode {

// What decoding one body has found out beside the message itself.
struct Findings {
  // Why the body is no incident, naming the pointer. The first one counts; from then on decoding
  // may stop anywhere.
  std::string problem;
  // Bytes kept in extras so far, all together.
  size_t extra_bytes = 0;
};

// The `extra` map of one message: an RFC 6901 pointer from the message's own place to exact JSON
// text.
//
// Invariant: a key that stands twice in an object whose keys are read is a problem, since one of
// them would be lost.
class Extra {
 public:
  using Map = google::protobuf::Map<std::string, std::string>;

  // Extras of one body stop growing here; such a body is no incident that anybody could carry.
  static constexpr size_t kBytesMax = size_t{3} << 20;

  // All must outlive it.
  Extra(Map* map, const JsonPointer& base, Findings* findings)
      : map_(*map), base_(base), findings_(*findings) {}

  // The extras of a message within the same body.
  Extra Of(Map* map, const JsonPointer& base) const { return {map, base, &findings_}; }

  // Keeps the value's exact text.
  void Keep(const JsonPointer& at, const JsonValue& value);

  // The body is no incident: "<pointer>: <what>".
  void Refuse(const JsonPointer& at, absl::string_view what);
  void RefuseDuplicate(const JsonPointer& at);

  bool refused() const { return !findings_.problem.empty(); }

 private:
  Map& map_;
  const JsonPointer& base_;
  Findings& findings_;
};

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_EXTRA_H_
