// The gateway's HTTP on the wire: each bad request has an answer of its own, and harms no other.

#include <sys/socket.h>
#include <zlib.h>

#include <optional>

#include "absl/strings/str_replace.h"
#include "gateway/http_body.h"
#include "gateway/http_head.h"
#include "gmock/gmock.h"
#include "tests/gateway/support/gateway_fixture.h"
#include "tests/support/tcp.h"

namespace incidenthub::gateway {
namespace {

using ::testing::HasSubstr;

std::string Gzip(absl::string_view text) {
  z_stream stream = {};
  INCIDENTHUB_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
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

std::string Chunked(absl::string_view body, size_t chunk_size) {
  std::string out;
  for (size_t at = 0; at < body.size(); at += chunk_size) {
    const absl::string_view chunk = body.substr(at, chunk_size);
    absl::StrAppend(&out, absl::Hex(chunk.size()), "\r\n", chunk, "\r\n");
  }
  return out + "0\r\n\r\n";
}

// Reads until `end` has come, the peer has closed, or nothing comes for a long time.
std::string ReadUntil(int fd, absl::string_view end) {
  const timeval timeout = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  std::string text;
  char c = 0;
  while (!absl::EndsWith(text, end) && recv(fd, &c, 1, 0) == 1) text += c;
  return text;
}

constexpr char kHead[] = "POST /v1/webhooks/bigpanda HTTP/1.1\r\nHost: x\r\n";

class HttpTest : public GatewayTest {
 protected:
  const std::string incident_ = testing::SmallIncident("i-1", 1'800'000'000);

  std::string Request(absl::string_view fields, absl::string_view body) {
    return absl::StrCat(kHead, fields, "\r\n", body);
  }
  std::string Valid() { return RequestWithLength("", incident_); }
  std::string RequestWithLength(absl::string_view fields, absl::string_view body) {
    return Request(absl::StrCat("Content-Length: ", body.size(), "\r\n", fields), body);
  }
  // An answer after which the connection is closed; a request behind the bad one is not answered.
  void ExpectRefusedAndClosed(const std::string& bytes, int status, const std::string& reason) {
    testing::HttpClient client(gateway_->port());
    const Answer answer = ToAnswer(client.Exchange(bytes));
    EXPECT_EQ(answer.status, status) << bytes.substr(0, 200);
    EXPECT_EQ(answer.reason, reason) << bytes.substr(0, 200);
    EXPECT_EQ(answer.response.Header("Connection"), "close");
    EXPECT_EQ(answer.response.Header("Content-Type"), "application/json");
  }
};

TEST_F(HttpTest, EachBadRequestHasItsOwnAnswer) {
  StartBoth();
  const std::string length = absl::StrCat("Content-Length: ", incident_.size(), "\r\n");
  struct Case {
    const char* what;
    std::string bytes;
    int status;
    const char* reason;
  };
  const Case cases[] = {
      {"other path", "POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404, "PATH_UNKNOWN"},
      {"path in another spelling", "POST /v1/webhooks/%62igpanda HTTP/1.1\r\n\r\n", 404,
       "PATH_UNKNOWN"},
      {"other method", "GET /v1/webhooks/bigpanda HTTP/1.1\r\n\r\n", 405, "METHOD_NOT_ALLOWED"},
      {"unheard method", "BREW /v1/webhooks/bigpanda HTTP/1.1\r\n\r\n", 405, "METHOD_NOT_ALLOWED"},
      {"form", RequestWithLength("Content-Type: application/x-www-form-urlencoded\r\n", incident_),
       415, "CONTENT_TYPE_UNSUPPORTED"},
      {"multipart",
       RequestWithLength("Content-Type: multipart/form-data; boundary=x\r\n", incident_), 415,
       "CONTENT_TYPE_UNSUPPORTED"},
      {"brotli", RequestWithLength("Content-Encoding: br\r\n", incident_), 415,
       "ENCODING_UNSUPPORTED"},
      {"gzip that is none", RequestWithLength("Content-Encoding: gzip\r\n", incident_), 400,
       "ENCODING_INVALID"},
      {"two lengths", Request(length + length, incident_), 400, "FRAMING_INVALID"},
      {"length and chunks", Request(length + "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       "FRAMING_INVALID"},
      {"signed length", Request("Content-Length: +5\r\n", "12345"), 400, "FRAMING_INVALID"},
      {"negative length", Request("Content-Length: -1\r\n", ""), 400, "FRAMING_INVALID"},
      {"length with letters", Request("Content-Length: 3x\r\n", "123"), 400, "FRAMING_INVALID"},
      {"empty length", Request("Content-Length:\r\n", ""), 400, "FRAMING_INVALID"},
      {"blank before the colon", Request("Content-Length : 5\r\n", "12345"), 400, "HEAD_INVALID"},
      {"folded line", Request("X: a\r\n b\r\n", ""), 400, "HEAD_INVALID"},
      {"bare line feeds", "POST /v1/webhooks/bigpanda HTTP/1.1\nContent-Length: 0\n\n", 400,
       "HEAD_INVALID"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HEAD_INVALID"},
      {"gzip as transfer", Request("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400,
       "FRAMING_INVALID"},
      {"chunk size with a sign", Request("Transfer-Encoding: chunked\r\n", "+2\r\n{}\r\n0\r\n\r\n"),
       400, "FRAMING_INVALID"},
      {"chunk longer than it says",
       Request("Transfer-Encoding: chunked\r\n", "2\r\n{}}\r\n0\r\n\r\n"), 400, "FRAMING_INVALID"},
      {"no length", Request("", ""), 400, "BODY_EMPTY"},
      {"long header line", Request("X: " + std::string(kHeadBytesMax, 'x') + "\r\n", ""), 431,
       "HEADERS_TOO_LARGE"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const Answer answer = Exchange(c.bytes);
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.reason, c.reason);
    EXPECT_EQ(answer.response.Header("Content-Type"), "application/json");
  }
  EXPECT_TRUE(hub_->received().empty());
  EXPECT_EQ(Exchange(Valid()).status, 200);
}

TEST_F(HttpTest, OtherMethodIsToldWhichOneIsAllowed) {
  StartBoth();
  const Answer answer = Exchange("PUT /v1/webhooks/bigpanda HTTP/1.1\r\n\r\n");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.response.Header("Allow"), "POST");
}

TEST_F(HttpTest, JsonContentTypesAreTaken) {
  StartBoth();
  for (const char* type :
       {"application/json", "application/json; charset=utf8", "Application/JSON;charset=\"x\"",
        "text/json", "application/vnd.bigpanda+json"}) {
    EXPECT_EQ(
        Exchange(RequestWithLength(absl::StrCat("Content-Type: ", type, "\r\n"), incident_)).status,
        200)
        << type;
  }
}

TEST_F(HttpTest, AnnouncedTooLargeIsAnsweredBeforeTheBodyComes) {
  StartBoth();
  const Answer answer = Exchange(Request("Content-Length: 16777217\r\n", ""));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.reason, "BODY_TOO_LARGE");
  EXPECT_EQ(Exchange(Request("Content-Length: 99999999999999999999999\r\n", "")).status, 413);
}

TEST_F(HttpTest, TooLargeIsAnswered413HoweverItComes) {
  StartBoth();
  const std::string large(size_t{17} << 20, ' ');
  ExpectRefusedAndClosed(RequestWithLength("", large), 413, "BODY_TOO_LARGE");
  ExpectRefusedAndClosed(Request("Transfer-Encoding: chunked\r\n", Chunked(large, 1 << 16)), 413,
                         "BODY_TOO_LARGE");
  ExpectRefusedAndClosed(RequestWithLength("Content-Encoding: gzip\r\n", Gzip(large)), 413,
                         "BODY_TOO_LARGE");
  EXPECT_EQ(Exchange(Valid()).status, 200);
}

TEST_F(HttpTest, BodyIsReadWhateverItsFramingAndCoding) {
  StartBoth();
  EXPECT_EQ(Exchange(Request("Transfer-Encoding: chunked\r\n", Chunked(incident_, 7))).status, 200);
  const std::string gzip = Gzip(incident_);
  EXPECT_EQ(Exchange(RequestWithLength("Content-Encoding: GZIP\r\n", gzip)).status, 200);
  EXPECT_EQ(Exchange(Request("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                             Chunked(gzip, 5)))
                .status,
            200);
  const auto received = hub_->received();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[0].delivery.digest(), received[1].delivery.digest());
  EXPECT_EQ(received[0].delivery.digest(), received[2].delivery.digest());
}

TEST_F(HttpTest, ConnectionIsKeptAndPipelinedRequestsAreAnsweredInOrder) {
  StartBoth();
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  // One write, three requests, one of them bad.
  ASSERT_OK(testing::SendAll(*fd, Valid() + RequestWithLength("", "{}x") + Valid()));
  const std::string text = ReadUntil(*fd, "}}") + ReadUntil(*fd, "}}") + ReadUntil(*fd, "}}");
  std::vector<int> statuses;
  absl::string_view rest = text;
  testing::HttpResponse response;
  while (!rest.empty()) {
    const absl::StatusOr<size_t> size = testing::ParseHttpResponse(rest, false, &response);
    ASSERT_OK(size);
    ASSERT_GT(*size, 0U) << rest;
    statuses.push_back(response.status);
    rest.remove_prefix(*size);
  }
  EXPECT_THAT(statuses, ::testing::ElementsAre(200, 400, 200));
  EXPECT_EQ(Metric("incidenthub_gateway_connections_open"), 1);
}

TEST_F(HttpTest, RequestBehindAnUnreadBodyIsNotServed) {
  StartBoth();
  const std::string smuggled = "POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
  testing::HttpClient client(gateway_->port());
  const Answer answer = ToAnswer(
      client.Exchange(Request("Content-Type: text/plain\r\nContent-Length: 44\r\n", smuggled)));
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  EXPECT_EQ(Metric("incidenthub_gateway_requests_total{code=\"404\"}"), 0);
}

TEST_F(HttpTest, ConnectionCloseIsHonoured) {
  StartBoth();
  const Answer answer = Exchange(RequestWithLength("Connection: Close\r\n", incident_));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  const Answer old = Exchange(absl::StrReplaceAll(Valid(), {{"HTTP/1.1", "HTTP/1.0"}}));
  EXPECT_EQ(old.status, 200);
  EXPECT_EQ(old.response.Header("Connection"), "close");
}

TEST_F(HttpTest, SenderThatAsksIsToldToContinueBeforeItSendsItsBody) {
  StartBoth();
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  ASSERT_OK(testing::SendAll(
      *fd,
      Request(absl::StrCat("Expect: 100-continue\r\nContent-Length: ", incident_.size(), "\r\n"),
              "")));
  EXPECT_EQ(ReadUntil(*fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_OK(testing::SendAll(*fd, incident_));
  EXPECT_THAT(ReadUntil(*fd, "}}"), HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(HttpTest, SenderThatAsksAndIsRefusedIsNotToldToContinue) {
  StartBoth();
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  ASSERT_OK(
      testing::SendAll(*fd, Request("Expect: 100-continue\r\nContent-Length: 16777217\r\n", "")));
  EXPECT_THAT(ReadUntil(*fd, "}}"), ::testing::StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpTest, SlowRequestIsAnswered408) {
  options_.body_timeout = absl::Milliseconds(100);
  StartBoth();
  ExpectRefusedAndClosed(Request("Content-Length: 100\r\n", "{"), 408, "REQUEST_TIMEOUT");
  ExpectRefusedAndClosed("POST /v1/webhooks/bigpanda HT", 408, "REQUEST_TIMEOUT");
  ExpectRefusedAndClosed(Request("Transfer-Encoding: chunked\r\n", "2\r\n{"), 408,
                         "REQUEST_TIMEOUT");
}

TEST_F(HttpTest, SilentConnectionIsClosed) {
  options_.idle_timeout = absl::Milliseconds(50);
  StartBoth();
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  EXPECT_EQ(ReadUntil(*fd, "never"), "");
}

TEST_F(HttpTest, SenderThatWaitsForItsAnswerIsNotTakenForSilent) {
  options_.idle_timeout = absl::Seconds(1);
  options_.hold = absl::Milliseconds(100);
  options_.answer_timeout = absl::Milliseconds(1500);
  StartBoth();
  hub_->SetScript([](const v1::Delivery&) { return std::nullopt; });
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  ASSERT_OK(testing::SendAll(*fd, Valid()));
  EXPECT_THAT(ReadUntil(*fd, "}}"), HasSubstr("HTTP/1.1 504"));
  // The connection was silent for longer than it may be, and is still of use.
  ASSERT_OK(testing::SendAll(*fd, RequestWithLength("", "{}x")));
  EXPECT_THAT(ReadUntil(*fd, "}}"), HasSubstr("HTTP/1.1 400"));
}

TEST_F(HttpTest, TheAnswerToHeadHasNoBody) {
  StartBoth();
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd owned(*fd);
  ASSERT_OK(testing::SendAll(*fd, "HEAD /v1/webhooks/bigpanda HTTP/1.1\r\n\r\n" + Valid()));
  EXPECT_THAT(ReadUntil(*fd, "\r\n\r\n"), HasSubstr("HTTP/1.1 405"));
  EXPECT_THAT(ReadUntil(*fd, "}}"), ::testing::StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpTest, SenderThatHangsUpInItsBodyIsCountedAndNotDecoded) {
  StartBoth();
  {
    absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
    ASSERT_OK(fd);
    const testing::OwnedFd owned(*fd);
    ASSERT_OK(testing::SendAll(*fd, Request("Content-Length: 100\r\n", "{")));
  }
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_requests_total{code=\"aborted\"}", 1));
  EXPECT_TRUE(hub_->received().empty());
}

TEST_F(HttpTest, OneConnectionTooManyIsAnswered503AtOnce) {
  options_.max_connections = 2;
  StartBoth();
  testing::HttpClient first(gateway_->port());
  testing::HttpClient second(gateway_->port());
  EXPECT_EQ(ToAnswer(first.Exchange(Valid())).status, 200);
  EXPECT_EQ(ToAnswer(second.Exchange(Valid())).status, 200);
  const Answer answer = Exchange(Valid());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "OVERLOADED");
  EXPECT_NE(answer.response.Header("Retry-After"), "");
  EXPECT_EQ(Metric("incidenthub_gateway_connections_refused_total"), 1);
  EXPECT_EQ(ToAnswer(first.Exchange(Valid())).status, 200);
  // A place that gets free is used again.
  second.Disconnect();
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_connections_open", 1));
  EXPECT_TRUE(
      testing::WaitUntil([this] { return Exchange(Valid()).status == 200; }, absl::Seconds(30)));
}

TEST_F(HttpTest, SecondGatewayOnOneAddressIsRefusedByName) {
  StartBoth();
  Options options = options_;
  options.listen = absl::StrCat("127.0.0.1:", gateway_->port());
  const auto second = Gateway::Start(options);
  EXPECT_THAT(second, testing::HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(options.listen));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

class CredentialTest : public HttpTest {
 protected:
  void WriteSecrets(absl::string_view text) {
    // As a rename, like the volumes that secrets are mounted from.
    const std::string fresh = directory_ / "fresh";
    std::ofstream(fresh) << text;
    std::filesystem::rename(fresh, directory_ / "secret");
    options_.bigpanda_secret_file = directory_ / "secret";
  }
  Answer PostWith(absl::string_view fields) {
    return Exchange(RequestWithLength(fields, incident_));
  }

  testing::TempDir directory_;
};

TEST_F(CredentialTest, OnlyOneOfTheFilesValuesIsAccepted) {
  WriteSecrets("# rotation\nBearer one\n\nBearer two%20\n");
  StartBoth();
  EXPECT_EQ(PostWith("Authorization: Bearer one\r\n").status, 200);
  EXPECT_EQ(PostWith("authorization: Bearer two%20\r\n").status, 200);
  for (const char* fields :
       {"", "Authorization: Bearer\r\n", "Authorization: Bearer onee\r\n",
        "Authorization: Bearer on\r\n", "Authorization: bearer one\r\n",
        "Authorization: Bearer two \r\n", "Authorization: # rotation\r\n", "Authorization:\r\n",
        "Authorization: Bearer one\r\nAuthorization: Bearer one\r\n", "X-Key: Bearer one\r\n"}) {
    const Answer answer = PostWith(fields);
    EXPECT_EQ(answer.status, 401) << fields;
    EXPECT_EQ(answer.reason, "UNAUTHENTICATED");
    EXPECT_NE(answer.response.Header("WWW-Authenticate"), "");
  }
  EXPECT_EQ(hub_->received().size(), 2U);
}

TEST_F(CredentialTest, TheHeaderCanHaveAnotherName) {
  WriteSecrets("k3y\n");
  options_.bigpanda_auth_header = "my-api-key";
  StartBoth();
  EXPECT_EQ(PostWith("My-Api-Key: k3y\r\n").status, 200);
  const Answer answer = PostWith("Authorization: k3y\r\n");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.response.Header("WWW-Authenticate"), "");
}

TEST_F(CredentialTest, AChangedFileCountsWithoutARestart) {
  WriteSecrets("old\n");
  StartBoth();
  EXPECT_EQ(PostWith("Authorization: old\r\n").status, 200);
  WriteSecrets("new\n");
  EXPECT_TRUE(testing::WaitUntil(
      [this] { return PostWith("Authorization: new\r\n").status == 200; }, absl::Seconds(30)));
  EXPECT_EQ(PostWith("Authorization: old\r\n").status, 401);
}

TEST_F(CredentialTest, FileWithoutAValueRefusesTheStart) {
  WriteSecrets("# nothing\n");
  const auto gateway = Gateway::Start(options_);
  EXPECT_THAT(gateway, testing::HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(gateway.status().message()), HasSubstr(options_.bigpanda_secret_file));
}

}  // namespace
}  // namespace incidenthub::gateway
