#include "tests/e2e/random_run/report.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

constexpr absl::string_view kEventActor = "event";
// Of the incident, around the one in question.
constexpr size_t kEventsBefore = 8;
constexpr size_t kEventsAfter = 4;
constexpr absl::Duration kTimeAround = absl::Seconds(1);

std::string JsonText(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&json, "\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&json, absl::StrFormat("\\u%04x", static_cast<unsigned>(c)));
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string Summary(const EventFact& fact) {
  std::string cause = fact.serial != 0    ? absl::StrCat("delivery ", fact.serial)
                      : fact.note.empty() ? v1::SystemCause::Reason_Name(fact.reason)
                                          : fact.note;
  return absl::StrCat(v1::EventType_Name(fact.logged.type), " after ",
                      fact.logged.previous_sequence, ", ", v1::State_Name(fact.state), ", says ",
                      fact.title, "; by ", cause);
}

std::string Summary(const RecordedEntry& entry) {
  return absl::StrCat("is sent ", v1::Membership_Name(entry.membership), " ",
                      entry.fingerprint == 0 ? "brief" : v1::EventType_Name(entry.type), ", ",
                      v1::State_Name(entry.state), ", after ", entry.previous_sequence);
}

// Empty: the message itself is not worth a line.
std::string Summary(const RecordedMessage& message) {
  switch (message.kind) {
    case Kind::kOpened:
      return absl::StrCat("opened, head ", message.head_sequence,
                          message.latest_only ? ", latest only" : "");
    case Kind::kSnapshotEnd:
      return absl::StrCat("snapshot_end at ", message.snapshot_sequence);
    case Kind::kReset:
      return "reset";
    case Kind::kCompacted:
      return absl::StrCat("compacted from ", message.compacted_from, " to ", message.compacted_to);
    case Kind::kDraining:
      return "draining";
    default:
      return "";
  }
}

bool IsAbout(const TimelineEntry& entry, const Finding& finding) {
  if (entry.actor.empty()) return true;
  const bool saw_it = !finding.actor.empty() && entry.actor == finding.actor;
  if (entry.incident_id.empty()) return saw_it;
  if (entry.incident_id != finding.incident_id) return false;
  // Of all that subscribers were sent, what one of them was.
  return saw_it || !absl::StartsWith(entry.text, "is sent ");
}

// What of a timeline is near enough to a finding: sequences, and times of what has none.
struct Around {
  uint64_t first = 0;
  uint64_t last = std::numeric_limits<uint64_t>::max();
  absl::Time begin = absl::InfinitePast();
  absl::Time end = absl::InfiniteFuture();
};

Around FindAround(const Timeline& timeline, const Finding& finding) {
  Around around;
  if (finding.sequence == 0) return around;
  std::vector<const TimelineEntry*> events;
  for (const TimelineEntry& entry : timeline) {
    if (entry.actor == kEventActor && entry.incident_id == finding.incident_id) {
      events.push_back(&entry);
    }
  }
  const auto at = std::find_if(events.begin(), events.end(), [&finding](const auto* event) {
    return event->sequence >= finding.sequence;
  });
  const auto index = static_cast<size_t>(at - events.begin());
  if (index > kEventsBefore) {
    around.first = events[index - kEventsBefore]->sequence;
    around.begin = events[index - kEventsBefore]->time - kTimeAround;
  }
  if (index + kEventsAfter < events.size()) {
    around.last = events[index + kEventsAfter]->sequence;
    around.end = std::max(events[index + kEventsAfter]->time, finding.time) + kTimeAround;
  }
  return around;
}

}  // namespace

void AddHappenings(const std::vector<Happening>& happenings, Timeline* timeline) {
  for (const Happening& happening : happenings) {
    timeline->push_back(
        {.time = happening.time, .actor = {}, .incident_id = {}, .text = happening.text});
  }
}

