#include "gateway/lingering_closer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace incidenthub::gateway {
namespace {

bool TakesBytes(int peer) { return send(peer, "x", 1, MSG_NOSIGNAL) == 1; }

TEST(LingeringCloserTest, PastItsBoundASocketIsClosedWithoutCeremony) {
  std::vector<std::array<int, 2>> pairs(kLingeringMax + 1);
  for (auto& pair : pairs) ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  {
    LingeringCloser closer;
    for (const auto& pair : pairs) closer.Close(pair[0]);
    EXPECT_FALSE(TakesBytes(pairs.back()[1])) << "closed";
    EXPECT_TRUE(TakesBytes(pairs[kLingeringMax - 1][1]))
        << "what still comes is taken, and dropped";
  }
  EXPECT_FALSE(TakesBytes(pairs[kLingeringMax - 1][1])) << "its end closes what is left";
  for (const auto& pair : pairs) close(pair[1]);
}

}  // namespace
}  // namespace incidenthub::gateway
