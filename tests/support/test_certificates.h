// Certificates of a test's own: a CA, and servers and clients that it vouches for.
//
// Keys are P-256. Everything is PEM, in files that last as long as the directory they are made in.

#ifndef INCIDENTHUB_TESTS_SUPPORT_TEST_CERTIFICATES_H_
#define INCIDENTHUB_TESTS_SUPPORT_TEST_CERTIFICATES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace incidenthub::testing {

struct TestCertificate {
  std::string certificate_path;
  std::string key_path;
};

struct TestCa {
  TestCertificate certificate;
  // Where it was made, and where its servers' files are.
  std::string directory;
};

// Files NAME-cert.pem and NAME-key.pem in an existing `directory`.
TestCa MakeCa(const std::string& directory, const std::string& name = "ca");

// Likewise, for a server. `alternative_names` as OpenSSL writes them: "DNS:localhost",
// "IP:127.0.0.1". It is valid from a day ago to `valid_for` from now; negative: it has expired.
TestCertificate MakeServerCertificate(
    const TestCa& ca, const std::string& name = "server",
    const std::vector<std::string>& alternative_names = {"DNS:localhost", "IP:127.0.0.1"},
    absl::Duration valid_for = absl::Hours(24));

// Likewise, for a client that is to prove itself by it.
TestCertificate MakeClientCertificate(const TestCa& ca, const std::string& name = "client",
                                      const std::vector<std::string>& alternative_names = {
                                          "DNS:client"});

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_TEST_CERTIFICATES_H_
