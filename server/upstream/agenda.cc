#include "server/upstream/agenda.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace incidenthub {
namespace {

constexpr std::array kKinds = {UpstreamKind::kPending, UpstreamKind::kComment,
                               UpstreamKind::kCallback};

UpstreamKind KindOf(Endpoint endpoint) {
  for (const UpstreamKind kind : kKinds) {
    if (EndpointOf(kind) == endpoint) return kind;
  }
  return UpstreamKind::kNothing;
}

}  // namespace

Endpoint EndpointOf(UpstreamKind kind) {
  switch (kind) {
    case UpstreamKind::kComment:
      return Endpoint::kComment;
    case UpstreamKind::kCallback:
      return Endpoint::kCallback;
    default:
      INCIDENTHUB_CHECK(kind == UpstreamKind::kPending);
      return Endpoint::kResolve;
  }
}

Agenda::Lane& Agenda::LaneOf(const std::string& source, Endpoint endpoint) {
  auto& lane = sources_[source].lanes[static_cast<size_t>(endpoint)];
  if (lane == nullptr) lane = std::make_unique<Lane>(permits_);
  return *lane;
}

void Agenda::Wait(Entry* entry, absl::Time due) {
  entry->state = State::kWaiting;
  entry->item.due = due;
  LaneOf(entry->item.work).waiting.emplace(due, entry->item.work.sequence);
}

void Agenda::Add(UpstreamWork work, absl::Time now) {
  const Key key(work.kind, work.sequence);
  const auto [place, is_new] = items_.try_emplace(key);
  if (!is_new) return;
  Group& group = groups_[work.incident_id];
  ++group.items;
  group.untried.emplace(work.sequence, work.kind);
  ++counts_[static_cast<size_t>(EndpointOf(work.kind))];
  place->second = std::make_unique<Entry>();
  place->second->item.work = std::move(work);
  Wait(place->second.get(), now);
}

bool Agenda::MustWait(const UpstreamWork& work, const Group& group, absl::Time now) {
  if (group.running) return true;
  return std::any_of(group.untried.begin(), group.untried.end(), [&](const auto& untried) {
    return untried.first < work.sequence &&
           LaneOf(work.source, EndpointOf(untried.second)).paused_until <= now;
  });
}

const AgendaItem* Agenda::NextOf(Lane* lane, Endpoint endpoint, absl::Time now) {
  if (now < lane->paused_until) return nullptr;
  while (!lane->waiting.empty() && lane->waiting.begin()->first <= now) {
    if (!lane->permits.Take(now)) return nullptr;
    const Key key(KindOf(endpoint), lane->waiting.begin()->second);
    lane->waiting.erase(lane->waiting.begin());
    Entry& entry = *items_.at(key);
    Group& group = groups_.at(entry.item.work.incident_id);
    if (MustWait(entry.item.work, group, now)) {
      lane->permits.ReturnUnused();
      entry.state = State::kHeldBack;
      group.held_back.push_back(key);
      continue;
    }
    entry.state = State::kRunning;
    entry.has_permit = true;
    group.running = true;
    return &entry.item;
  }
  return nullptr;
}

const AgendaItem* Agenda::Next(absl::Time now) {
  // Once around, beginning behind the source that had the last turn.
  auto source = sources_.upper_bound(turn_);
  for (size_t i = 0; i < sources_.size(); ++i, ++source) {
    if (source == sources_.end()) source = sources_.begin();
    if (source->second.paused) continue;
    for (size_t e = 0; e < source->second.lanes.size(); ++e) {
      Lane* const lane = source->second.lanes[e].get();
      if (lane == nullptr) continue;
      if (const AgendaItem* const item = NextOf(lane, static_cast<Endpoint>(e), now)) {
        turn_ = source->first;
        return item;
      }
    }
  }
  return nullptr;
}

void Agenda::Ended(Entry* entry) {
  INCIDENTHUB_CHECK(entry->state == State::kRunning);
  Group& group = groups_.at(entry->item.work.incident_id);
  group.running = false;
  WakeHeldBack(&group);
}

void Agenda::WakeHeldBack(Group* group) {
  for (const Key& key : std::exchange(group->held_back, {})) {
    Entry& held = *items_.at(key);
    Wait(&held, held.item.due);
  }
}

