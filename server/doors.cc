#include "server/doors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "server/rpc/tls_server_credentials.h"

namespace incidenthub {
namespace {

// `status` with the flags that it is about.
absl::Status OfFlags(absl::string_view flags, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(flags, ": ", status.message()));
}

ClientCertificates ClientCertificatesOf(const HubOptions& options) {
  if (options.tls.client_ca_file.empty()) return ClientCertificates::kNone;
  return options.requires_client_certificate ? ClientCertificates::kRequired
                                             : ClientCertificates::kOptional;
}

}  // namespace

absl::StatusOr<Doors> OpenDoors(const HubOptions& options) {
  Doors doors;
  if (options.tls.certificate_file.empty()) {
    doors.credentials = grpc::InsecureServerCredentials();
  } else {
    auto tls = TlsIdentity::Load(options.tls, SystemClock::Get());
    if (!tls.ok()) {
      return OfFlags("--tls_cert_file, --tls_key_file, --tls_client_ca_file", tls.status());
    }
    doors.tls = *std::move(tls);
    doors.credentials = TlsServerCredentials(doors.tls.get(), ClientCertificatesOf(options));
  }
  if (!options.access_config.empty()) {
    auto access = Access::Load(options.access_config, SystemClock::Get());
    if (!access.ok()) return OfFlags("--access_config", access.status());
    doors.access = *std::move(access);
    doors.access->Watch();
  }
  return doors;
}

}  // namespace incidenthub
