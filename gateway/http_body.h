// The body of an HTTP request: framing and compression undone, bounded in bytes.
//
// The bound holds for what is read and for what comes out of it, and is checked before memory is
// taken: a bomb costs no more than an honest body of the largest size. Framing is read strictly, so
// that what follows on the connection is certainly the next request.
//
// Why not the library's content reader: that of the packaged cpp-httplib takes a chunk that does
// not end where its size says for the end of the body, and goes on with the rest as the next
// request; it takes chunk sizes with a sign, and compressed bodies that are cut off.

#ifndef INCIDENTHUB_GATEWAY_HTTP_BODY_H_
#define INCIDENTHUB_GATEWAY_HTTP_BODY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/http_head.h"

namespace incidenthub::gateway {

// Bytes of a body, before and after decompression.
inline constexpr size_t kBodyBytesMax = size_t{16} << 20;
// Bytes of all chunk heads and trailers of one body that carry nothing.
inline constexpr size_t kChunkOverheadBytesMax = size_t{1} << 20;

// Bytes of all bodies together, the first kBodyBytesFree of each apart.
inline constexpr size_t kBodiesBytesMax = size_t{256} << 20;
inline constexpr size_t kBodyBytesFree = size_t{64} << 10;

// What all bodies together may take. Threads: any.
class BodyBudget {
 public:
  explicit BodyBudget(size_t bytes_max) : left_(static_cast<int64_t>(bytes_max)) {}

 private:
  friend class BodyShare;
  std::atomic<int64_t> left_;
};

// What one body takes of it, until the end of the scope. The budget must outlive it.
class BodyShare {
 public:
  explicit BodyShare(BodyBudget* budget) : budget_(*budget) {}
  ~BodyShare() { budget_.left_ += taken_; }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  // Call before the body grows to `size`. UNAVAILABLE, OVERLOADED: there is no room now.
  absl::Status GrowTo(size_t size);

 private:
  BodyBudget& budget_;
  int64_t taken_ = 0;
};

// RESOURCE_EXHAUSTED, BODY_TOO_LARGE.
absl::Status BodyTooLarge(size_t bytes_max);

// Where bodies come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // 1 to `size` bytes into `to`. Any error is final, and returned to the reader of the body as it
  // is.
  virtual absl::StatusOr<size_t> Read(char* to, size_t size) = 0;
};

// A Content-Encoding that can be undone.
enum class BodyCoding { kIdentity, kGzip, kDeflate };

// INVALID_ARGUMENT for any other, with the reason ENCODING_UNSUPPORTED. An empty text is kIdentity.
absl::StatusOr<BodyCoding> ParseBodyCoding(absl::string_view text);

// Reads the whole body into `*body`, replacing what it held.
//
// BodyTooLarge(): more than `bytes_max`; said at once when Content-Length says it.
// INVALID_ARGUMENT: FRAMING_INVALID (chunks), ENCODING_INVALID (compressed data broken, cut off or
// followed by something else). UNAVAILABLE: BodyShare::GrowTo(). Otherwise the source's error.
// After an error, where the body ends is unknown.
absl::Status ReadBody(const RequestHead& head, BodyCoding coding, size_t bytes_max,
                      ByteSource* source, BodyShare* share, std::string* body);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_HTTP_BODY_H_
