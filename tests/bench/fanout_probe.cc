#include "tests/bench/fanout_probe.h"

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/bench/wire_walk.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kOpenTimeout = absl::Seconds(30);
constexpr absl::Duration kLastEventsTime = absl::Seconds(10);

}  // namespace

FanoutProbe::FanoutProbe(int hub_port, size_t subscribers, const RequestTemplate& requests)
    : requests_(requests),
      latencies_(subscribers),
      subscribers_({.port = hub_port,
                    .subscribers = subscribers,
                    .on_message = [this](size_t subscriber, const grpc::ByteBuffer& message) {
                      OnMessage(subscriber, message);
                    }}) {}

absl::Status FanoutProbe::WaitUntilOpen() const { return subscribers_.WaitUntilOpen(kOpenTimeout); }

void FanoutProbe::Expect(const Schedule& schedule, int64_t measured_from) {
  schedule_ = schedule;
  measured_from_ = measured_from;
}

absl::Status FanoutProbe::Finish(uint64_t events, Latencies* latencies) {
  absl::Status status = subscribers_.WaitForEntries(events, kLastEventsTime);
  subscribers_.CancelAll();
  for (const Latencies& of_one : latencies_) latencies->AddAll(of_one);
  return status;
}

void FanoutProbe::OnMessage(size_t subscriber, const grpc::ByteBuffer& message) {
  const int64_t now = NowNanos();
  ForEachEvent(Flat(message), [&](absl::string_view incident_id, int64_t update_seconds) {
    const std::optional<uint64_t> index = requests_.IndexOf(incident_id, update_seconds);
    if (!index.has_value() || *index < schedule_.first_index) return;
    const int64_t due = schedule_.DueNanos(*index);
    if (due >= measured_from_) latencies_[subscriber].Add(now - due);
  });
}

}  // namespace incidenthub::bench
