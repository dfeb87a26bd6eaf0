#include "tests/bench/hot_path.h"

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/decode/decoder.h"
#include "common/decode/source_kinds.h"
#include "gateway/batch_delivery.h"
#include "gateway/ingest_window.h"
#include "gateway/request_ids.h"
#include "grpcpp/support/byte_buffer.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "server/core/disk_space.h"
#include "server/core/sequencer.h"
#include "server/db/database.h"
#include "server/domain/incident_labels.h"
#include "server/domain/ingest_request.h"
#include "server/domain/matcher.h"
#include "server/log/local_event_log.h"
#include "server/rpc/subscribe_encoder.h"
#include "server/store/store.h"
#include "tests/support/test_database.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

constexpr absl::string_view kKind = "bigpanda";
// A resume token is about this long.
constexpr size_t kTokenBytes = 48;

// Keeps `value` from being optimised away.
template <typename T>
void Use(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

v1::Delivery Decode(std::string* body) {
  static const decode::DecodeFunction decode = decode::FindSourceKind(kKind)->decode;
  const auto no_app_key = [](absl::string_view) -> absl::StatusOr<std::string> {
    return std::string(kKind);
  };
  v1::Delivery delivery;
  const absl::Status decoded = decode(body, {kKind, no_app_key}, [&delivery](decode::Item item) {
    delivery = std::move(item.delivery);
    return true;
  });
  INCIDENTHUB_CHECK(decoded.ok() && delivery.has_incident());
  return delivery;
}

// A batch as the hub reads it, of incidents `first`, ...; `revision`: which of each one's updates.
std::string EncodedRequest(size_t first, size_t count, int64_t revision) {
  constexpr int64_t kFirstUpdate = 1'795'300'000;
  std::string bytes;
  for (size_t i = first; i < first + count; ++i) {
    std::string body =
        testing::SampleWith(absl::StrCat("incident-", i, "-of-many"), kFirstUpdate + revision);
    v1::Delivery delivery = Decode(&body);
    delivery.set_id(i);
    gateway::StampDelivery(body, gateway::RequestIds(), &delivery);
    bytes += gateway::EncodeDelivery(delivery).wire;
  }
  return bytes;
}

v1::IngestRequest Parse(const std::string& bytes) {
  v1::IngestRequest request;
  INCIDENTHUB_CHECK(ParseIngestRequest(bytes, &request));
  return request;
}

}  // namespace

// The hub without its ports.
class HotPath::Hub {
 public:
  Hub()
      : disk_([this] { return database_->FreeBytes(); },
              // Whether it is enough is not what is measured.
              DiskSpaceOptions{.min_free_bytes = 0}) {
    auto log = LocalEventLog::Open(database_.get());
    auto store = Store::Open(database_.get());
    INCIDENTHUB_CHECK(log.ok() && store.ok());
    log_ = *std::move(log);
    store_ = *std::move(store);
    sequencer_ = std::make_unique<Sequencer>(
        log_.get(), store_.get(), &clock_, &disk_,
        [this](absl::Span<const SharedEvent> events) {
          absl::MutexLock lock(&mu_);
          if (published_.empty()) published_.assign(events.begin(), events.end());
        },
        [](const absl::Status& status) { INCIDENTHUB_CHECK(status.ok()); }, SequencerOptions());
  }

  // Returns when all of it is answered.
  void Commit(v1::IngestRequest request) {
    CommandGroup group;
    group.bytes = request.ByteSizeLong();
    for (v1::Delivery& delivery : *request.mutable_deliveries()) {
      group.commands.emplace_back(std::move(delivery));
    }
    Await(std::move(group), /*changed=*/true);
    // A batch is taken down after its answer, and before the next one: that is work of this step.
    CommandGroup nothing;
    nothing.commands.emplace_back(DropQuarantinedCommand());
    Await(std::move(nothing), /*changed=*/false);
  }