void AddRecord(const Record& record, Timeline* timeline) {
  for (const EventFact& fact : record.facts) {
    timeline->push_back({.time = fact.commit_time,
                         .actor = std::string(kEventActor),
                         .incident_id = fact.logged.incident_id,
                         .sequence = fact.logged.sequence,
                         .text = Summary(fact)});
  }
  for (const Post& post : record.posts) {
    const std::string who = absl::StrCat("poster ", post.poster);
    const DeliverySpec& spec = record.specs[post.serial - 1];
    timeline->push_back(
        {.time = post.begin,
         .actor = who,
         .incident_id = post.incident_id,
         .text = absl::StrCat("posts delivery ", post.serial, ", version ", spec.version, ", ",
                              spec.event_type, ", ", spec.status)});
    timeline->push_back(
        {.time = post.end,
         .actor = who,
         .incident_id = post.incident_id,
         .sequence = post.sequence,
         .text = absl::StrCat("is answered ", post.status, " for delivery ", post.serial,
                              post.duplicate ? ", duplicate " : " ", post.error)});
  }
  for (const Command& command : record.commands) {
    for (const CommandAnswer& answer : command.answers) {
      timeline->push_back(
          {.time = answer.begin,
           .actor = command.note,
           .incident_id = command.incident_id,
           .text = absl::StrCat(command.kind == CommandKind::kAck     ? "sends Ack"
                                : command.kind == CommandKind::kUnack ? "sends Unack"
                                                                      : "sends Resolve",
                                command.request_id.empty() ? " without request id" : "",
                                command.etag.empty() ? "" : " etag ", command.etag)});
      timeline->push_back({.time = answer.end,
                           .actor = command.note,
                           .incident_id = command.incident_id,
                           .sequence = answer.sequence,
                           .text = absl::StrCat("is answered ", answer.status.ToString(),
                                                answer.changed ? ", changed" : "")});
    }
  }
}

void AddHistory(const std::string& name, const StreamHistory& history, Timeline* timeline) {
  size_t count = 0;
  for (size_t i = 0; i < history.streams.size(); ++i) {
    const RecordedStream& stream = history.streams[i];
    const std::string resumed = stream.start == StreamStart::kToken
                                    ? absl::StrCat(", resumed after message ", stream.resumed_after)
                                    : "";
    for (const RecordedMessage& message : stream.messages) {
      const std::string summary = Summary(message);
      if (!summary.empty()) {
        timeline->push_back({.time = message.time,
                             .actor = name,
                             .incident_id = {},
                             .text = absl::StrCat("stream ", i, ", message ", count, ": ", summary,
                                                  message.kind == Kind::kOpened ? resumed : "")});
      }
      for (const RecordedEntry& entry : message.entries) {
        timeline->push_back(
            {.time = message.time,
             .actor = name,
             .incident_id = entry.incident_id,
             .sequence = entry.sequence,
             .text = absl::StrCat(Summary(entry), ", on stream ", i, ", message ", count)});
      }
      ++count;
    }
    if (stream.messages.empty()) continue;
    timeline->push_back(
        {.time = stream.messages.back().time,
         .actor = name,
         .incident_id = {},
         .text = absl::StrCat("stream ", i, " ends after this: ", stream.end.ToString())});
  }
}

void AddSteps(const std::string& name, const std::vector<FollowerStep>& steps, Timeline* timeline) {
  for (const FollowerStep& step : steps) {
    timeline->push_back({.time = step.time, .actor = name, .incident_id = {}, .text = step.text});
  }
}

void Sort(Timeline* timeline) {
  std::stable_sort(timeline->begin(), timeline->end(),
                   [](const TimelineEntry& a, const TimelineEntry& b) { return a.time < b.time; });
}

Timeline Minimal(const Timeline& timeline, const Finding& finding, size_t max) {
  const Around around = FindAround(timeline, finding);
  Timeline about;
  // How many of them are no later than what is wrong.
  size_t before = 0;
  for (const TimelineEntry& entry : timeline) {
    const bool near = entry.sequence != 0
                          ? entry.sequence >= around.first && entry.sequence <= around.last
                          : entry.time >= around.begin && entry.time <= around.end;
    if (!near || !IsAbout(entry, finding)) continue;
    about.push_back(entry);
    if (entry.time <= finding.time) before = about.size();
  }
  const size_t end = std::min(before + max / 4, about.size());
  const size_t begin = end - std::min(end, max);
  return {about.begin() + static_cast<std::ptrdiff_t>(begin),
          about.begin() + static_cast<std::ptrdiff_t>(end)};
}

std::string ToText(const Timeline& timeline, absl::Time begin) {
  std::string text;
  for (const TimelineEntry& entry : timeline) {
    absl::StrAppend(&text, absl::StrFormat("%10.3f ", absl::ToDoubleSeconds(entry.time - begin)),
                    entry.actor.empty() ? "***" : entry.actor, " ", entry.incident_id,
                    entry.sequence == 0 ? "" : absl::StrCat(" at ", entry.sequence), " ",
                    entry.text, "\n");
  }
  return text;
}

std::string ToJsonLines(const Timeline& timeline) {
  std::string text;
  for (const TimelineEntry& entry : timeline) {
    absl::StrAppend(&text, "{\"time\":",
                    JsonText(absl::FormatTime(absl::RFC3339_full, entry.time, absl::UTCTimeZone())),
                    ",\"actor\":", JsonText(entry.actor),
                    ",\"incident\":", JsonText(entry.incident_id), ",\"sequence\":", entry.sequence,
                    ",\"text\":", JsonText(entry.text), "}\n");
  }
  return text;
}

}  // namespace incidenthub::testing
