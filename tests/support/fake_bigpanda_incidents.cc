#include "tests/support/fake_bigpanda_incidents.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/support/fake_bigpanda_json.h"

namespace incidenthub::testing {
namespace {

constexpr char kOpenStatus[] = "Critical";

absl::Status TooMany(absl::string_view what, size_t bound) {
  return absl::ResourceExhaustedError(
      absl::StrCat("more than ", bound, " ", what, "; start another fake"));
}

}  // namespace

FakeIncidents::FakeIncidents(const FakeBigPandaOptions& options, FakeWebhooks* webhooks)
    : options_(options), webhooks_(*webhooks), thread_([this] { Run(); }) {}

FakeIncidents::~FakeIncidents() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

absl::Status FakeIncidents::Open(const std::string& id, const std::string& environment_id) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Add(id, environment_id));
  entry->incident.status = kOpenStatus;
  entry->incident.severity = kOpenStatus;
  entry->incident.started_on = absl::ToUnixSeconds(absl::Now());
  RETURN_IF_ERROR(Tell(entry, "incident#new"));
  if (options_.lock) Lock(entry);
  return absl::OkStatus();
}

absl::Status FakeIncidents::Import(const BigPandaIncident& incident) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Add(incident.id, incident.environment_id));
  entry->incident = incident;
  entry->incident.locked = false;
  if (options_.lock) Lock(entry);
  return absl::OkStatus();
}

absl::Status FakeIncidents::Update(const std::string& id, const std::string& status) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  if (!status.empty()) entry->incident.status = status;
  return Tell(entry, "incident#updated");
}

absl::Status FakeIncidents::Comment(const std::string& id, const std::string& comment) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  RETURN_IF_ERROR(KeepComment(entry, comment));
  return Tell(entry, "incident#commented", comment);
}

absl::Status FakeIncidents::Close(const std::string& id) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  return CloseNow(entry);
}

absl::Status FakeIncidents::Reopen(const std::string& id) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  BigPandaIncident& incident = entry->incident;
  if (!incident.resolved) {
    return absl::FailedPreconditionError(absl::StrCat("incident ", id, " is not resolved"));
  }
  incident.resolved = false;
  incident.status = kOpenStatus;
  incident.ended_on = 0;
  return Tell(entry, "incident#reopen");
}

absl::Status FakeIncidents::RequestResolve(const std::string& environment_id, const std::string& id,
                                           const std::string& comments) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, GetIn(environment_id, id));
  if (entry->incident.resolved) {
    return absl::FailedPreconditionError(absl::StrCat("incident ", id, " is already resolved"));
  }
  RETURN_IF_ERROR(KeepComment(entry, comments));
  due_.emplace(absl::Now() + options_.echo_delay, Due{true, id});
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status FakeIncidents::AddComment(const std::string& environment_id, const std::string& id,
                                       const std::string& comment) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, GetIn(environment_id, id));
  RETURN_IF_ERROR(KeepComment(entry, comment));
  return options_.tell_comments ? Tell(entry, "incident#commented", comment) : absl::OkStatus();
}

absl::Status FakeIncidents::Unlock(const std::string& id) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  UnlockNow(entry);
  return absl::OkStatus();
}

std::optional<BigPandaIncident> FakeIncidents::Find(const std::string& id) const {
  absl::MutexLock lock(&mu_);
  const auto it = incidents_.find(id);
  if (it == incidents_.end()) return std::nullopt;
  BigPandaIncident incident = it->second.incident;
  incident.held_back = it->second.held_back.size();
  return incident;
}

bool FakeIncidents::WaitForResolved(const std::string& id, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (true) {
    const auto it = incidents_.find(id);
    if (it != incidents_.end() && it->second.incident.resolved) return true;
    if (changed_.WaitWithDeadline(&mu_, deadline)) return false;
  }
}

void FakeIncidents::Run() {
  absl::MutexLock lock(&mu_);
  while (!stopping_) {
    const absl::Time next = due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
    if (absl::Now() < next) {
      changed_.WaitWithDeadline(&mu_, next);
      continue;
    }
    const Due due = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    Entry& entry = incidents_.at(due.incident_id);
    if (!due.close) {
      UnlockNow(&entry);
    } else if (!entry.incident.resolved) {
      CloseNow(&entry).IgnoreError();
    }
  }
}

