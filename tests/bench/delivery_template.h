// Requests to a hub's IngestService as a gateway makes them of the documented sample, made once and
// then patched: feeding a hub must cost next to nothing.
//
// Threads: any; it does not change.

#ifndef INCIDENTHUB_TESTS_BENCH_DELIVERY_TEMPLATE_H_
#define INCIDENTHUB_TESTS_BENCH_DELIVERY_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/support/byte_buffer.h"

namespace incidenthub::bench {

class DeliveryTemplate {
 public:
  // `incidents`: how many different ones. Errors as of the decoder.
  static absl::StatusOr<DeliveryTemplate> Create(uint64_t incidents);

  // An encoded IngestRequest of the deliveries `first`, `first` + 1, ...: each another update of
  // one of the incidents. No two are the same delivery.
  grpc::ByteBuffer Request(uint64_t first, size_t count) const;

 private:
  DeliveryTemplate() = default;

  void Patch(uint64_t index, char* delivery) const;

  uint64_t incidents_ = 1;
  // One, with its tag and length as a field of the request.
  std::string delivery_;
  // Where they stand in it.
  size_t id_at_ = 0;
  size_t number_at_ = 0;
  size_t update_at_ = 0;
  size_t digest_at_ = 0;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_DELIVERY_TEMPLATE_H_
