#include "gateway/http_body.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

// A read asks for this much, and a body grows by this much at first: a sender that announces 16 MiB
// and sends nothing holds little memory.
constexpr size_t kStepBytes = kBodyBytesFree;
// Taken from the budget at a time.
constexpr int64_t kShareStepBytes = int64_t{1} << 20;
// Room that the JSON parser wants behind a text; with it, the text need not move.
constexpr size_t kSpareBytes = 64;
// Decompressed at a time.
constexpr size_t kInflateBytes = size_t{32} << 10;
constexpr size_t kChunkLineBytesMax = size_t{4} << 10;

absl::Status BadChunks(absl::string_view what) {
  return ReasonError(absl::StatusCode::kInvalidArgument, "FRAMING_INVALID",
                     absl::StrCat("chunked body: ", what));
}

absl::Status BadCoding(absl::string_view what) {
  return ReasonError(absl::StatusCode::kInvalidArgument, "ENCODING_INVALID",
                     absl::StrCat("compressed body: ", what));
}

// Takes the body's bytes as they were framed, and keeps what they stand for.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual absl::Status Append(absl::string_view bytes) = 0;
  virtual absl::Status Finish() = 0;
};

class PlainSink final : public BodySink {
 public:
  PlainSink(size_t bytes_max, BodyShare* share, std::string* body)
      : bytes_max_(bytes_max), share_(*share), body_(*body) {}

  absl::Status Append(absl::string_view bytes) override {
    if (bytes.size() > bytes_max_ - body_.size()) return BodyTooLarge(bytes_max_);
    RETURN_IF_ERROR(share_.GrowTo(body_.size() + bytes.size()));
    body_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  const size_t bytes_max_;
  BodyShare& share_;
  std::string& body_;
};

class InflatingSink final : public BodySink {
 public:
  InflatingSink(BodyCoding coding, size_t bytes_max, BodyShare* share, std::string* body)
      : is_gzip_(coding == BodyCoding::kGzip), plain_(bytes_max, share, body) {
    // 15 is the largest window; 16 on top of it says gzip instead of zlib.
    INCIDENTHUB_CHECK(inflateInit2(&stream_, is_gzip_ ? 15 + 16 : 15) == Z_OK);
  }
  ~InflatingSink() override { inflateEnd(&stream_); }
  InflatingSink(const InflatingSink&) = delete;
  InflatingSink& operator=(const InflatingSink&) = delete;

  absl::Status Append(absl::string_view bytes) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    // Output may be pending after the last byte has gone in: as long as the buffer came out full.
    bool full = false;
    while (stream_.avail_in > 0 || full) {
      if (ended_) {
        // A gzip file may be several, one behind the other.
        if (!is_gzip_) return BadCoding("something follows its end");
        INCIDENTHUB_CHECK(inflateReset(&stream_) == Z_OK);
        ended_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.get());
      stream_.avail_out = kInflateBytes;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return BadCoding(stream_.msg == nullptr ? "it is broken" : stream_.msg);
      }
      RETURN_IF_ERROR(plain_.Append({buffer_.get(), kInflateBytes - stream_.avail_out}));
      ended_ = result == Z_STREAM_END;
      full = !ended_ && stream_.avail_out == 0;
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    return ended_ ? absl::OkStatus() : BadCoding("it ends too early");
  }

 private:
  const bool is_gzip_;
  PlainSink plain_;
  z_stream stream_ = {};
  bool ended_ = false;
  const std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(kInflateBytes);
};

class FramedReader {
 public:
  FramedReader(ByteSource* source, size_t bytes_max, BodySink* sink)
      : source_(*source), sink_(*sink), bytes_max_(bytes_max) {}

  // Hands `size` bytes of the source to the sink.
  absl::Status Copy(uint64_t size) {
    if (size > bytes_max_ - read_) return BodyTooLarge(bytes_max_);
    if (buffer_ == nullptr && size > 0) buffer_ = std::make_unique<char[]>(kStepBytes);
    while (size > 0) {
      ASSIGN_OR_RETURN(const size_t got,
                       source_.Read(buffer_.get(), std::min<uint64_t>(size, kStepBytes)));
      RETURN_IF_ERROR(sink_.Append({buffer_.get(), got}));
      read_ += got;
      size -= got;
    }
    return absl::OkStatus();
  }

