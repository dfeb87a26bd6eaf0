// The program: what its process has, handed to RunIncidentctl.

#include <pwd.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "clients/cli/commands.h"
#include "clients/cli/environment.h"
#include "common/check.h"
#include "google/protobuf/stubs/logging.h"

namespace incidenthub::client {
namespace {

// Where the signal handler reports to; -1: nowhere. Lock-free, as a handler needs it.
std::atomic<int> interrupt_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void OnInterrupt(int /*signal*/) {
  const int saved_errno = errno;
  const uint64_t one = 1;
  // Nothing can be done about a failure here; a second signal ends the process.
  [[maybe_unused]] const ssize_t written = write(interrupt_fd.load(), &one, sizeof(one));
  errno = saved_errno;
}

// Turns SIGINT and SIGTERM into a call. The second one of a kind acts as if there were none of
// this.
//
// Threads: one that sets; the action runs on a thread of its own.
class Interrupts {
 public:
  void SetAction(std::function<void()> action) {
    Clear();
    if (!action) return;
    fd_ = eventfd(0, EFD_CLOEXEC);
    INCIDENTHUB_CHECK(fd_ >= 0);
    interrupt_fd = fd_;
    stopping_ = false;
    thread_ = std::thread([this, action = std::move(action)] {
      uint64_t count = 0;
      while (read(fd_, &count, sizeof(count)) != sizeof(count)) {
      }
      if (!stopping_) action();
    });
    struct sigaction handler = {};
    handler.sa_handler = OnInterrupt;
    handler.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
    sigaction(SIGINT, &handler, &before_int_);
    sigaction(SIGTERM, &handler, &before_term_);
  }

 private:
  void Clear() {
    if (fd_ < 0) return;
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
    stopping_ = true;
    const uint64_t one = 1;
    INCIDENTHUB_CHECK(write(fd_, &one, sizeof(one)) == sizeof(one));
    thread_.join();
    interrupt_fd = -1;
    close(fd_);
    fd_ = -1;
  }

  int fd_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  struct sigaction before_int_ = {};
  struct sigaction before_term_ = {};
};

std::string AccountName() {
  constexpr size_t kBufferBytes = 16 << 10;
  std::vector<char> buffer(kBufferBytes);
  struct passwd account = {};
  struct passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &account, buffer.data(), buffer.size(), &found) != 0) return "";
  return found == nullptr ? "" : found->pw_name;
}

size_t TerminalColumns() {
  struct winsize size = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int Main(int argc, char** argv) {
  // Its warnings are for programmers, and errors reach people by us.
  google::protobuf::SetLogHandler(nullptr);
  Interrupts interrupts;
  Environment environment{
      .out = std::cout,
      .err = std::cerr,
      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
      .out_columns = TerminalColumns(),
      .time_zone = absl::LocalTimeZone(),
      .variable =
          [](const std::string& name) {
            const char* value = std::getenv(name.c_str());
            return std::string(value == nullptr ? "" : value);
          },
      .account_name = AccountName,
      .set_interrupt_action =
          [&interrupts](std::function<void()> action) { interrupts.SetAction(std::move(action)); },
  };
  return static_cast<int>(
      RunIncidentctl(std::vector<std::string>(argv + 1, argv + argc), environment));
}

}  // namespace
}  // namespace incidenthub::client

int main(int argc, char** argv) { return incidenthub::client::Main(argc, argv); }
