#include "clients/cli/token.h"

#include <openssl/rand.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "common/sha256.h"

namespace incidenthub::client {

absl::StatusOr<NewToken> MakeToken() {
  std::array<unsigned char, kTokenRandomBytes> random;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return absl::InternalError("OpenSSL has no random bytes");
  }
  const std::string bytes(random.begin(), random.end());
  NewToken made;
  made.token = absl::StrCat("ih_", absl::WebSafeBase64Escape(bytes));
  const auto digest = Sha256(made.token);
  made.sha256 = absl::BytesToHexString(std::string(digest.begin(), digest.end()));
  return made;
}

ExitCode RunToken(const Invocation& invocation, Environment& environment) {
  const absl::StatusOr<NewToken> made = MakeToken();
  if (!made.ok()) {
    environment.err << "incidentctl: token new: " << std::string(made.status().message()) << "\n";
    return ExitCode::kOutput;
  }
  const std::string text =
      invocation.json
          ? absl::StrCat(R"({"token":")", made->token, R"(","sha256":")", made->sha256, "\"}")
          : absl::StrCat("token   ", made->token, "\nsha256  ", made->sha256,
                         "\nGive the token to whoever calls, and nobody else; it is shown here "
                         "only. Put the "
                         "sha256\ninto the hub's --access_config, under `tokens` of a principal.");
  return WriteLine(text, environment) ? ExitCode::kOk : ExitCode::kOutput;
}

}  // namespace incidenthub::client
