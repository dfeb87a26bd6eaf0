#include "common/tls_identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/pem.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/gateway/support/log_capture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace incidenthub {
namespace {

using gateway::testing::LogOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TestCertificate;

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TlsIdentityTest : public ::testing::Test {
 protected:
  TlsIdentityTest() : clock_(absl::Now()), ca_(testing::MakeCa(dir_.path())) {
    Put(testing::MakeServerCertificate(ca_, "first"));
    files_ = {dir_ / "tls.crt", dir_ / "tls.key", ""};
  }

  void WriteText(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    // Each change has a time of its own, however coarse the file system's are.
    ++changes_;
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(changes_));
  }
  void PutCertificate(const TestCertificate& from) {
    WriteText(dir_ / "tls.crt", ReadText(from.certificate_path));
  }
  void PutKey(const TestCertificate& from) { WriteText(dir_ / "tls.key", ReadText(from.key_path)); }
  void Put(const TestCertificate& from) {
    PutCertificate(from);
    PutKey(from);
  }
  void StartIdentity() {
    auto identity = TlsIdentity::Load(files_, clock_);
    ASSERT_OK(identity);
    identity_ = *std::move(identity);
  }
  // After the time that a change takes to be noticed.
  std::shared_ptr<const TlsMaterial> Later() {
    clock_.Advance(kFileCheckInterval);
    return identity_->Current();
  }
  std::string LoadError() {
    const auto identity = TlsIdentity::Load(files_, clock_);
    EXPECT_FALSE(identity.ok());
    return std::string(identity.status().message());
  }

  const testing::TempDir dir_;
  testing::FakeClock clock_;
  const testing::TestCa ca_;
  TlsFiles files_;
  std::unique_ptr<TlsIdentity> identity_;
  int changes_ = 0;
};

TEST_F(TlsIdentityTest, HoldsWhatTheFilesSay) {
  files_.client_ca_file = ca_.certificate.certificate_path;
  StartIdentity();
  const auto material = identity_->Current();
  EXPECT_EQ(material->certificate_pem, ReadText(files_.certificate_file));
  EXPECT_EQ(material->key_pem, ReadText(files_.key_file));
  EXPECT_EQ(material->client_ca_pem, ReadText(files_.client_ca_file));
  const absl::Duration left = material->expire_time - absl::Now();
  EXPECT_GT(left, absl::Hours(23));
  EXPECT_LE(left, absl::Hours(24));
}

TEST_F(TlsIdentityTest, IsTheSameObjectWhileNothingChanges) {
  StartIdentity();
  const auto first = identity_->Current();
  EXPECT_EQ(Later(), first);
  // Touched, and nothing else.
  WriteText(files_.key_file, first->key_pem);
  EXPECT_EQ(Later(), first);
}

TEST_F(TlsIdentityTest, AChangedPairCountsWithinTheInterval) {
  StartIdentity();
  const auto first = identity_->Current();
  Put(testing::MakeServerCertificate(ca_, "second", {"DNS:second"}));
  EXPECT_EQ(identity_->Current(), first) << "it looks once an interval";
  const auto second = Later();
  EXPECT_NE(second, first);
  EXPECT_EQ(second->certificate_pem, ReadText(files_.certificate_file));
  EXPECT_EQ(second->key_pem, ReadText(files_.key_file));
}

TEST_F(TlsIdentityTest, CertificateBeforeItsKeyChangesNothingUntilTheKeyIsThere) {
  StartIdentity();
  const auto first = identity_->Current();
  const TestCertificate renewed = testing::MakeServerCertificate(ca_, "second");
  PutCertificate(renewed);
  const std::string log = LogOf([&] {
    EXPECT_EQ(Later(), first);
    EXPECT_EQ(Later(), first);
  });
  EXPECT_THAT(log,
              AllOf(HasSubstr("TLS certificate and key not reloaded"), HasSubstr(files_.key_file)));
  EXPECT_EQ(log.find("not reloaded"), log.rfind("not reloaded")) << "once a state";
  PutKey(renewed);
  const auto second = Later();
  EXPECT_NE(second, first);
  EXPECT_EQ(second->key_pem, ReadText(renewed.key_path));
}

TEST_F(TlsIdentityTest, AMissingFileChangesNothing) {
  StartIdentity();
  const auto first = identity_->Current();
  ASSERT_EQ(unlink(files_.certificate_file.c_str()), 0);
  EXPECT_EQ(Later(), first);
  Put(testing::MakeServerCertificate(ca_, "second"));
  EXPECT_NE(Later(), first);
}

