// Golden pairs: NAME.json is a body, NAME.txtpb the delivery that it must become. With
// INCIDENTHUB_UPDATE_GOLDEN set in the environment the .txtpb files are written anew, for a person
// to read before they are committed.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_join.h"
#include "common/decode/bigpanda.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/common/decode/testdata.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;
using testing::BigPandaBodies;
using testing::FindLostLeaves;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::ReadTestFile;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

absl::StatusOr<v1::Delivery> Decode(std::string body) { return DecodeBigPanda(&body, "bigpanda"); }

// The sample's pair is beside the others, although the sample itself is not.
std::filesystem::path ExpectedPath(const std::filesystem::path& body_path) {
  std::filesystem::path name = body_path.filename();
  return testing::BigPandaTestdata() / "golden" / name.replace_extension(".txtpb");
}

void Write(const std::filesystem::path& path, const v1::Delivery& delivery) {
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  ASSERT_TRUE(printer.PrintToString(delivery, &text));
  std::ofstream(path) << "# proto-file: incidenthub/v1/ingest_service.proto\n"
                         "# proto-message: incidenthub.v1.Delivery\n"
                      << text;
}

TEST(BigPandaGoldenTest, EveryBodyBecomesTheDeliveryBesideIt) {
  int pairs = 0;
  for (const std::filesystem::path& path : BigPandaBodies()) {
    SCOPED_TRACE(path.filename().string());
    const absl::StatusOr<v1::Delivery> delivery = Decode(ReadTestFile(path));
    ASSERT_OK(delivery);
    const std::filesystem::path expected_path = ExpectedPath(path);
    if (std::getenv("INCIDENTHUB_UPDATE_GOLDEN") != nullptr) Write(expected_path, *delivery);
    v1::Delivery expected;
    ASSERT_TRUE(TextFormat::ParseFromString(ReadTestFile(expected_path), &expected));
    MessageDifferencer differencer;
    std::string difference;
    differencer.ReportDifferencesToString(&difference);
    EXPECT_TRUE(differencer.Compare(expected, *delivery)) << difference;
    ++pairs;
  }
  // A moved directory must not pass for success.
  EXPECT_GE(pairs, 90);
}

TEST(BigPandaGoldenTest, NoLeafOfAnyBodyIsLost) {
  for (const std::filesystem::path& path : BigPandaBodies()) {
    SCOPED_TRACE(path.filename().string());
    const std::string body = ReadTestFile(path);
    const absl::StatusOr<v1::Delivery> delivery = Decode(body);
    ASSERT_OK(delivery);
    if (delivery->has_unmapped()) {
      EXPECT_EQ(delivery->unmapped().raw(), body);
      continue;
    }
    absl::string_view text = body;
    if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
      text.remove_prefix(kByteOrderMark.size());
    const absl::optional<PlainJson> plain = ParsePlainJson(text);
    ASSERT_TRUE(plain.has_value());
    EXPECT_EQ(absl::StrJoin(FindLostLeaves(*plain, *delivery), "\n"), "");
  }
}

}  // namespace
}  // namespace incidenthub::decode
