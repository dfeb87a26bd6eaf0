#include "gateway/webhook_handler.h"

#include "gtest/gtest.h"

namespace incidenthub::gateway {
namespace {

TEST(IsJsonContentTypeTest, TakesJsonInItsSpellingsAndNothing) {
  for (const char* type : {"", "application/json", "APPLICATION/JSON", "text/json",
                           "application/json;charset=utf8", "application/json ; charset=\"utf-8\"",
                           "application/cloudevents+json", "application/problem+json; v=1"}) {
    EXPECT_TRUE(IsJsonContentType(type)) << type;
  }
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "multipart/form-data; boundary=json", "image/x+json", "json",
                           "application/xml; application/json"}) {
    EXPECT_FALSE(IsJsonContentType(type)) << type;
  }
}

}  // namespace
}  // namespace incidenthub::gateway