TEST_F(TlsIdentityTest, AFolderThatIsSwappedAsKubernetesDoesItCounts) {
  // A mounted Secret: tls.crt -> ..data/tls.crt, and ..data -> a folder a version.
  namespace fs = std::filesystem;
  const auto make_version = [this](const std::string& name) {
    const TestCertificate made = testing::MakeServerCertificate(ca_, name);
    fs::create_directory(dir_ / ("..v-" + name));
    fs::copy(made.certificate_path, dir_ / ("..v-" + name) + "/tls.crt");
    fs::copy(made.key_path, dir_ / ("..v-" + name) + "/tls.key");
    return ReadText(made.certificate_path);
  };
  make_version("a");
  const std::string renewed = make_version("b");
  fs::create_symlink("..v-a", dir_ / "..data");
  files_ = {dir_ / "..data/tls.crt", dir_ / "..data/tls.key", ""};
  StartIdentity();
  fs::create_symlink("..v-b", dir_ / "..data_tmp");
  fs::rename(dir_ / "..data_tmp", dir_ / "..data");
  EXPECT_EQ(Later()->certificate_pem, renewed);
}

TEST_F(TlsIdentityTest, FilesThatCannotServeAreRefusedByName) {
  const TestCertificate good = testing::MakeServerCertificate(ca_, "good");
  const std::string certificate = ReadText(good.certificate_path);
  const std::string key = ReadText(good.key_path);

  Put(good);
  PutKey(testing::MakeServerCertificate(ca_, "other"));
  EXPECT_THAT(LoadError(), AllOf(HasSubstr(files_.key_file + " is not the key of"),
                                 HasSubstr(files_.certificate_file)));

  WriteText(files_.key_file, certificate);
  EXPECT_THAT(LoadError(), HasSubstr(files_.key_file + " holds no private key"));
  WriteText(files_.key_file, "");
  EXPECT_THAT(LoadError(), HasSubstr(files_.key_file + " holds no private key"));
  WriteText(files_.key_file, key.substr(0, 60) + "\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(LoadError(), HasSubstr(files_.key_file + " holds no private key"));

  WriteText(files_.key_file, key);
  WriteText(files_.certificate_file, key);
  EXPECT_THAT(LoadError(), HasSubstr(files_.certificate_file + " holds no certificate"));
  WriteText(files_.certificate_file, certificate + certificate.substr(0, certificate.size() / 2));
  EXPECT_THAT(LoadError(), HasSubstr("cannot be read, number 2"));
  WriteText(files_.certificate_file, certificate + std::string(kTlsFileBytesMax, '\n'));
  EXPECT_THAT(LoadError(), HasSubstr(files_.certificate_file + " is larger than 262144 bytes"));

  WriteText(files_.certificate_file, certificate);
  files_.client_ca_file = dir_ / "ca.crt";
  EXPECT_THAT(LoadError(), HasSubstr("cannot open " + files_.client_ca_file));
  WriteText(files_.client_ca_file, "-- nobody --\n");
  EXPECT_THAT(LoadError(), HasSubstr(files_.client_ca_file + " holds no certificate"));
}

TEST_F(TlsIdentityTest, AnEncryptedKeyIsRefusedWithoutAskingForItsPassphrase) {
  const absl::StatusOr<PrivateKey> key = ParsePrivateKey(ReadText(files_.key_file));
  ASSERT_OK(key);
  BIO* const file = BIO_new_file(files_.key_file.c_str(), "w");
  char passphrase[] = "secret";
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(file, key->get(), EVP_aes_128_cbc(), passphrase,
                                          sizeof passphrase - 1, nullptr, nullptr),
            1);
  BIO_free(file);
  EXPECT_THAT(LoadError(), HasSubstr(files_.key_file + " holds a key that is encrypted"));
}

TEST_F(TlsIdentityTest, AnExpiredCertificateIsServedAndComplainedAbout) {
  const TestCertificate expired =
      testing::MakeServerCertificate(ca_, "old", {"DNS:localhost"}, -absl::Hours(1));
  Put(expired);
  EXPECT_THAT(LogOf([this] { StartIdentity(); }), HasSubstr("the TLS certificate has expired"));
  EXPECT_LT(identity_->Current()->expire_time, absl::Now());
  Put(testing::MakeServerCertificate(ca_, "good"));
  EXPECT_GT(Later()->expire_time, absl::Now());
  Put(expired);
  EXPECT_THAT(LogOf([this] { Later(); }), HasSubstr("the TLS certificate has expired"));
  EXPECT_LT(identity_->Current()->expire_time, absl::Now());
}

TEST_F(TlsIdentityTest, NothingOfAKeyIsLogged) {
  const std::string key = ReadText(files_.key_file);
  const std::string line = key.substr(key.find('\n') + 1, 40);
  StartIdentity();
  EXPECT_EQ(LogOf([&] {
              WriteText(files_.key_file, key.substr(0, key.size() / 2));
              Later();
            }).find(line),
            std::string::npos);
}

}  // namespace
}  // namespace incidenthub