  absl::Status CopyChunks() {
    while (true) {
      ASSIGN_OR_RETURN(const uint64_t size, ReadChunkSize());
      if (size == 0) break;
      RETURN_IF_ERROR(Copy(size));
      RETURN_IF_ERROR(ReadLine());
      if (!line_.empty()) return BadChunks("a chunk does not end where its size says");
    }
    // Trailers mean nothing here.
    do {
      RETURN_IF_ERROR(ReadLine());
    } while (!line_.empty());
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<uint64_t> ReadChunkSize() {
    RETURN_IF_ERROR(ReadLine());
    const absl::string_view text = absl::string_view(line_).substr(0, line_.find_first_of("; \t"));
    uint64_t size = 0;
    // SimpleHexAtoi alone would take a sign and a prefix.
    const bool is_hex = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return absl::ascii_isxdigit(static_cast<unsigned char>(c));
    });
    if (!is_hex) return BadChunks("a chunk size is not hexadecimal");
    if (!absl::SimpleHexAtoi(text, &size)) return BodyTooLarge(bytes_max_);
    return size;
  }

  // One line into `line_`, without its CRLF.
  absl::Status ReadLine() {
    line_.clear();
    while (true) {
      char c = 0;
      RETURN_IF_ERROR(source_.Read(&c, 1).status());
      if (++overhead_ > kChunkOverheadBytesMax) return BadChunks("too many chunks");
      if (c == '\n') break;
      if (line_.size() == kChunkLineBytesMax) return BadChunks("a line is too long");
      line_ += c;
    }
    if (line_.empty() || line_.back() != '\r') return BadChunks("a line does not end in CRLF");
    line_.pop_back();
    return absl::OkStatus();
  }

  ByteSource& source_;
  BodySink& sink_;
  const size_t bytes_max_;
  size_t read_ = 0;
  size_t overhead_ = 0;
  std::string line_;
  std::unique_ptr<char[]> buffer_;
};

// The usual body, without a buffer between socket and string.
absl::Status ReadPlain(uint64_t size, ByteSource* source, BodyShare* share, std::string* body) {
  body->reserve(std::min<size_t>(size, kStepBytes) + kSpareBytes);
  while (body->size() < size) {
    const size_t have = body->size();
    const size_t grown = have + std::min<uint64_t>(size - have, std::max(kStepBytes, have));
    RETURN_IF_ERROR(share->GrowTo(grown));
    body->resize(grown);
    size_t filled = have;
    while (filled < body->size()) {
      ASSIGN_OR_RETURN(const size_t got, source->Read(&(*body)[filled], body->size() - filled));
      filled += got;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BodyTooLarge(size_t bytes_max) {
  return ReasonError(absl::StatusCode::kResourceExhausted, "BODY_TOO_LARGE",
                     absl::StrCat("the body is larger than ", bytes_max, " bytes"));
}

absl::Status BodyShare::GrowTo(size_t size) {
  const int64_t needed = static_cast<int64_t>(size) - static_cast<int64_t>(kBodyBytesFree);
  if (needed <= taken_) return absl::OkStatus();
  const int64_t step = std::max(needed - taken_, kShareStepBytes);
  if ((budget_.left_ -= step) < 0) {
    budget_.left_ += step;
    return ReasonError(absl::StatusCode::kUnavailable, "OVERLOADED",
                       "too many large bodies are being read");
  }
  taken_ += step;
  return absl::OkStatus();
}

absl::StatusOr<BodyCoding> ParseBodyCoding(absl::string_view text) {
  if (text.empty() || absl::EqualsIgnoreCase(text, "identity")) return BodyCoding::kIdentity;
  if (absl::EqualsIgnoreCase(text, "gzip")) return BodyCoding::kGzip;
  if (absl::EqualsIgnoreCase(text, "deflate")) return BodyCoding::kDeflate;
  return ReasonError(absl::StatusCode::kInvalidArgument, "ENCODING_UNSUPPORTED",
                     "the only Content-Encodings taken are identity, gzip and deflate");
}

absl::Status ReadBody(const RequestHead& head, BodyCoding coding, size_t bytes_max,
                      ByteSource* source, BodyShare* share, std::string* body) {
  body->clear();
  if (head.framing == BodyFraming::kLength && head.content_length > bytes_max) {
    return BodyTooLarge(bytes_max);
  }
  if (coding == BodyCoding::kIdentity && head.framing == BodyFraming::kLength) {
    return ReadPlain(head.content_length, source, share, body);
  }
  const bool is_empty = head.framing == BodyFraming::kNone ||
                        (head.framing == BodyFraming::kLength && head.content_length == 0);
  if (is_empty) return absl::OkStatus();
  std::unique_ptr<BodySink> sink;
  if (coding == BodyCoding::kIdentity) {
    sink = std::make_unique<PlainSink>(bytes_max, share, body);
  } else {
    sink = std::make_unique<InflatingSink>(coding, bytes_max, share, body);
  }
  FramedReader reader(source, bytes_max, sink.get());
  RETURN_IF_ERROR(head.framing == BodyFraming::kChunked ? reader.CopyChunks()
                                                        : reader.Copy(head.content_length));
  return sink->Finish();
}

}  // namespace incidenthub::gateway
