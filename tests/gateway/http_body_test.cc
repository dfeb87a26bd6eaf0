#include "gateway/http_body.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::gateway {
namespace {

using testing::HasCode;
using testing::HasReason;

constexpr size_t kMax = 1000;

// Gives a text in pieces of a size, and then ends like a peer that hangs up.
class TextSource final : public ByteSource {
 public:
  TextSource(absl::string_view text, size_t piece) : text_(text), piece_(piece) {}

  absl::StatusOr<size_t> Read(char* to, size_t size) override {
    if (text_.empty()) return absl::CancelledError("the peer is gone");
    const size_t taken = std::min({size, piece_, text_.size()});
    std::memcpy(to, text_.data(), taken);
    text_.remove_prefix(taken);
    return taken;
  }
  absl::string_view rest() const { return text_; }

 private:
  absl::string_view text_;
  const size_t piece_;
};

RequestHead Chunked() {
  RequestHead head;
  head.framing = BodyFraming::kChunked;
  return head;
}

RequestHead WithLength(uint64_t length) {
  RequestHead head;
  head.framing = BodyFraming::kLength;
  head.content_length = length;
  return head;
}

absl::StatusOr<std::string> Read(const RequestHead& head, BodyCoding coding, absl::string_view text,
                                 absl::string_view rest = "") {
  absl::StatusOr<std::string> first;
  // What comes out must not depend on how it comes in.
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{1} << 20}) {
    TextSource source(text, piece);
    std::string body = "what was there before";
    BodyBudget budget(kMax);
    BodyShare share(&budget);
    const absl::Status status = ReadBody(head, coding, kMax, &source, &share, &body);
    EXPECT_TRUE(!status.ok() || source.rest() == rest) << source.rest();
    const absl::StatusOr<std::string> read =
        status.ok() ? absl::StatusOr<std::string>(body) : absl::StatusOr<std::string>(status);
    if (piece == 1) first = read;
    EXPECT_EQ(read, first);
  }
  return first;
}

