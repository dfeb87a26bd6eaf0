// The requests of a run: the documented sample, each as another update of one of many incidents.
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
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::bench {

class RequestTemplate {
 public:
  // `incidents`: how many different ones. `authorization`: a whole header value.
  RequestTemplate(uint64_t incidents, absl::string_view authorization);

  // A request to be patched.
  const std::string& bytes() const { return bytes_; }
  size_t body_bytes() const { return body_bytes_; }

  // Makes `*request`, which began as bytes(), the one with this number. No two are the same
  // delivery.
  void Patch(uint64_t index, std::string* request) const;

  // The number of the request that made an incident what it is; nothing if none of this run did.
  std::optional<uint64_t> IndexOf(const v1::Incident& incident) const;

 private:
  const uint64_t incidents_;
  // Begins the ids of this run, so that it can be repeated on one hub.
  const std::string id_prefix_;
  std::string bytes_;
  size_t body_bytes_ = 0;
  // Where they stand.
  size_t id_at_ = 0;
  size_t updated_on_at_ = 0;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_REQUEST_TEMPLATE_H_
