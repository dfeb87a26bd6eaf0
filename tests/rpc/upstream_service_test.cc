#include "server/rpc/upstream_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using testing::HasReason;
using testing::ResolveOf;
using v1::Upstream;

// Every source is to be told, and nobody tells it.
class UpstreamPageTest : public testing::CoreTest {
 protected:
  UpstreamPageTest() {
    auto worker = UpstreamWorker::Create({}, store_.get(), &SystemClock::Get());
    EXPECT_OK(worker);
    worker_ = *std::move(worker);
    SequencerOptions options;
    options.upstream_targets = [](absl::string_view) {
      return UpstreamTargets{.resolve = true, .callback = true, .ack_comment = true};
    };
    Start(options);
  }
  ~UpstreamPageTest() override { StopHub(); }

  // Opened, with a callback due, and resolved.
  void Resolve(const std::string& id) {
    Commit(DeliveryBuilder(id).Build());
    Commit(ResolveOf(id));
  }
  void Tell(const std::string& id, Upstream::State state, const std::string& error = "") {
    UpstreamCommand command;
    command.incident_id = id;
    command.outcome.request_sequence =
        (*store_->FindIncident(id))->incident.upstream().request_sequence();
    command.outcome.state = state;
    command.outcome.attempts = 4;
    command.outcome.error = error;
    Commit(std::move(command));
  }

  v1::ListUpstreamResponse Page(int page_size, const std::string& token = "") {
    v1::ListUpstreamRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListUpstreamResponse response;
    EXPECT_OK(ReadUpstreamPage(*store_, *worker_, request, &response));
    return response;
  }
  static std::string Text(const v1::UpstreamItem& item) {
    return absl::StrCat(item.incident_id(), " ", v1::UpstreamItem::Kind_Name(item.kind()), " ",
                        Upstream::State_Name(item.state()));
  }
  // All of them, in pages of this size.
  std::vector<std::string> List(int page_size) {
    std::vector<std::string> texts;
    std::string token;
    do {
      const v1::ListUpstreamResponse page = Page(page_size, token);
      EXPECT_LE(page.items_size(), page_size);
      for (const v1::UpstreamItem& item : page.items()) texts.push_back(Text(item));
      token = page.next_page_token();
    } while (!token.empty());
    return texts;
  }

  std::unique_ptr<UpstreamWorker> worker_;
};

TEST_F(UpstreamPageTest, WhatSomebodyHasToLookAtComesFirstAndPagesHoldAllOnce) {
  for (const char* id : {"waits", "fails", "unsaid", "taken", "over"}) Resolve(id);
  Tell("fails", Upstream::STATE_FAILED, "no");
  Tell("taken", Upstream::STATE_ACCEPTED);
  Tell("unsaid", Upstream::STATE_ACCEPTED);
  Tell("unsaid", Upstream::STATE_UNCONFIRMED, "silence");
  Tell("over", Upstream::STATE_CONFIRMED);
  Commit(DeliveryBuilder("new").Build());
  Commit(AckOf("new"));
  const std::vector<std::string> all = List(100);
  EXPECT_THAT(
      all,
      ElementsAre("fails KIND_RESOLVE STATE_FAILED", "unsaid KIND_RESOLVE STATE_UNCONFIRMED",
                  "waits KIND_RESOLVE STATE_PENDING", "taken KIND_RESOLVE STATE_ACCEPTED",
                  "waits KIND_CALLBACK STATE_UNSPECIFIED", "fails KIND_CALLBACK STATE_UNSPECIFIED",
                  "unsaid KIND_CALLBACK STATE_UNSPECIFIED", "taken KIND_CALLBACK STATE_UNSPECIFIED",
                  "over KIND_CALLBACK STATE_UNSPECIFIED", "new KIND_CALLBACK STATE_UNSPECIFIED",
                  "new KIND_COMMENT STATE_UNSPECIFIED"));
  for (const int page_size : {1, 2, 3, 10, 11}) EXPECT_EQ(List(page_size), all) << page_size;
  EXPECT_EQ(Page(11).next_page_token(), "") << "a full page may be the last";
}

TEST_F(UpstreamPageTest, WhatFailedSaysWhyAndHowOftenItWasTried) {
  Resolve("fails");
  Tell("fails", Upstream::STATE_FAILED, "no");
  const v1::UpstreamItem item = Page(1).items(0);
  EXPECT_EQ(item.last_error(), "no");
  EXPECT_EQ(item.attempts(), 4U);
  EXPECT_EQ(item.source(), "bigpanda");
  EXPECT_NE(item.request_sequence(), 0U);
  EXPECT_TRUE(item.has_since());
  EXPECT_FALSE(item.has_next_attempt_time());
}

TEST_F(UpstreamPageTest, ABadTokenOrSizeIsRefused) {
  for (const char* token : {"x", "u1-", "u1-9", "u1-6000", "u1-0xyz", "c1-a"}) {
    v1::ListUpstreamRequest request;
    request.set_page_token(token);
    v1::ListUpstreamResponse response;
    EXPECT_THAT(ReadUpstreamPage(*store_, *worker_, request, &response),
                HasReason("PAGE_TOKEN_INVALID"))
        << token;
  }
  v1::ListUpstreamRequest request;
  request.set_page_size(-1);
  v1::ListUpstreamResponse response;
  EXPECT_THAT(ReadUpstreamPage(*store_, *worker_, request, &response), HasReason("FIELD_INVALID"));
}

}  // namespace
}  // namespace incidenthub
