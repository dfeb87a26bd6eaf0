#include "common/error_reasons.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/errors_markdown.h"

namespace incidenthub {
namespace {

using ::testing::MatchesRegex;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// All sources that make errors.
std::string Sources() {
  std::string text;
  for (const char* folder : {"common", "server", "gateway"}) {
    const std::filesystem::path root = absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/", folder);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_regular_file() && entry.path().filename() != "error_reasons.h") {
        text += ReadFile(entry.path());
      }
    }
  }
  return text;
}

TEST(ErrorReasonsTest, TheDocumentSaysWhatTheTablesSay) {
  EXPECT_EQ(ReadFile(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/proto/ERRORS.md")),
            testing::ErrorsMarkdown())
      << "`make docs` writes it anew";
}

TEST(ErrorReasonsTest, EveryReasonIsMadeSomewhere) {
  const std::string sources = Sources();
  for (const HubReasonRow& row : kHubReasons) {
    EXPECT_TRUE(absl::StrContains(sources, absl::StrCat("\"", row.name, "\""))) << row.name;
  }
  for (const HttpReasonRow& row : kHttpReasons) {
    EXPECT_TRUE(absl::StrContains(sources, absl::StrCat("\"", row.name, "\""))) << row.name;
  }
}

TEST(ErrorReasonsTest, NamesAreUnambiguousAndTextsFitIntoATable) {
  std::set<std::string> hub;
  for (const HubReasonRow& row : kHubReasons) {
    EXPECT_TRUE(hub.emplace(row.name).second) << row.name << " has two rows";
    EXPECT_THAT(std::string(row.name), MatchesRegex("[A-Z][A-Z_]+"));
    for (const absl::string_view text : {row.from, row.meaning, row.action}) {
      EXPECT_FALSE(text.empty()) << row.name;
      EXPECT_EQ(text.find_first_of("|\n"), absl::string_view::npos) << row.name;
    }
  }
  std::set<std::string> http;
  for (const HttpReasonRow& row : kHttpReasons) {
    EXPECT_TRUE(http.emplace(row.name).second) << row.name << " has two rows";
    for (const absl::string_view text : {row.status, row.meaning, row.action}) {
      EXPECT_FALSE(text.empty()) << row.name;
      EXPECT_EQ(text.find_first_of("|\n"), absl::string_view::npos) << row.name;
    }
  }
}

TEST(ErrorReasonsTest, TheProtosNameEveryReasonThatAClientCanSee) {
  const std::filesystem::path folder =
      absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/proto/incidenthub/v1");
  std::string protos;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    protos += ReadFile(entry.path());
  }
  for (const HubReasonRow& row : kHubReasons) {
    // What any rpc may answer when the machine fails is not repeated at each.
    if (row.retry == Retry::kLater) continue;
    EXPECT_TRUE(absl::StrContains(protos, row.name)) << row.name;
  }
}

TEST(ErrorReasonsTest, AReasonHasTheCodeOfItsRow) {
  constexpr HubReason kReason = "ETAG_MISMATCH";
  EXPECT_EQ(kReason.name(), "ETAG_MISMATCH");
  EXPECT_EQ(kReason.code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace incidenthub
