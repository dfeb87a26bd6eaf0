#include "tests/support/fake_bigpanda_webhooks.h"

#include <utility>

#include "absl/time/clock.h"
#include "httplib.h"

namespace incidenthub::testing {
namespace {

// 0: no answer.
int Post(const std::string& url, const FakeBigPandaOptions& options, const std::string& body) {
  // Where the path begins: behind "http://".
  const size_t scheme_end = url.find("://");
  const size_t host = scheme_end == std::string::npos ? 0 : scheme_end + 3;
  const size_t path = url.find('/', host);
  httplib::Client client(url.substr(0, path));
  const auto timeout = absl::ToChronoMilliseconds(options.webhook_timeout);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  client.set_tcp_nodelay(true);
  httplib::Headers headers;
  if (!options.webhook_header_name.empty()) {
    headers.emplace(options.webhook_header_name, options.webhook_header_value);
  }
  const httplib::Result result = client.Post(path == std::string::npos ? "/" : url.substr(path),
                                             headers, body, "application/json");
  return result ? result->status : 0;
}

}  // namespace

FakeWebhooks::FakeWebhooks(const FakeBigPandaOptions& options)
    : options_(options), url_(options.webhook_url), thread_([this] { Run(); }) {}

FakeWebhooks::~FakeWebhooks() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void FakeWebhooks::Send(std::string incident_id, std::string event, std::string body) {
  absl::MutexLock lock(&mu_);
  if (waiting_.size() >= kWebhooksWaitingMax) {
    ++given_up_;
    return;
  }
  waiting_.push_back({std::move(incident_id), std::move(event), std::move(body), {}, false});
  changed_.SignalAll();
}

void FakeWebhooks::SetUrl(std::string url) {
  absl::MutexLock lock(&mu_);
  url_ = std::move(url);
}

std::vector<BigPandaWebhook> FakeWebhooks::done() const {
  absl::MutexLock lock(&mu_);
  return {done_.begin(), done_.end()};
}

size_t FakeWebhooks::given_up() const {
  absl::MutexLock lock(&mu_);
  return given_up_;
}

std::optional<BigPandaWebhook> FakeWebhooks::WaitFor(absl::string_view incident_id,
                                                     absl::string_view event,
                                                     absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (true) {
    for (const BigPandaWebhook& webhook : done_) {
      if (webhook.incident_id == incident_id && webhook.event == event) return webhook;
    }
    if (changed_.WaitWithDeadline(&mu_, deadline)) return std::nullopt;
  }
}

bool FakeWebhooks::WaitForCount(size_t count, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (done_count_ < count) {
    if (changed_.WaitWithDeadline(&mu_, deadline)) return done_count_ >= count;
  }
  return true;
}

void FakeWebhooks::Run() {
  while (true) {
    BigPandaWebhook webhook;
    {
      absl::MutexLock lock(&mu_);
      while (waiting_.empty() && !stopping_) changed_.Wait(&mu_);
      if (stopping_) return;
      webhook = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Attempt(&webhook);
    absl::MutexLock lock(&mu_);
    if (!webhook.taken && !webhook.answers.empty()) ++given_up_;
    done_.push_back(std::move(webhook));
    ++done_count_;
    if (done_.size() > kWebhooksKeptMax) done_.pop_front();
    changed_.SignalAll();
  }
}

void FakeWebhooks::Attempt(BigPandaWebhook* webhook) {
  for (int i = 0; i < options_.webhook_attempts; ++i) {
    if (i > 0 && !Pause()) return;
    std::string url;
    {
      absl::MutexLock lock(&mu_);
      url = url_;
    }
    if (url.empty()) return;
    const int status = Post(url, options_, webhook->body);
    webhook->answers.push_back(status);
    webhook->taken = status >= 200 && status < 300;
    if (webhook->taken) return;
  }
}

bool FakeWebhooks::Pause() {
  const absl::Time deadline = absl::Now() + options_.webhook_pause;
  absl::MutexLock lock(&mu_);
  while (!stopping_) {
    if (changed_.WaitWithDeadline(&mu_, deadline)) break;
  }
  return !stopping_;
}

}  // namespace incidenthub::testing