absl::StatusOr<FakeIncidents::Entry*> FakeIncidents::Add(const std::string& id,
                                                         const std::string& environment_id) {
  const bool known = std::any_of(
      options_.environments.begin(), options_.environments.end(),
      [&](const BigPandaEnvironment& environment) { return environment.id == environment_id; });
  if (!known) {
    return absl::NotFoundError(absl::StrCat("environment ", environment_id, " not found"));
  }
  if (incidents_.size() >= kBigPandaIncidentsMax) {
    return TooMany("incidents", kBigPandaIncidentsMax);
  }
  const auto [it, inserted] = incidents_.try_emplace(id);
  if (!inserted) return absl::AlreadyExistsError(absl::StrCat("incident ", id, " exists"));
  it->second.incident.id = id;
  it->second.incident.environment_id = environment_id;
  return &it->second;
}

void FakeIncidents::Lock(Entry* entry) {
  entry->incident.locked = true;
  due_.emplace(absl::Now() + options_.lock_timeout, Due{false, entry->incident.id});
  changed_.SignalAll();
}

absl::StatusOr<FakeIncidents::Entry*> FakeIncidents::Get(const std::string& id) {
  const auto it = incidents_.find(id);
  if (it == incidents_.end()) {
    return absl::NotFoundError(absl::StrCat("incident ", id, " not found"));
  }
  return &it->second;
}

absl::StatusOr<FakeIncidents::Entry*> FakeIncidents::GetIn(const std::string& environment_id,
                                                           const std::string& id) {
  ASSIGN_OR_RETURN(Entry* const entry, Get(id));
  if (entry->incident.environment_id != environment_id) {
    return absl::NotFoundError(
        absl::StrCat("incident ", id, " not found in environment ", environment_id));
  }
  return entry;
}

absl::Status FakeIncidents::Tell(Entry* entry, const std::string& event,
                                 const std::optional<std::string>& comment) {
  BigPandaIncident& incident = entry->incident;
  if (entry->held_back.size() >= kBigPandaHeldBackMax) {
    return TooMany("updates of one incident that wait for its callback", kBigPandaHeldBackMax);
  }
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  const int64_t earliest = incident.updated_on + (options_.times_move_on ? 1 : 0);
  incident.updated_on = std::max(now, earliest);
  // A comment is no change of the incident's.
  if (!comment.has_value()) incident.changed_on = incident.updated_on;
  if (incident.resolved && incident.ended_on == 0) incident.ended_on = incident.updated_on;

  const auto environment = std::find_if(
      options_.environments.begin(), options_.environments.end(),
      [&](const BigPandaEnvironment& one) { return one.id == incident.environment_id; });
  std::string body = WebhookBody(incident, *environment, event, comment);
  if (incident.locked) {
    entry->held_back.push_back({event, std::move(body)});
  } else {
    webhooks_.Send(incident.id, event, std::move(body));
  }
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status FakeIncidents::KeepComment(Entry* entry, const std::string& comment) {
  if (entry->incident.comments.size() >= kBigPandaCommentsMax) {
    return TooMany("comments of one incident", kBigPandaCommentsMax);
  }
  entry->incident.comments.push_back(comment);
  return absl::OkStatus();
}

absl::Status FakeIncidents::CloseNow(Entry* entry) {
  BigPandaIncident& incident = entry->incident;
  if (incident.resolved) {
    return absl::FailedPreconditionError(
        absl::StrCat("incident ", incident.id, " is already resolved"));
  }
  incident.resolved = true;
  incident.status = "Ok";
  return Tell(entry, "incident#closed");
}

void FakeIncidents::UnlockNow(Entry* entry) {
  entry->incident.locked = false;
  for (HeldBack& held : entry->held_back) {
    webhooks_.Send(entry->incident.id, std::move(held.event), std::move(held.body));
  }
  entry->held_back.clear();
  changed_.SignalAll();
}

}  // namespace incidenthub::testing
