#include "server/upstream/config.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class UpstreamConfigTest : public ::testing::Test {
 protected:
  UpstreamConfigTest() {
    Write("api_key", " BPU-one\n");
    Write("app_key", "app-one");
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() + "/" + name, std::ios::trunc) << text;
  }
  absl::StatusOr<UpstreamConfig> Load(const std::string& text) {
    Write("upstream.json", text);
    return LoadUpstreamConfig(path());
  }
  std::string path() const { return folder_.path() + "/upstream.json"; }
  std::string ErrorOf(const std::string& text) {
    return std::string(Load(text).status().message());
  }

  testing::TempDir folder_;
};

TEST_F(UpstreamConfigTest, AllButNameAndKeyHaveDefaults) {
  const auto config = Load(R"({"sources":[{"source":"bigpanda","api_key_file":"api_key"}]})");
  ASSERT_OK(config);
  const UpstreamSource& source = config->at("bigpanda");
  EXPECT_EQ(source.name, "bigpanda");
  EXPECT_EQ(source.base_url, "https://api.bigpanda.io");
  EXPECT_EQ(source.api_key, "BPU-one");
  EXPECT_EQ(source.app_key, "");
  EXPECT_EQ(source.default_environment_id, "");
  EXPECT_FALSE(source.comment_on_ack);
}

TEST_F(UpstreamConfigTest, EachSourceHasItsOwnEntry) {
  const auto config = Load(R"({"sources":[
      {"source":"bigpanda","api_key_file":"api_key","app_key_file":"app_key",
       "base_url":"https://eu-api.bigpanda.io/","default_environment_id":"e","comment_on_ack":true},
      {"source":"other","api_key_file":"api_key","base_url":"http://127.0.0.1:8080"}]})");
  ASSERT_OK(config);
  EXPECT_EQ(config->at("bigpanda").base_url, "https://eu-api.bigpanda.io");
  EXPECT_EQ(config->at("bigpanda").app_key, "app-one");
  EXPECT_EQ(config->at("bigpanda").default_environment_id, "e");
  EXPECT_TRUE(config->at("bigpanda").comment_on_ack);
  EXPECT_EQ(config->at("other").base_url, "http://127.0.0.1:8080");
}

TEST_F(UpstreamConfigTest, EachMistakeIsNamedWithItsFileAndSource) {
  EXPECT_THAT(ErrorOf("{"), HasSubstr("upstream.json: "));
  EXPECT_THAT(ErrorOf(R"({"sources":[{"source":"a","api_key":"x"}]})"), HasSubstr("api_key"));
  EXPECT_THAT(ErrorOf(R"({"sources":[{"source":"a"}]})"),
              AllOf(HasSubstr("source \"a\""), HasSubstr("api_key_file is required")));
  EXPECT_THAT(ErrorOf(R"({"sources":[{"api_key_file":"api_key"}]})"), HasSubstr("source must"));
  EXPECT_THAT(ErrorOf(R"({"sources":[{"source":"a","api_key_file":"nowhere"}]})"),
              AllOf(HasSubstr("nowhere"), HasSubstr("No such file")));
  EXPECT_THAT(ErrorOf(R"({"sources":[{"source":"a","api_key_file":"api_key"},
                                     {"source":"a","api_key_file":"api_key"}]})"),
              HasSubstr("twice"));
  for (const char* url :
       {"api.bigpanda.io", "https://", "https://a/b", "https://a?b", "https://u@a", "ftp://a",
        "http://api.bigpanda.io", "http://10.0.0.1:80"}) {
    EXPECT_THAT(ErrorOf(std::string(R"({"sources":[{"source":"a","api_key_file":"api_key",)") +
                        "\"base_url\":\"" + url + "\"}]}"),
                AllOf(HasSubstr("base_url"), HasSubstr("must")))
        << url;
  }
}

TEST_F(UpstreamConfigTest, AKeyFileHoldsOneKeyThatNoErrorShows) {
  const std::string config = R"({"sources":[{"source":"a","api_key_file":"api_key"}]})";
  for (const std::string& text :
       {std::string("two keys"), std::string("two\nkeys"), std::string("k\xC3\xA9y"),
        std::string(kUpstreamKeyBytesMax + 1, 'k')}) {
    Write("api_key", text);
    EXPECT_THAT(ErrorOf(config), AllOf(HasSubstr("api_key: "), Not(HasSubstr(text))));
  }
  Write("api_key", "\n");
  EXPECT_THAT(ErrorOf(config), HasSubstr("holds no key"));
  Write("api_key", std::string(kUpstreamKeyBytesMax, 'k'));
  EXPECT_OK(Load(config));
}

TEST_F(UpstreamConfigTest, FileAndSourcesAreBounded) {
  EXPECT_THAT(ErrorOf(std::string(kUpstreamConfigBytesMax + 1, ' ')), HasSubstr("more than"));
  const auto with = [](size_t count) {
    std::string text = "{\"sources\":[";
    for (size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + std::string("{\"source\":\"s") + std::to_string(i) +
              "\",\"api_key_file\":\"api_key\"}";
    }
    return text + "]}";
  };
  EXPECT_OK(Load(with(kUpstreamSourcesMax)));
  EXPECT_THAT(ErrorOf(with(kUpstreamSourcesMax + 1)), HasSubstr("more than 64 sources"));
}

TEST_F(UpstreamConfigTest, AChangeOfConfigurationOrKeyIsTakenAndABadOneIsNot) {
  const std::string config = R"({"sources":[{"source":"a","api_key_file":"api_key"}]})";
  ASSERT_OK(Load(config));
  const auto opened = UpstreamConfigWatch::Open(path());
  ASSERT_OK(opened);
  UpstreamConfigWatch& watch = **opened;
  EXPECT_FALSE(watch.Reload());
  Write("api_key", "BPU-two");
  EXPECT_TRUE(watch.Reload());
  EXPECT_EQ(watch.current()->at("a").api_key, "BPU-two");
  Write("api_key", "");
  EXPECT_FALSE(watch.Reload());
  EXPECT_THAT(std::string(watch.error().message()), HasSubstr("holds no key"));
  EXPECT_EQ(watch.current()->at("a").api_key, "BPU-two") << "what was there stays";
  Write("api_key", "BPU-two");
  EXPECT_FALSE(watch.Reload());
  EXPECT_OK(watch.error());
}

TEST_F(UpstreamConfigTest, WithoutAFileThereAreNoSources) {
  UpstreamConfigWatch watch;
  EXPECT_FALSE(watch.has_file());
  EXPECT_FALSE(watch.Reload());
  EXPECT_TRUE(watch.current()->empty());
}

}  // namespace
}  // namespace incidenthub
