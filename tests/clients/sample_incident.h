// An incident with something in every field that people are shown.

#ifndef INCIDENTHUB_TESTS_CLIENTS_SAMPLE_INCIDENT_H_
#define INCIDENTHUB_TESTS_CLIENTS_SAMPLE_INCIDENT_H_

#include <cstdint>
#include <string>

#include "common/check.h"
#include "google/protobuf/text_format.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::testing {

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  INCIDENTHUB_CHECK(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

// 2026-01-02 03:04:05 UTC.
inline constexpr int64_t kSampleSeconds = 1'767'323'045;

inline v1::Incident SampleIncident() {
  return FromText<v1::Incident>(R"pb(
    id: "5f1e7a0c"
    state: STATE_ACKNOWLEDGED
    status: STATUS_WARNING
    status_text: "Warning"
    severity: STATUS_CRITICAL
    severity_text: "Critical"
    active: true
    flapping: false
    snooze {
      snoozed: true
      wake_time { seconds: 1767326645 }
      auto_cancel: true
    }
    start_time { seconds: 1767323045 }
    change_time { seconds: 1767323105 }
    update_time { seconds: 1767323165 }
    alerts {
      id: "al-1"
      status: STATUS_OK
      status_text: "ok"
      active: false
      start_time { seconds: 1767323045 }
      end_time { seconds: 1767323100 }
      primary_property: "host"
      secondary_property: "check"
      source_system: "nagios.est"
      description: "ping"
      tags { name: "host" text: "web-1" }
      tags { name: "check" text: "ping" }
    }
    alerts {
      id: "al-2"
      status: STATUS_WARNING
      active: true
      start_time { seconds: 1767323045 }
      primary_property: "host"
      secondary_property: "check"
      description: "CPU over 90%"
      tags { name: "host" text: "web-2" }
      tags { name: "check" text: "CPU" }
      extra { key: "/maintenance" value: "false" }
    }
    tags { name: "itd_priority_1" text: "1000" json: "1000" }
    tags { name: "team" text: "db, web" json: "[\"db\",\"web\"]" }
    links { landing_page: "http://bigp.io/abc" }
    related_changes {
      id: "rc-1"
      match_certainty: "MATCH"
      comment: "same host"
      change {
        identifier: "CHG0030001"
        summary: "upgrade"
        status: "Done"
        ticket_url: "https://t/1"
      }
    }
    related_changes { id: "rc-2" }
    environment { id: "e1" name: "Production" }
    sender { name: "Sam" email: "sam@example.com" }
    assignee { name: "Ann" }
    assigner { user_id: "u-7" }
    last_comment { text: "line one\nline two" }
    source: "bigpanda"
    acknowledgement {
      actor: "alice"
      time { seconds: 1767323225 }
      note: "looking"
    }
    upstream { state: STATE_PENDING }
    sequence: 42
    etag: "etag-42"
    extra { key: "/incident/resolved" value: "false" }
    extra { key: "/a" value: "1" }
  )pb");
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_CLIENTS_SAMPLE_INCIDENT_H_
