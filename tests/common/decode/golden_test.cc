// Golden pairs of every kind of source: NAME.json, or another ending, is a body, NAME.txtpb the
// items that it must become. With INCIDENTHUB_UPDATE_GOLDEN set in the environment the .txtpb files
// are written anew, for a person to read before they are committed.
//
// A body of one item that has a delivery to show is that delivery. Else each item begins with a
// line "# item OUTCOME: PROBLEM".

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/decode/source_kinds.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/common/decode/decode_items.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/common/decode/testdata.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;
using testing::BodiesOfKind;
using testing::FindLostLeaves;
using testing::KeptItem;
using testing::NameOf;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::ReadTestFile;
using testing::ShapeOfKind;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr absl::string_view kItemLine = "# item ";

absl::StatusOr<std::vector<KeptItem>> Decode(const SourceKind& kind,
                                             const std::filesystem::path& path) {
  std::string body = ReadTestFile(path);
  return testing::DecodeItems(kind.decode, &body,
                              kind.has_app_keys ? testing::kTestSource : kind.name);
}

// The sample's pair is beside the others, although the sample itself is not.
std::filesystem::path ExpectedPath(const SourceKind& kind, const std::filesystem::path& body_path) {
  std::filesystem::path name = body_path.filename();
  return std::filesystem::path(INCIDENTHUB_TESTDATA) / std::string(kind.name) / "golden" /
         name.replace_extension(".txtpb");
}

std::string ItemLine(const KeptItem& item) {
  return absl::StrCat(kItemLine, NameOf(item.outcome), item.problem.empty() ? "" : ": ",
                      item.problem, "\n");
}

void Write(const std::filesystem::path& path, const std::vector<KeptItem>& items) {
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::ofstream file(path);
  file << "# proto-file: incidenthub/v1/ingest_service.proto\n"
          "# proto-message: incidenthub.v1.Delivery\n";
  const bool is_plain = items.size() == 1 && items[0].delivery.payload_case() != 0;
  if (items.empty()) file << "# no items\n";
  for (const KeptItem& item : items) {
    if (!is_plain) file << ItemLine(item);
    std::string text;
    ASSERT_TRUE(printer.PrintToString(item.delivery, &text));
    file << text;
  }
}

struct Expected {
  // Empty: whatever the delivery says.
  std::string line;
  v1::Delivery delivery;
};

std::vector<Expected> Read(const std::filesystem::path& path) {
  std::vector<std::pair<std::string, std::string>> texts;
  const std::string file = ReadTestFile(path);
  for (const absl::string_view line : absl::StrSplit(file, '\n')) {
    const bool is_item_line = absl::StartsWith(line, kItemLine);
    if (is_item_line) texts.push_back({absl::StrCat(line, "\n"), ""});
    if (absl::StartsWith(line, "#") || line.empty()) continue;
    if (texts.empty()) texts.push_back({"", ""});
    absl::StrAppend(&texts.back().second, line, "\n");
  }
  std::vector<Expected> expected;
  for (const auto& [line, text] : texts) {
    expected.push_back({line, {}});
    EXPECT_TRUE(TextFormat::ParseFromString(text, &expected.back().delivery)) << text;
  }
  return expected;
}

void ExpectItem(const Expected& expected, const KeptItem& item) {
  if (!expected.line.empty()) {
    EXPECT_EQ(ItemLine(item), expected.line);
  }
  MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(expected.delivery, item.delivery)) << difference;
}

TEST(GoldenTest, EveryBodyBecomesTheItemsBesideIt) {
  for (const SourceKind& kind : SourceKinds()) {
    int pairs = 0;
    for (const std::filesystem::path& path : BodiesOfKind(kind.name)) {
      SCOPED_TRACE(path.string());
      const absl::StatusOr<std::vector<KeptItem>> items = Decode(kind, path);
      ASSERT_OK(items);
      const std::filesystem::path expected_path = ExpectedPath(kind, path);
      if (std::getenv("INCIDENTHUB_UPDATE_GOLDEN") != nullptr) Write(expected_path, *items);
      ASSERT_TRUE(std::filesystem::exists(expected_path));
      const std::vector<Expected> expected = Read(expected_path);
      ASSERT_EQ(items->size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ((*items)[i].index, i);
        ExpectItem(expected[i], (*items)[i]);
      }
      ++pairs;
    }
    // A moved directory must not pass for success.
    EXPECT_GE(pairs, kind.name == "bigpanda" ? 90 : 25) << kind.name;
  }
}

TEST(GoldenTest, NoLeafOfAnyItemIsLost) {
  for (const SourceKind& kind : SourceKinds()) {
    for (const std::filesystem::path& path : BodiesOfKind(kind.name)) {
      SCOPED_TRACE(path.string());
      const absl::StatusOr<std::vector<KeptItem>> items = Decode(kind, path);
      ASSERT_OK(items);
      for (const KeptItem& item : *items) {
        SCOPED_TRACE(item.index);
        if (item.outcome == Item::Outcome::kUnmapped) {
          EXPECT_EQ(item.delivery.unmapped().raw(), item.raw);
          EXPECT_EQ(item.delivery.unmapped().kind(), kind.name);
        }
        if (item.outcome != Item::Outcome::kIncident) continue;
        absl::string_view text = item.raw;
        if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
        const absl::optional<PlainJson> plain = ParsePlainJson(text);
        ASSERT_TRUE(plain.has_value());
        EXPECT_EQ(
            absl::StrJoin(FindLostLeaves(*plain, item.delivery, ShapeOfKind(kind.name)), "\n"), "");
      }
    }
  }
}

TEST(GoldenTest, NoAppKeyIsInAnyItem) {
  for (const SourceKind& kind : SourceKinds()) {
    for (const std::filesystem::path& path : BodiesOfKind(kind.name)) {
      SCOPED_TRACE(path.string());
      const absl::StatusOr<std::vector<KeptItem>> items = Decode(kind, path);
      ASSERT_OK(items);
      for (const KeptItem& item : *items) {
        EXPECT_FALSE(absl::StrContains(item.delivery.SerializeAsString(), testing::kTestAppKey));
        EXPECT_FALSE(absl::StrContains(item.raw, testing::kTestAppKey));
        EXPECT_FALSE(absl::StrContains(item.problem, testing::kTestAppKey));
      }
    }
  }
}

}  // namespace
}  // namespace incidenthub::decode
