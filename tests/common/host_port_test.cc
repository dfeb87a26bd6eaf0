#include "common/host_port.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

TEST(HostPortTest, ReadsWhatItWrites) {
  for (const char* text : {"127.0.0.1:8080", "[::1]:0", "hub.internal:65535", ":80"}) {
    const auto address = ParseHostPort(text);
    ASSERT_OK(address);
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseHostPort("[::1]:80")->port, 80);
}

TEST(HostPortTest, RefusesWhatIsNoneAndShowsHowItLooks) {
  for (const char* text : {"", "host", "8080", "host:", "host:x", "host:-1", "host:65536",
                           "host: 80", "::1:80", "host:80:90", "host:+80"}) {
    const auto address = ParseHostPort(text);
    EXPECT_THAT(address, testing::HasCode(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(address.status().message()), ::testing::HasSubstr("HOST:PORT"));
  }
}

TEST(HostPortTest, LoopbackIsWhatOnlyThisMachineReaches) {
  for (const char* text : {"127.0.0.1:1", "127.255.0.1:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(ParseHostPort(text)->IsLoopback()) << text;
  }
  for (const char* text : {":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "name:1"}) {
    EXPECT_FALSE(ParseHostPort(text)->IsLoopback()) << text;
  }
}

}  // namespace
}  // namespace incidenthub
