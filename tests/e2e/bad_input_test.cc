// Everything that may arrive instead of an incident, through the real gateway to the real hub: each
// has its answer, and both go on.

#include <zlib.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

constexpr size_t kTooLarge = size_t{17} << 20;
constexpr size_t kBombBytes = size_t{64} << 20;
// Each truncation of the sample would take a minute; a prime takes all kinds of places.
constexpr size_t kTruncationStep = 37;

std::string Gzip(const std::string& data) {
  constexpr int kGzipWindowBits = 15 + 16;
  constexpr int kMemLevel = 8;
  z_stream stream{};
  INCIDENTHUB_CHECK(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindowBits,
                                 kMemLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, data.size()), '\0');
  std::string in = data;
  // zlib's own types.
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  INCIDENTHUB_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Chunked(const std::string& data) {
  constexpr size_t kChunkBytes = 100'000;
  std::string out;
  for (size_t at = 0; at < data.size(); at += kChunkBytes) {
    const std::string chunk = data.substr(at, kChunkBytes);
    absl::StrAppend(&out, absl::StrFormat("%x\r\n", chunk.size()), chunk, "\r\n");
  }
  return absl::StrCat(out, "0\r\n\r\n");
}

// A valid incident of about this size.
std::string Padded(size_t bytes) {
  std::string body = SmallIncident("padded", 1'790'000'100);
  body.insert(body.size() - 1, absl::StrCat(R"(,"padding":")", std::string(bytes, 'x'), "\""));
  return body;
}

class BadInputTest : public HubTest {
 protected:
  void SetUp() override { StartBoth(); }

