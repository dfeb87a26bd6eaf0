#include "tests/support/fake_bigpanda.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/support/fake_bigpanda_control.h"

namespace incidenthub::testing {

absl::StatusOr<std::unique_ptr<FakeBigPanda>> FakeBigPanda::Start(
    const FakeBigPandaOptions& options) {
  std::unique_ptr<FakeBigPanda> fake(new FakeBigPanda(options));
  FakeBigPanda* const raw = fake.get();
  const auto handle = [raw](const FakeHttpRequest& request) {
    if (absl::StartsWith(request.path, kFakeControlPrefix)) {
      return HandleControl(request, {raw->webhooks_, raw->incidents_, raw->api_});
    }
    return raw->api_.Handle(request);
  };
  ASSIGN_OR_RETURN(fake->http_, FakeHttpServer::Start(options, handle));
  return fake;
}

FakeBigPanda::FakeBigPanda(const FakeBigPandaOptions& options)
    : is_tls_(!options.tls_certificate_file.empty()),
      webhooks_(options),
      incidents_(options, &webhooks_),
      api_(options, &incidents_) {}

std::string FakeBigPanda::base_url() const {
  return absl::StrCat(is_tls_ ? "https" : "http", "://127.0.0.1:", port());
}

}  // namespace incidenthub::testing
