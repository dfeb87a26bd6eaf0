// Heads of requests for tests: the bytes, and what they were parsed to.

#ifndef INCIDENTHUB_TESTS_GATEWAY_SUPPORT_REQUEST_HEAD_H_
#define INCIDENTHUB_TESTS_GATEWAY_SUPPORT_REQUEST_HEAD_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "gateway/http_head.h"

namespace incidenthub::gateway::testing {

// POST of `target` with the given header lines, "Name: value".
class Request {
 public:
  explicit Request(const std::vector<std::string>& lines = {}, const std::string& target = "/hook")
      : bytes_(absl::StrCat("POST ", target, " HTTP/1.1\r\nHost: x\r\n")) {
    for (const std::string& line : lines) absl::StrAppend(&bytes_, line, "\r\n");
    absl::StrAppend(&bytes_, "\r\n");
    absl::StatusOr<RequestHead> head = ParseRequestHead(bytes_);
    INCIDENTHUB_CHECK(head.ok());
    head_ = *std::move(head);
  }
  // The head points into it.
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const RequestHead& head() const { return head_; }

 private:
  std::string bytes_;
  RequestHead head_;
};

}  // namespace incidenthub::gateway::testing

#endif  // INCIDENTHUB_TESTS_GATEWAY_SUPPORT_REQUEST_HEAD_H_
