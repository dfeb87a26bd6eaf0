// What the tool reads of the hub's messages: tags and lengths, so that receiving costs as little as
// it can, and the same whoever sent. Nothing is decoded, and nothing copied that is not asked for.
//
// Threads: any.

#ifndef INCIDENTHUB_TESTS_BENCH_WIRE_WALK_H_
#define INCIDENTHUB_TESTS_BENCH_WIRE_WALK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace incidenthub::bench {

// Entries of a SubscribeResponse, found by its fields and those of its batch; each entry is passed
// over. `slices` is room that is used again. Nothing: it is no such message.
std::optional<size_t> CountEntries(const grpc::ByteBuffer& response,
                                   std::vector<grpc::Slice>* slices);

// The whole message in one piece.
std::string Flat(const grpc::ByteBuffer& message);

// Calls `f` for each field of a message with its number, its bytes if it is length-delimited, and
// its value if it is a varint. False: it is no message.
bool ForEachField(
    absl::string_view message,
    absl::FunctionRef<void(uint64_t field, absl::string_view bytes, uint64_t value)> f);

// Calls `f` for each event of a flat SubscribeResponse with its incident's id, and the seconds of
// its update's time. False: it is no such message.
bool ForEachEvent(absl::string_view response,
                  absl::FunctionRef<void(absl::string_view incident_id, int64_t update_seconds)> f);

// The token of a flat SubscribeResponse.
std::string ResumeToken(absl::string_view response);

// Receipts of a flat IngestResponse that say "accepted", and all of them. Nothing: it is no such
// message.
struct Receipts {
  size_t accepted = 0;
  size_t all = 0;
};
std::optional<Receipts> CountReceipts(absl::string_view response);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_WIRE_WALK_H_
