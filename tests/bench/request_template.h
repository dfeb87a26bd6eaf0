// Requests over and over, each with its number written into it: the documented sample as another
// update of one of many incidents, or the like for another server.
//
// A request is made once for each connection and then patched in place: all have the same length.
//
// Threads: any; it does not change.

#ifndef INCIDENTHUB_TESTS_BENCH_REQUEST_TEMPLATE_H_
#define INCIDENTHUB_TESTS_BENCH_REQUEST_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace incidenthub::bench {

// Writes `number` in decimal over the `length` characters at `to`, with leading zeros.
void WriteDigits(uint64_t number, size_t length, char* to);

class RequestTemplate {
 public:
  // Of the webhook. `incidents`: how many different ones. `authorization`: a whole header value.
  RequestTemplate(uint64_t incidents, absl::string_view authorization);

  // Of anything: `number` in `request` is where the number of the incident goes, and `revision`
  // where that of its update does; both are texts of digits that are in it once, and the latter is
  // the first update's. `body_bytes`: for reports.
  RequestTemplate(uint64_t incidents, std::string request, absl::string_view number,
                  absl::string_view revision, size_t body_bytes);

  // A request to be patched.
  const std::string& bytes() const { return bytes_; }
  size_t body_bytes() const { return body_bytes_; }

  // Makes `*request`, which began as bytes(), the one with this number. No two are the same
  // delivery.
  void Patch(uint64_t index, std::string* request) const;

  // The number of the webhook that made an incident what it is, by its id and its update's time;
  // nothing if none of this run did.
  std::optional<uint64_t> IndexOf(absl::string_view incident_id, int64_t update_seconds) const;

 private:
  void Find(absl::string_view number, absl::string_view revision);

  const uint64_t incidents_;
  // Begins the ids of this run, so that it can be repeated on one hub.
  const std::string id_prefix_;
  std::string bytes_;
  size_t body_bytes_ = 0;
  // Where they stand, and how long they are.
  size_t number_at_ = 0;
  size_t number_length_ = 0;
  size_t revision_at_ = 0;
  size_t revision_length_ = 0;
  uint64_t first_revision_ = 0;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_REQUEST_TEMPLATE_H_
