#include "common/strings.h"

#include <string>

#include "gtest/gtest.h"

namespace incidenthub {
namespace {

TEST(EchoTest, CutsLongTextAtAUtf8Boundary) {
  EXPECT_EQ(Echo("short"), "short");
  const std::string text = std::string(kEchoBytesMax - 1, 'a') + "\xE2\x82\xAC";
  EXPECT_EQ(Echo(text), std::string(kEchoBytesMax - 1, 'a'));
}

TEST(CountedTest, OnlyOneIsSingular) {
  EXPECT_EQ(Counted(0, "event"), "0 events");
  EXPECT_EQ(Counted(1, "event"), "1 event");
  EXPECT_EQ(Counted(2, "event"), "2 events");
}

}  // namespace
}  // namespace incidenthub