std::string Deflated(absl::string_view text, bool gzip) {
  z_stream stream = {};
  INCIDENTHUB_CHECK(
      deflateInit2(&stream, 9, Z_DEFLATED, gzip ? 15 + 16 : 15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  INCIDENTHUB_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(ReadBodyTest, LengthSaysWhereItEnds) {
  EXPECT_EQ(*Read(WithLength(5), BodyCoding::kIdentity, "12345GET", "GET"), "12345");
  EXPECT_EQ(*Read(WithLength(0), BodyCoding::kIdentity, "GET", "GET"), "");
  EXPECT_EQ(*Read(RequestHead(), BodyCoding::kIdentity, "GET", "GET"), "");
}

TEST(ReadBodyTest, ChunksAreJoinedAndTrailersDropped) {
  EXPECT_EQ(*Read(Chunked(), BodyCoding::kIdentity,
                  "3\r\nabc\r\n0A;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET", "GET"),
            "abc0123456789");
}

TEST(ReadBodyTest, BrokenChunksAreRefused) {
  for (const char* text :
       {"\r\nabc", "x\r\n", "+3\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n", " 3\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3\r\nabc\n0\r\n\r\n"}) {
    EXPECT_THAT(Read(Chunked(), BodyCoding::kIdentity, text), HasReason("FRAMING_INVALID")) << text;
  }
}

TEST(ReadBodyTest, SourcesErrorIsReturned) {
  EXPECT_THAT(Read(WithLength(5), BodyCoding::kIdentity, "1234"),
              HasCode(absl::StatusCode::kCancelled));
  EXPECT_THAT(Read(Chunked(), BodyCoding::kIdentity, "3\r\nabc\r\n0\r\n"),
              HasCode(absl::StatusCode::kCancelled));
}

TEST(ReadBodyTest, TheBoundIsExact) {
  const std::string most(kMax, 'x');
  EXPECT_EQ(*Read(WithLength(kMax), BodyCoding::kIdentity, most), most);
  EXPECT_THAT(Read(WithLength(kMax + 1), BodyCoding::kIdentity, most + "x"),
              HasReason("BODY_TOO_LARGE"));
  EXPECT_EQ(*Read(Chunked(), BodyCoding::kIdentity,
                  absl::StrCat(absl::Hex(kMax), "\r\n", most, "\r\n0\r\n\r\n")),
            most);
  EXPECT_THAT(Read(Chunked(), BodyCoding::kIdentity,
                   absl::StrCat(absl::Hex(kMax), "\r\n", most, "\r\n1\r\nx\r\n0\r\n\r\n")),
              HasReason("BODY_TOO_LARGE"));
  EXPECT_THAT(Read(Chunked(), BodyCoding::kIdentity, "ffffffffffffffffff\r\n"),
              HasReason("BODY_TOO_LARGE"));
  const std::string packed = Deflated(most, true);
  EXPECT_EQ(*Read(WithLength(packed.size()), BodyCoding::kGzip, packed), most);
  const std::string bomb = Deflated(std::string(kMax * 100, 'x'), true);
  ASSERT_LT(bomb.size(), kMax);
  EXPECT_THAT(Read(WithLength(bomb.size()), BodyCoding::kGzip, bomb), HasReason("BODY_TOO_LARGE"));
}

TEST(ReadBodyTest, EndlessEmptyOverheadIsRefused) {
  std::string text;
  while (text.size() <= kChunkOverheadBytesMax * 2)
    text += "1;" + std::string(1000, 'x') + "\r\nx\r\n";
  TextSource source(text, size_t{1} << 20);
  std::string body;
  BodyBudget budget(kMax);
  BodyShare share(&budget);
  EXPECT_THAT(ReadBody(Chunked(), BodyCoding::kIdentity, size_t{1} << 20, &source, &share, &body),
              HasReason("FRAMING_INVALID"));
}

TEST(BodyShareTest, LargeBodiesTogetherAreBoundedAndGiveBackTheirShare) {
  constexpr size_t kMiB = size_t{1} << 20;
  BodyBudget budget(4 * kMiB);
  BodyShare small(&budget);
  BodyShare other(&budget);
  {
    BodyShare large(&budget);
    EXPECT_OK(large.GrowTo(4 * kMiB + kBodyBytesFree));
    EXPECT_OK(small.GrowTo(kBodyBytesFree));
    EXPECT_THAT(small.GrowTo(kBodyBytesFree + 1), HasReason("OVERLOADED"));
    EXPECT_THAT(large.GrowTo(5 * kMiB), HasReason("OVERLOADED"));
    EXPECT_OK(large.GrowTo(4 * kMiB));
  }
  EXPECT_OK(small.GrowTo(2 * kMiB));
  EXPECT_OK(other.GrowTo(2 * kMiB));
}

TEST(ReadBodyTest, NoRoomInTheBudgetIsAnError) {
  const std::string text(4 * kBodyBytesFree, 'x');
  for (const RequestHead& head : {WithLength(text.size()), Chunked()}) {
    const std::string framed = absl::StrCat(absl::Hex(text.size()), "\r\n", text, "\r\n0\r\n\r\n");
    TextSource source(head.framing == BodyFraming::kChunked ? framed : text, text.size());
    BodyBudget budget(1);
    BodyShare share(&budget);
    std::string body;
    EXPECT_THAT(ReadBody(head, BodyCoding::kIdentity, size_t{1} << 20, &source, &share, &body),
                HasReason("OVERLOADED"));
  }
}

TEST(ReadBodyTest, GzipAndDeflateAreUndone) {
  const std::string text = "some text, some text, some text";
  const std::string gzip = Deflated(text, true);
  EXPECT_EQ(*Read(WithLength(gzip.size()), BodyCoding::kGzip, gzip + "GET", "GET"), text);
  const std::string deflate = Deflated(text, false);
  EXPECT_EQ(*Read(WithLength(deflate.size()), BodyCoding::kDeflate, deflate), text);
  // Several gzip members are one text.
  EXPECT_EQ(*Read(WithLength(gzip.size() * 2), BodyCoding::kGzip, gzip + gzip), text + text);
}

TEST(ReadBodyTest, BrokenCompressionIsRefused) {
  const std::string gzip = Deflated("some text, some text, some text", true);
  for (size_t size = 1; size < gzip.size(); ++size) {
    EXPECT_THAT(Read(WithLength(size), BodyCoding::kGzip, gzip.substr(0, size)),
                HasReason("ENCODING_INVALID"))
        << size;
  }
  std::string wrong_checksum = gzip;
  wrong_checksum[gzip.size() - 5] ^= 1;
  EXPECT_THAT(Read(WithLength(gzip.size()), BodyCoding::kGzip, wrong_checksum),
              HasReason("ENCODING_INVALID"));
  EXPECT_THAT(Read(WithLength(gzip.size() + 1), BodyCoding::kGzip, gzip + "x"),
              HasReason("ENCODING_INVALID"));
  const std::string deflate = Deflated("text", false);
  EXPECT_THAT(Read(WithLength(deflate.size() + 1), BodyCoding::kDeflate, deflate + "x"),
              HasReason("ENCODING_INVALID"));
}

TEST(ParseBodyCodingTest, KnowsThreeNamesWithoutCase) {
  EXPECT_EQ(*ParseBodyCoding(""), BodyCoding::kIdentity);
  EXPECT_EQ(*ParseBodyCoding("Identity"), BodyCoding::kIdentity);
  EXPECT_EQ(*ParseBodyCoding("GZip"), BodyCoding::kGzip);
  EXPECT_EQ(*ParseBodyCoding("deflate"), BodyCoding::kDeflate);
  for (const char* other : {"br", "gzip, gzip", "zstd", "x-gzip"}) {
    EXPECT_THAT(ParseBodyCoding(other), HasReason("ENCODING_UNSUPPORTED")) << other;
  }
}

}  // namespace
}  // namespace incidenthub::gateway