void Agenda::NotTried(const Key& key, absl::Time due, std::string why) {
  Entry& entry = *items_.at(key);
  LaneOf(entry.item.work).permits.ReturnUnused();
  entry.has_permit = false;
  // It does not hold back the others for what it waits for.
  groups_.at(entry.item.work.incident_id).untried.erase({key.second, key.first});
  Ended(&entry);
  entry.item.last_error = std::move(why);
  Wait(&entry, due);
}

void Agenda::Tried(const Key& key, absl::Time now, absl::Time due, std::string why) {
  Answered(key, now);
  Entry& entry = *items_.at(key);
  groups_.at(entry.item.work.incident_id).untried.erase({key.second, key.first});
  Ended(&entry);
  entry.item.last_error = std::move(why);
  Wait(&entry, due);
}

void Agenda::Answered(const Key& key, absl::Time now) {
  Entry& entry = *items_.at(key);
  ++entry.item.attempts;
  entry.has_permit = false;
  LaneOf(entry.item.work).permits.Return(now);
}

void Agenda::Remove(const Key& key) {
  Entry& entry = *items_.at(key);
  if (entry.has_permit) LaneOf(entry.item.work).permits.ReturnUnused();
  const std::string incident_id = entry.item.work.incident_id;
  Group& group = groups_.at(incident_id);
  group.untried.erase({key.second, key.first});
  Ended(&entry);
  --counts_[static_cast<size_t>(EndpointOf(key.first))];
  items_.erase(key);
  if (--group.items == 0) groups_.erase(incident_id);
}

void Agenda::PauseSource(const std::string& source) { sources_[source].paused = true; }

void Agenda::ResumeSource(const std::string& source, absl::Time now) {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return;
  found->second.paused = false;
  for (size_t e = 0; e < found->second.lanes.size(); ++e) {
    Lane* const lane = found->second.lanes[e].get();
    if (lane == nullptr) continue;
    lane->paused_until = absl::InfinitePast();
    std::set<std::pair<absl::Time, Sequence>> waiting;
    for (const auto& [due, sequence] : lane->waiting) {
      items_.at({KindOf(static_cast<Endpoint>(e)), sequence})->item.due = std::min(due, now);
      waiting.emplace(std::min(due, now), sequence);
    }
    lane->waiting = std::move(waiting);
  }
}

bool Agenda::IsPaused(absl::string_view source) const {
  const auto found = sources_.find(source);
  return found != sources_.end() && found->second.paused;
}

size_t Agenda::paused_sources() const {
  return static_cast<size_t>(std::count_if(
      sources_.begin(), sources_.end(), [](const auto& source) { return source.second.paused; }));
}

void Agenda::PauseEndpoint(const std::string& source, Endpoint endpoint, absl::Time until) {
  Lane& lane = LaneOf(source, endpoint);
  lane.paused_until = std::max(lane.paused_until, until);
  for (auto& [incident_id, group] : groups_) WakeHeldBack(&group);
}

bool Agenda::MayAsk(const std::string& source, const std::string& environment_id, absl::Time now) {
  const auto found = forbidden_.find({source, environment_id});
  if (found == forbidden_.end()) return true;
  if (found->second.asking || now < found->second.until) return false;
  found->second.asking = true;
  return true;
}

void Agenda::Forbid(const std::string& source, const std::string& environment_id,
                    absl::Time until) {
  forbidden_[{source, environment_id}] = {until, false};
}

void Agenda::Allow(const std::string& source, const std::string& environment_id) {
  forbidden_.erase({source, environment_id});
}

void Agenda::AskedInVain(const std::string& source, const std::string& environment_id) {
  const auto found = forbidden_.find({source, environment_id});
  if (found != forbidden_.end()) found->second.asking = false;
}

absl::Time Agenda::WakeTime() const {
  absl::Time wake = absl::InfiniteFuture();
  for (const auto& [name, source] : sources_) {
    if (source.paused) continue;
    for (const auto& lane : source.lanes) {
      if (lane == nullptr || lane->waiting.empty()) continue;
      wake = std::min(
          wake, std::max({lane->waiting.begin()->first, lane->paused_until, lane->permits.next()}));
    }
  }
  return wake;
}

const AgendaItem* Agenda::Find(const Key& key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second->item;
}

}  // namespace incidenthub
