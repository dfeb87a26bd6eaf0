// What is to be asked of sources, and when: order, rate, retries and pauses. Pure: it is told the
// time, and asks nobody.
//
//   order     of one incident one thing at a time, the oldest first; what has failed and waits for
//             its next try, or for an endpoint that is paused, holds back nothing.
//   rate      so many a second of a source and an endpoint (permits.h).
//   pauses    of a source, whose key is not good; of an environment, which the key is not good for:
//             then one request a while asks whether it is now; of an endpoint, that said when to
//             come back.
//
// An item is waiting until Next hands it out, and running until one of NotTried, Tried and Remove.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_AGENDA_H_
#define INCIDENTHUB_SERVER_UPSTREAM_AGENDA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/domain/ids.h"
#include "server/store/upstream_index.h"
#include "server/upstream/bigpanda_api.h"
#include "server/upstream/permits.h"

namespace incidenthub {

// Which endpoint takes work of this kind. REQUIRES: one does.
Endpoint EndpointOf(UpstreamKind kind);

struct AgendaItem {
  UpstreamWork work;
  uint32_t attempts = 0;
  // When it is tried next at the earliest.
  absl::Time due;
  // What came of the last try, or why there was none.
  std::string last_error;
};

class Agenda {
 public:
  using Key = std::pair<UpstreamKind, Sequence>;

  // `permits`: requests a second of a source and an endpoint.
  explicit Agenda(size_t permits) : permits_(permits) {}

  // No effect if it is there. REQUIRES: an endpoint takes it.
  void Add(UpstreamWork work, absl::Time now);
  // What to try now; null: nothing. It stays where it is until it is no longer running.
  const AgendaItem* Next(absl::Time now);
  // Of what runs: there was no request; again at `due`.
  void NotTried(const Key& key, absl::Time due, std::string why);
  // There was one, which failed; again at `due`.
  void Tried(const Key& key, absl::Time now, absl::Time due, std::string why);
  // There was one, and nothing more is to be asked; Remove follows.
  void Answered(const Key& key, absl::Time now);
  void Remove(const Key& key);
  // REQUIRES: it is there.
  const AgendaItem& Get(const Key& key) const { return items_.at(key)->item; }

  // Nothing of this source is handed out until Resume.
  void PauseSource(const std::string& source);
  void ResumeSource(const std::string& source, absl::Time now);
  bool IsPaused(absl::string_view source) const;
  size_t paused_sources() const;
  // Nothing of this endpoint is handed out before `until`.
  void PauseEndpoint(const std::string& source, Endpoint endpoint, absl::Time until);

  // Whether something may be asked of this environment now; if it was forbidden, only by one at a
  // time, which tells.
  bool MayAsk(const std::string& source, const std::string& environment_id, absl::Time now);
  void Forbid(const std::string& source, const std::string& environment_id, absl::Time until);
  void Allow(const std::string& source, const std::string& environment_id);
  // The request that was to tell did not.
  void AskedInVain(const std::string& source, const std::string& environment_id);
  size_t forbidden_environments() const { return forbidden_.size(); }

  // When Next may hand out something, if nothing is added and nothing ends before.
  absl::Time WakeTime() const;

  size_t size() const { return items_.size(); }
  // Waiting or running, of one kind.
  size_t count(UpstreamKind kind) const { return counts_[static_cast<size_t>(EndpointOf(kind))]; }
  // Null: it is not there.
  const AgendaItem* Find(const Key& key) const;

 private:
  enum class State { kWaiting, kHeldBack, kRunning };
  struct Entry {
    AgendaItem item;
    State state = State::kWaiting;
    bool has_permit = false;
  };
  // Of a source and an endpoint.
  struct Lane {
    explicit Lane(size_t count) : permits(count) {}
    std::set<std::pair<absl::Time, Sequence>> waiting;
    Permits permits;
    absl::Time paused_until = absl::InfinitePast();
  };
  // Of an incident: what runs, and what was not tried yet, the oldest first.
  struct Group {
    size_t items = 0;
    bool running = false;
    std::set<std::pair<Sequence, UpstreamKind>> untried;
    std::vector<Key> held_back;
  };
  struct Source {
    bool paused = false;
    std::array<std::unique_ptr<Lane>, kEndpointCount> lanes;
  };
  struct Forbidden {
    absl::Time until;
    bool asking = false;
  };

  Lane& LaneOf(const std::string& source, Endpoint endpoint);
  Lane& LaneOf(const UpstreamWork& work) { return LaneOf(work.source, EndpointOf(work.kind)); }
  const AgendaItem* NextOf(Lane* lane, Endpoint endpoint, absl::Time now);
  bool MustWait(const UpstreamWork& work, const Group& group, absl::Time now);
  void Wait(Entry* entry, absl::Time due);
  // What others held back is looked at again.
  void WakeHeldBack(Group* group);
  // What runs of the incident has stopped running.
  void Ended(Entry* entry);

  const size_t permits_;
  std::map<Key, std::unique_ptr<Entry>> items_;
  std::map<std::string, Source, std::less<>> sources_;
  absl::flat_hash_map<std::string, Group> groups_;
  std::map<std::pair<std::string, std::string>, Forbidden> forbidden_;
  std::array<size_t, kEndpointCount> counts_{};
  // Where the last Next stopped, so that none of the sources comes too short.
  std::string turn_;
};

inline bool IsResolve(const Agenda::Key& key) { return key.first == UpstreamKind::kPending; }

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_AGENDA_H_
