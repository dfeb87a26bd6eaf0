#include "gateway/http_head.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::gateway {
namespace {

using testing::HasReason;

std::string Head(absl::string_view fields) {
  return absl::StrCat("POST /path?query HTTP/1.1\r\n", fields, "\r\n");
}

TEST(RequestHeadTest, ReadsLineAndFields) {
  const std::string bytes = Head("Host: x\r\nX-A:  b c \t\r\nx-a: second\r\nEmpty:\r\n");
  const auto head = ParseRequestHead(bytes);
  ASSERT_OK(head);
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/path?query");
  EXPECT_EQ(head->path, "/path");
  EXPECT_EQ(head->line, "POST /path?query HTTP/1.1");
  EXPECT_EQ(head->fields.size(), 4U);
  EXPECT_EQ(head->ValueOf("x-a"), "b c");
  EXPECT_EQ(head->CountOf("X-A"), 2U);
  EXPECT_EQ(head->CountOf("empty"), 1U);
  EXPECT_EQ(head->ValueOf("absent"), "");
  EXPECT_EQ(head->framing, BodyFraming::kNone);
  EXPECT_TRUE(head->keep_alive);
}

TEST(RequestHeadTest, ValuesAreNotDecoded) {
  const std::string bytes = Head("Authorization: a%41b\r\n");
  const auto head = ParseRequestHead(bytes);
  ASSERT_OK(head);
  EXPECT_EQ(head->ValueOf("Authorization"), "a%41b");
}

TEST(RequestHeadTest, FindsTheEndOfTheBody) {
  const std::string length = Head("Content-Length: 007\r\n");
  EXPECT_EQ(ParseRequestHead(length)->framing, BodyFraming::kLength);
  EXPECT_EQ(ParseRequestHead(length)->content_length, 7U);
  const std::string chunked = Head("transfer-encoding: Chunked\r\n");
  EXPECT_EQ(ParseRequestHead(chunked)->framing, BodyFraming::kChunked);
  const std::string huge = Head("Content-Length: 18446744073709551616\r\n");
  EXPECT_EQ(ParseRequestHead(huge)->content_length, UINT64_MAX);
}

TEST(RequestHeadTest, UnclearFramingIsRefused) {
  for (const char* fields :
       {"Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n", "Content-Length: -3\r\n", "Content-Length: 0x3\r\n",
        "Content-Length:\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding:\r\n"}) {
    const std::string bytes = Head(fields);
    EXPECT_THAT(ParseRequestHead(bytes), HasReason("FRAMING_INVALID")) << fields;
  }
  EXPECT_THAT(ParseRequestHead("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
              HasReason("FRAMING_INVALID"));
}

TEST(RequestHeadTest, WhatTwoProgramsMayReadDifferentlyIsRefused) {
  for (const char* fields :
       {"Name : value\r\n", " Name: value\r\n", "\tfolded\r\n", "no colon\r\n", ": value\r\n",
        "Na\x01me: value\r\n", "Transfer-Encoding: \vchunked\r\n", "Name: value\f\r\n",
        "Name: val\nue\r\n", "Name: val\rue\r\n", "Name: \x7F\r\n", "N\xC3\xA4me: value\r\n"}) {
    const std::string bytes = Head(fields);
    EXPECT_THAT(ParseRequestHead(bytes), HasReason("HEAD_INVALID")) << fields;
  }
  using std::string_literals::operator""s;
  EXPECT_THAT(ParseRequestHead(Head("Name: a\0b\r\n"s)), HasReason("HEAD_INVALID"));
}

TEST(RequestHeadTest, RequestLineIsReadStrictly) {
  for (const char* line :
       {"", "POST", "POST /", "POST / HTTP/1.2", "POST / HTTP/2.0", "POST / http/1.1",
        "POST  HTTP/1.1", "POST / a HTTP/1.1", "PO ST / HTTP/1.1", "P\xC3\x96ST / HTTP/1.1",
        " POST / HTTP/1.1", "POST /\x01 HTTP/1.1", "POST\t/ HTTP/1.1"}) {
    EXPECT_THAT(ParseRequestHead(absl::StrCat(line, "\r\n\r\n")), HasReason("HEAD_INVALID"))
        << line;
  }
}

TEST(RequestHeadTest, BareLineFeedsAreRefused) {
  EXPECT_THAT(ParseRequestHead("POST / HTTP/1.1\n\n"), HasReason("HEAD_INVALID"));
  EXPECT_THAT(ParseRequestHead("POST / HTTP/1.1\r\nA: b\n\r\n"), HasReason("HEAD_INVALID"));
}

TEST(RequestHeadTest, FieldsAreBounded) {
  std::string fields;
  for (size_t i = 0; i < kHeadFieldsMax; ++i) fields += "A: b\r\n";
  EXPECT_OK(ParseRequestHead(Head(fields)));
  EXPECT_THAT(ParseRequestHead(Head(fields + "A: b\r\n")), HasReason("HEADERS_TOO_MANY"));
}

TEST(RequestHeadTest, ConnectionAndExpectationAreReadWithoutCase) {
  EXPECT_FALSE(ParseRequestHead(Head("Connection: x, CLOSE\r\n"))->keep_alive);
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_TRUE(ParseRequestHead("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->keep_alive);
}

}  // namespace
}  // namespace incidenthub::gateway