  // Whatever came before: a good webhook gets through, and both are the processes that were
  // started.
  void TearDown() override {
    if (HasFatalFailure()) return;
    EXPECT_GT(PostAccepted(SampleWith("afterwards", 1'795'298'964)), 0u);
    EXPECT_TRUE(hub().process().running());
    EXPECT_TRUE(gateway().process().running());
    EXPECT_TRUE(hub().WaitUntilReady());
    EXPECT_TRUE(gateway().WaitUntilReady());
  }

  // Over a connection of its own: what is left of a bad request must not be read as another.
  HttpResponse Send(const std::string& bytes) {
    HttpClient http(gateway_port());
    absl::StatusOr<HttpResponse> response = http.Exchange(bytes);
    EXPECT_OK(response);
    return response.ok() ? *std::move(response) : HttpResponse();
  }

  HttpResponse SendBody(const std::string& body, HttpHeaders more = {}) {
    HttpHeaders headers = WebhookHeaders();
    headers.insert(headers.end(), more.begin(), more.end());
    return Send(HttpPostBytes(kWebhookPath, headers, body));
  }

  static void ExpectError(const HttpResponse& response, int status, absl::string_view reason,
                          absl::string_view what) {
    EXPECT_EQ(response.status, status) << what << ": " << response.body;
    EXPECT_EQ(ParseErrorReason(response.body), reason) << what << ": " << response.body;
  }

  // A request's head, with the credential unless `more` has one.
  static std::string Head(absl::string_view more) {
    return absl::StrCat("POST ", kWebhookPath,
                        " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Authorization: ",
                        kWebhookSecret, "\r\n", more, "\r\n\r\n");
  }
};

TEST_F(BadInputTest, BodiesThatAreNotJsonAre400) {
  const std::string sample = DocumentedSample();
  const std::map<std::string, std::pair<std::string, std::string>> bodies = {
      {"nothing", {"", "BODY_EMPTY"}},
      {"blanks", {" \n", "BODY_EMPTY"}},
      {"a word", {"incident", "NOT_JSON"}},
      {"two documents", {sample + sample, "NOT_JSON"}},
      {"a trailing comma", {R"({"incident":{"id":"x",}})", "NOT_JSON"}},
      {"a leading zero", {R"({"incident":{"id":"x","startedOn":01}})", "NOT_JSON"}},
      {"a byte that is not UTF-8", {"{\"incident\":{\"id\":\"x\xff\"}}", "NOT_UTF8"}},
      {"an overlong character", {"{\"incident\":{\"id\":\"\xc0\xaf\"}}", "NOT_UTF8"}},
      {"10,000 arrays", {std::string(10'000, '[') + std::string(10'000, ']'), "TOO_DEEP"}},
      {"10,000 arrays that stay open", {std::string(10'000, '['), "TOO_DEEP"}}};
  for (const auto& [what, body] : bodies) {
    ExpectError(SendBody(body.first), 400, body.second, what);
  }
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, EveryTruncationOfTheSampleIs400) {
  const std::string sample = DocumentedSample();
  // Without the newline at its end, which is no part of the document.
  const size_t whole = sample.rfind('}');
  for (size_t size = 1; size <= whole; size += kTruncationStep) {
    const HttpResponse response = SendBody(sample.substr(0, size));
    EXPECT_EQ(response.status, 400) << size << " bytes: " << response.body;
  }
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, JsonThatIsNoIncidentIs422AndKept) {
  const std::vector<std::string> bodies = {"[]",
                                           "{}",
                                           "17",
                                           "null",
                                           "\"text\"",
                                           R"({"incident":[]})",
                                           R"({"incident":{}})",
                                           R"({"incident":{"id":null}})",
                                           R"({"incident":{"id":""}})",
                                           R"({"incident":{"id":17}})",
                                           R"({"alert":{"id":"x"}})"};
  for (const std::string& body : bodies) ExpectError(SendBody(body), 422, "UNMAPPED", body);
  EXPECT_TRUE(
      WaitForMetric(hub(), "incidenthub_quarantine_bodies", static_cast<double>(bodies.size())));
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, BodiesThatAreTooLargeAre413) {
  const std::string large = Padded(kTooLarge);
  ExpectError(SendBody(large), 413, "BODY_TOO_LARGE", "plain");
  ExpectError(Send(Head("Transfer-Encoding: chunked") + Chunked(large)), 413, "BODY_TOO_LARGE",
              "chunked");
  ExpectError(SendBody(Gzip(Padded(kBombBytes)), {{"Content-Encoding", "gzip"}}), 413,
              "BODY_TOO_LARGE", "gzip");
  // Said at once: the body never comes.
  ExpectError(Send(Head("Content-Length: 99999999999999999999")), 413, "BODY_TOO_LARGE",
              "a length beyond all numbers");
  ExpectError(SendBody(Padded(size_t{4} << 20)), 413, "EVENT_TOO_LARGE", "an event of 4 MiB");
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, BodiesAtTheLimitPass) {
  EXPECT_EQ(SendBody(Padded(size_t{2} << 20)).status, 200);
  EXPECT_EQ(Send(Head("Transfer-Encoding: chunked") + Chunked(DocumentedSample())).status, 200);
  EXPECT_EQ(
      SendBody(Gzip(SampleWith("zipped", 1'795'298'964)), {{"Content-Encoding", "gzip"}}).status,
      200);
}

TEST_F(BadInputTest, WithoutTheCredentialItIs401) {
  const std::string body = DocumentedSample();
  for (const HttpHeaders& headers :
       {HttpHeaders{}, HttpHeaders{{"Authorization", ""}}, HttpHeaders{{"Authorization", "Bearer"}},
        HttpHeaders{{"Authorization", absl::StrCat(kWebhookSecret, "x")}},
        HttpHeaders{{"Authorization", std::string(kWebhookSecret.substr(0, 10))}},
        HttpHeaders{{"X-Authorization", std::string(kWebhookSecret)}},
        HttpHeaders{{"Authorization", std::string(kWebhookSecret)},
                    {"Authorization", std::string(kWebhookSecret)}}}) {
    ExpectError(Send(HttpPostBytes(kWebhookPath, headers, body)), 401, "UNAUTHENTICATED",
                absl::StrCat(headers.size(), " headers"));
  }
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, WhatIsNoWebhookHasTheUsualAnswer) {
  const std::string body = DocumentedSample();
  EXPECT_EQ(Send(HttpPostBytes("/", WebhookHeaders(), body)).status, 404);
  EXPECT_EQ(Send(HttpPostBytes("/v1/webhooks/other", WebhookHeaders(), body)).status, 404);
  EXPECT_EQ(Send(absl::StrCat("GET ", kWebhookPath, " HTTP/1.1\r\nHost: x\r\n\r\n")).status, 405);
  HttpHeaders text = WebhookHeaders();
  text[0].second = "text/plain";
  EXPECT_EQ(Send(HttpPostBytes(kWebhookPath, text, body)).status, 415);
  EXPECT_EQ(SendBody(body, {{"Content-Encoding", "br"}}).status, 415);
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, RequestsThatTwoServersMayReadDifferentlyAre400) {
  for (const char* head :
       {"Content-Length: 3\r\nContent-Length: 5", "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: +3", "Content-Length: -1", "Content-Length: 3x",
        "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: gzip", "No colon here",
        "Bad name: x", "Content-Length : 3"}) {
    EXPECT_EQ(Send(Head(head) + "{}x").status, 400) << head;
  }
  EXPECT_EQ(Send("nonsense\r\n\r\n").status, 400);
  EXPECT_EQ(Send(Head("Transfer-Encoding: chunked") + "zz\r\n{}\r\n0\r\n\r\n").status, 400);
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, CompressedDataThatIsBrokenIs400) {
  std::string zipped = Gzip(DocumentedSample());
  const HttpHeaders gzip = {{"Content-Encoding", "gzip"}};
  EXPECT_EQ(SendBody(zipped.substr(0, zipped.size() / 2), gzip).status, 400);
  EXPECT_EQ(SendBody(zipped + "more", gzip).status, 400);
  EXPECT_EQ(SendBody(DocumentedSample(), gzip).status, 400);
  zipped[zipped.size() / 2] = static_cast<char>(zipped[zipped.size() / 2] ^ 0x55);
  EXPECT_EQ(SendBody(zipped, gzip).status, 400);
  EXPECT_TRUE(ListSequences().empty());
}

TEST_F(BadInputTest, HeadsThatAreTooLargeAreRefused) {
  EXPECT_EQ(Send(Head(absl::StrCat("X-Long: ", std::string(100'000, 'x')))).status, 431);
  std::string many;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&many, i == 0 ? "" : "\r\n", "X-", i, ": y");
  const int status = Send(Head(many)).status;
  EXPECT_TRUE(status == 431 || status == 400) << status;
}

}  // namespace
}  // namespace incidenthub::testing
