#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_parts.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kOpenTimeout = absl::Minutes(1);
constexpr absl::Duration kCatchUpTimeout = absl::Minutes(2);
constexpr char kLargeRing[] = "--ring_bytes=2147483648";
constexpr char kSmallRing[] = "--ring_bytes=1048576";
constexpr double kMiB = 1 << 20;
// What matchers look at is kept with an event in memory: the first list pays for the others.
constexpr char kFirst[] = "first";
// That follow while matchers are measured, and the rate of the updates then.
constexpr size_t kFollowers = 10;
constexpr double kLiveRate = 500;

// A list of matchers, and the beginning of the backlog for it.
struct Case {
  std::string name;
  std::string what;
  std::vector<std::string> matchers;
  // Of the backlog it gets one event, the last.
  bool selective = false;
  std::string token = "";
};

// In pictures, where there is little room.
std::string Shown(const Case& test_case) { return test_case.selective ? "rare" : test_case.name; }

v1::SubscribeRequest WithMatchers(v1::SubscribeRequest request, const Case& test_case) {
  for (const std::string& matcher : test_case.matchers) request.add_matchers(matcher);
  return request;
}

class Behind {
 public:
  explicit Behind(ScaleRun* run) : run_(*run), figures_(run->figures) {}

  absl::Status Run() {
    RETURN_IF_ERROR(MakeBacklog());
    for (const Case& test_case : cases_) {
      RETURN_IF_ERROR(CatchUp(test_case, "ring", "from memory"));
      RETURN_IF_ERROR(Live(test_case));
    }
    RETURN_IF_ERROR(hub_->Restart(ScaleHub::End::kTerm, {kSmallRing}).status());
    for (const Case& test_case : cases_) {
      RETURN_IF_ERROR(CatchUp(test_case, "disk", "from the disk"));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status MakeBacklog() {
    ASSIGN_OR_RETURN(hub_, ScaleHub::Start({kLargeRing}));
    RETURN_IF_ERROR(hub_->AddIncidents(delivery_, run_.options.base_incidents).status());
    const std::string last = DeliveryTemplate::IncidentId(hub_->incidents());
    // All but the last match every event.
    cases_ = {{"0", "no matcher", {}},
              {kFirst, "1 matcher, the first that asks", {"status=critical"}},
              {"1", "1 matcher", {"state=open"}},
              {"4",
               "4 matchers",
               {"state=open", "status=critical", "source=bigpanda", "alert_tag.cluster!=other"}},
              {"regex", "1 regular expression", {"alert_tag.host=~\"db-.*|api-[0-9]+\""}},
              {"selective",
               "1 matcher that nearly nothing matches",
               {absl::StrCat("id=", last)},
               /*selective=*/true}};
    for (Case& test_case : cases_) {
      RawSubscribers first(hub_->port(), 1, WithMatchers(FromNowRequest(), test_case));
      RETURN_IF_ERROR(first.WaitUntilOpened(kOpenTimeout));
      test_case.token = first.opened_token();
    }
    RETURN_IF_ERROR(hub_->Update(delivery_, {.duration = absl::InfiniteDuration(),
                                             .events_max = run_.options.backlog})
                        .status());
    events_ = run_.options.backlog;
    RETURN_IF_ERROR(hub_->AddIncidents(delivery_, 1).status());
    ++events_;
    return absl::OkStatus();
  }

  absl::Status CatchUp(const Case& test_case, absl::string_view from, absl::string_view from_text) {
    const bool plain = test_case.matchers.empty();
    const size_t rounds = test_case.name == kFirst ? 1 : run_.options.rounds;
    figures_.BeginSection(plain ? "One subscriber that is behind" : "Matchers");
    const std::string name = absl::StrCat("behind_", from, "_", test_case.name);
    // The one that it gets came before those who followed live.
    const uint64_t passed = test_case.selective ? run_.options.backlog + 1 : events_;
    for (size_t round = 0; round < rounds; ++round) {
      RawSubscribers subscriber(hub_->port(), 1,
                                WithMatchers(ResumeRequest(test_case.token), test_case));
      RETURN_IF_ERROR(
          subscriber.WaitForEntries(test_case.selective ? 1 : events_, kCatchUpTimeout));
      const double seconds = absl::ToDoubleSeconds(absl::Now() - subscriber.opened_time());
      figures_.Add(name, absl::StrCat("events passed ", from_text, ", ", test_case.what),
                   "a second", static_cast<double>(passed) / seconds);
      if (!plain) continue;
      figures_.Add(absl::StrCat(name, "_bytes"), absl::StrCat("the same, bytes ", from_text),
                   "MiB a second", static_cast<double>(subscriber.bytes()) / kMiB / seconds);
    }
    run_.curves.Add({"Catching up, by matchers", "matchers", "events a second"}, from_text,
                    Shown(test_case), name);
    return absl::OkStatus();
  }

  // What those who follow cost with these matchers.
  absl::Status Live(const Case& test_case) {
    figures_.BeginSection("Matchers");
    RawSubscribers followers(hub_->port(), kFollowers, WithMatchers(FromNowRequest(), test_case));
    RETURN_IF_ERROR(followers.WaitUntilOpened(kOpenTimeout));
    const std::string name = absl::StrCat("live_cpu_", test_case.name);
    for (size_t round = 0; round < run_.options.rounds; ++round) {
      ASSIGN_OR_RETURN(
          const Cost cost,
          hub_->Update(delivery_, {.duration = run_.options.duration,
                                   .rate = kLiveRate,
                                   .subscribers = test_case.selective ? nullptr : &followers}));
      events_ += cost.events;
      figures_.Add(name,
                   absl::StrCat("the hub's CPU, ", kFollowers, " followers, ", test_case.what),
                   "us an update", cost.CpuMicrosPerEvent());
    }
    run_.curves.Add({"CPU an update, 10 followers", "matchers", "us"}, "", Shown(test_case), name);
    return absl::OkStatus();
  }

  ScaleRun& run_;
  Figures& figures_;
  const DeliveryTemplate delivery_;
  std::unique_ptr<ScaleHub> hub_;
  std::vector<Case> cases_;
  // Since the tokens.
  uint64_t events_ = 0;
};

}  // namespace

absl::Status RunBehind(ScaleRun* run) { return Behind(run).Run(); }

}  // namespace incidenthub::bench