  // The first batch.
  std::vector<SharedEvent> Published() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](std::vector<SharedEvent>* events) { return !events->empty(); }, &published_));
    return published_;
  }

 private:
  void Await(CommandGroup group, bool changed) {
    absl::Notification answered;
    group.done = [&answered, changed](const std::vector<Outcome>& outcomes) {
      for (const Outcome& outcome : outcomes) {
        INCIDENTHUB_CHECK(outcome.ok() && std::get<Committed>(*outcome).changed == changed);
      }
      answered.Notify();
    };
    INCIDENTHUB_CHECK(sequencer_->Submit(std::move(group)).ok());
    answered.WaitForNotification();
  }

  const testing::TestDatabase database_;
  const SystemClock clock_;
  DiskSpace disk_;
  std::unique_ptr<LocalEventLog> log_;
  std::unique_ptr<Store> store_;
  absl::Mutex mu_;
  std::vector<SharedEvent> published_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Sequencer> sequencer_;
};

HotPath::HotPath() : body_(testing::DocumentedSample()), hub_(std::make_unique<Hub>()) {}
HotPath::~HotPath() = default;

Step HotPath::CommitStep(absl::string_view name, bool known) {
  Step step{name, kHotPathBatch};
  step.prepare = [this, known](size_t calls) {
    messages_.clear();
    for (size_t i = 0; i < calls; ++i) {
      // Known ones are those of the first batch, again and again.
      messages_.push_back(known ? EncodedRequest(0, kHotPathBatch, ++revision_)
                                : EncodedRequest(next_incident_, kHotPathBatch, 0));
      if (!known) next_incident_ += kHotPathBatch;
    }
  };
  step.run = [this] {
    hub_->Commit(Parse(messages_.front()));
    messages_.pop_front();
  };
  return step;
}

std::vector<Step> HotPath::Steps() {
  // Of which the known incidents are, and what is fanned out.
  hub_->Commit(Parse(EncodedRequest(0, kHotPathBatch, 0)));
  next_incident_ = kHotPathBatch;
  const std::vector<SharedEvent> events = hub_->Published();
  INCIDENTHUB_CHECK(events.size() == kHotPathBatch);
  v1::Event event;
  INCIDENTHUB_CHECK(event.ParseFromString(*events[0].bytes));
  auto matchers =
      Matchers::Parse({"state=open", "alert_tag.host=~\"prod-.*|api-[0-9]+\"", "status=critical"});
  INCIDENTHUB_CHECK(matchers.ok());
  std::vector<Subscription::Outgoing::Entry> entries;
  for (const SharedEvent& shared : events) {
    entries.push_back({.membership = v1::MEMBERSHIP_UPDATED, .event = shared});
  }

  std::vector<Step> steps;
  steps.push_back({"decode", 1, [this] { Use(Decode(&body_)); }});
  steps.push_back(
      {"encode", 1, [delivery = Decode(&body_)] { Use(gateway::EncodeDelivery(delivery)); }});
  steps.push_back({"parse", kHotPathBatch,
                   [bytes = EncodedRequest(0, kHotPathBatch, 0)] { Use(Parse(bytes)); }});
  steps.push_back(CommitStep("commit_first", /*known=*/false));
  steps.push_back(CommitStep("commit_update", /*known=*/true));
  steps.push_back({"labels", 1, [bytes = *events[0].bytes] {
                     v1::Event decoded;
                     INCIDENTHUB_CHECK(decoded.ParseFromString(bytes));
                     Use(IncidentLabels(decoded.incident()));
                   }});
  steps.push_back({"match", 1,
                   [labels = std::make_shared<IncidentLabels>(event.incident()),
                    matchers = *std::move(matchers)] { Use(matchers.Matches(*labels)); }});
  steps.push_back({"fan_out", kHotPathBatch,
                   [entries = std::move(entries), token = std::string(kTokenBytes, 't'),
                    head = events.back().sequence] { Use(EncodeBatch(entries, token, head)); }});
  steps.push_back({"key", 1, [number = uint64_t{1} << 40U] { Use(DecodeKey(EncodeKey(number))); }});
  return steps;
}

}  // namespace incidenthub::bench
