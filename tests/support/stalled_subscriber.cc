#include "tests/support/stalled_subscriber.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/support/http2_frames.h"

namespace incidenthub::testing {
namespace {

using http2::BigEndian;
using http2::Frame;

// Of HTTP/2, RFC 9113.
constexpr uint32_t kInitialWindowSize = 0x4;
constexpr uint32_t kWindowMax = 0x7fffffff;
constexpr uint32_t kWindowDefault = 65535;

// HPACK's simplest form: a literal, not indexed, not Huffman coded, of at most 126 bytes.
std::string Field(absl::string_view name, absl::string_view value) {
  return absl::StrCat(std::string(1, '\0'), BigEndian(static_cast<uint32_t>(name.size()), 1), name,
                      BigEndian(static_cast<uint32_t>(value.size()), 1), value);
}

std::string SubscribeCall() {
  v1::SubscribeRequest request;
  request.mutable_snapshot();
  request.set_client("stalled");
  const std::string message = request.SerializeAsString();
  const std::string headers = absl::StrCat(
      Field(":method", "POST"), Field(":scheme", "http"),
      Field(":path", "/incidenthub.v1.IncidentService/Subscribe"), Field(":authority", "127.0.0.1"),
      Field("te", "trailers"), Field("content-type", "application/grpc"));
  const std::string settings =
      absl::StrCat(BigEndian(kInitialWindowSize, 2), BigEndian(kWindowMax, 4));
  return absl::StrCat(
      http2::kPreface, Frame(http2::kSettings, http2::kNoFlags, 0, settings),
      Frame(http2::kWindowUpdate, http2::kNoFlags, 0, BigEndian(kWindowMax - kWindowDefault, 4)),
      Frame(http2::kHeaders, http2::kEndHeaders, 1, headers),
      Frame(http2::kData, http2::kEndStream, 1,
            absl::StrCat(BigEndian(0, 1), BigEndian(static_cast<uint32_t>(message.size()), 4),
                         message)));
}

}  // namespace

absl::StatusOr<OwnedFd> OpenStalledSubscriber(int port) {
  ASSIGN_OR_RETURN(const int fd, ConnectTcp(port, absl::Seconds(10)));
  OwnedFd owned(fd);
  RETURN_IF_ERROR(SendAll(fd, SubscribeCall()));
  return owned;
}

}  // namespace incidenthub::testing
