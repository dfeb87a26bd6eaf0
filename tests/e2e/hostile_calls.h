// What tests of hostile clients share: one who means no harm, and calls that do.

#ifndef INCIDENTHUB_TESTS_E2E_HOSTILE_CALLS_H_
#define INCIDENTHUB_TESTS_E2E_HOSTILE_CALLS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "tests/support/http2_frames.h"

namespace incidenthub::testing {

// Asks for something again and again, as somebody who has nothing to do with an attack.
//
// Threads: one at a time; one of its own calls.
class Honest {
 public:
  // Whether it was answered as it should be.
  using Call = std::function<bool()>;

  // Rests for `pause` between calls.
  explicit Honest(Call call, absl::Duration pause = absl::ZeroDuration())
      : thread_([this, call = std::move(call), pause] {
          do {
            const absl::Time start = absl::Now();
            if (!call()) ++failed_;
            slowest_ = std::max(slowest_, absl::Now() - start);
            ++calls_;
          } while (!stopping_.WaitForNotificationWithTimeout(pause));
        }) {}
  // Reads the incident "a". `client` must outlive this.
  explicit Honest(client::IncidentClient* client, absl::Duration pause = absl::ZeroDuration())
      : Honest([client] { return client->Get("a").ok(); }, pause) {}
  ~Honest() { Stop(); }
  Honest(const Honest&) = delete;
  Honest& operator=(const Honest&) = delete;

  void Stop() {
    if (!thread_.joinable()) return;
    stopping_.Notify();
    thread_.join();
  }

  // After Stop().
  size_t calls() const { return calls_; }
  size_t failed() const { return failed_; }
  absl::Duration slowest() const { return slowest_; }

 private:
  absl::Notification stopping_;
  size_t calls_ = 0;
  size_t failed_ = 0;
  absl::Duration slowest_;
  // Last: it uses all of the above.
  std::thread thread_;
};

// What becomes of a hostile call: it is reset as soon as it is begun, or never finished.
enum class CallEnd { kReset, kNever };

// As many as a record of TLS holds.
inline constexpr uint32_t kHostileCalls = 100;

// The beginnings of kHostileCalls calls of GetIncident, on streams from `first_stream` on, which is
// odd. Heads are as HPACK has them without its tables, so each is the same.
inline std::string HostileCalls(uint32_t first_stream, CallEnd end) {
  const auto text = [](absl::string_view value) {
    return absl::StrCat(std::string(1, static_cast<char>(value.size())), value);
  };
  const std::string head = absl::StrCat(
      "\x83\x86", "\x04", text("/incidenthub.v1.IncidentService/GetIncident"), "\x01", text("hub"),
      "\x0f\x10", text("application/grpc"), std::string(1, '\0'), text("te"), text("trailers"));
  // CANCEL.
  const std::string reason = http2::BigEndian(8, 4);
  std::string bytes;
  for (uint32_t call = 0; call < kHostileCalls; ++call) {
    const uint32_t stream = first_stream + 2 * call;
    absl::StrAppend(&bytes, http2::Frame(http2::kHeaders, http2::kEndHeaders, stream, head));
    if (end == CallEnd::kNever) continue;
    absl::StrAppend(&bytes, http2::Frame(http2::kResetStream, http2::kNoFlags, stream, reason));
  }
  return bytes;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_HOSTILE_CALLS_H_
