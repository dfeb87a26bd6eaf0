#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "common/check.h"

namespace incidenthub::testing {
namespace {

constexpr size_t kTailBytes = 4096;

// What a child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Child {
  const char* path;
  std::vector<char*> argv;
  int out;
  int err;
  pid_t parent;
};

[[noreturn]] void Exec(const Child& child) {
  constexpr int kCannotRun = 127;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before that.
  if (getppid() != child.parent) _exit(kCannotRun);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int null = open("/dev/null", O_RDONLY);
  if (dup2(null, STDIN_FILENO) < 0 || dup2(child.out, STDOUT_FILENO) < 0 ||
      dup2(child.err, STDERR_FILENO) < 0) {
    _exit(kCannotRun);
  }
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execv(child.path, child.argv.data());
  _exit(kCannotRun);
}

// The kernel's "kill me when my parent dies" means the thread that forked. So one thread that never
// ends forks for all.
class Spawner {
 public:
  static pid_t Fork(const Child& child) {
    static auto* const kSpawner = new Spawner;
    return kSpawner->ForkOnThread(child);
  }

 private:
  struct Request {
    const Child* child;
    pid_t pid = -1;
    absl::Notification done;
  };

  Spawner() {
    std::thread([this] { Run(); }).detach();
  }

  pid_t ForkOnThread(const Child& child) ABSL_LOCKS_EXCLUDED(mu_) {
    Request request;
    request.child = &child;
    {
      absl::MutexLock lock(&mu_);
      requests_.push_back(&request);
    }
    request.done.WaitForNotification();
    return request.pid;
  }

  [[noreturn]] void Run() ABSL_LOCKS_EXCLUDED(mu_) {
    while (true) {
      Request* request = nullptr;
      {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(this, &Spawner::HasRequest));
        request = requests_.back();
        requests_.pop_back();
      }
      request->pid = fork();
      if (request->pid == 0) Exec(*request->child);
      request->done.Notify();
    }
  }

  bool HasRequest() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !requests_.empty(); }

  absl::Mutex mu_;
  std::vector<Request*> requests_ ABSL_GUARDED_BY(mu_);
};

absl::Status ErrnoError(absl::string_view what) {
  return absl::ErrnoToStatus(errno, std::string(what));
}

absl::Status MakePipe(int* read_end, int* write_end) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoError("cannot make a pipe");
  // Only our end: a child that prints to a full pipe has to wait.
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return ErrnoError("cannot set up a pipe");
  *read_end = ends[0];
  *write_end = ends[1];
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(std::vector<std::string> argv) {
  if (access(argv.at(0).c_str(), X_OK) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot run ", argv[0], ": ", std::strerror(errno)));
  }
  Pipes pipes;
  Child child{.path = argv[0].c_str(), .argv = {}, .out = -1, .err = -1, .parent = getpid()};
  for (std::string& argument : argv) child.argv.push_back(argument.data());
  child.argv.push_back(nullptr);
  if (absl::Status status = MakePipe(&pipes.out, &child.out); !status.ok()) return status;
  if (absl::Status status = MakePipe(&pipes.err, &child.err); !status.ok()) return status;
  const pid_t pid = Spawner::Fork(child);
  close(child.out);
  close(child.err);
  if (pid < 0) return ErrnoError("cannot fork");
  const auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  INCIDENTHUB_CHECK(pidfd >= 0);
  return std::unique_ptr<Process>(new Process(pid, pidfd, pipes));
}

Process::Process(pid_t pid, int pidfd, Pipes pipes)
    : pid_(pid), pidfd_(pidfd), pipes_(pipes), thread_([this] { Watch(); }) {}

Process::~Process() {
  Signal(SIGKILL);
  // A stopped process dies of SIGKILL too.
  thread_.join();
  close(pipes_.out);
  close(pipes_.err);
  close(pidfd_);
}

void Process::Signal(int signal) {
  // ESRCH is the only error it can have: the process has ended.
  syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0);
}

void Process::Watch() {
  std::array<pollfd, 3> fds = {
      {{pipes_.out, POLLIN, 0}, {pipes_.err, POLLIN, 0}, {pidfd_, POLLIN, 0}}};
  while (true) {
    if (poll(fds.data(), fds.size(), -1) < 0) {
      INCIDENTHUB_CHECK(errno == EINTR);
      continue;
    }
    // Before the output, so that everything it printed is taken once it is seen to have ended.
    const bool ended = (fds[2].revents & POLLIN) != 0;
    if (!Take(pipes_.out, &out_)) fds[0].fd = -1;
    if (!Take(pipes_.err, &err_)) fds[1].fd = -1;
    if (ended) return Reap();
  }
}

bool Process::Take(int fd, std::string* to) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    absl::MutexLock lock(&mu_);
    const size_t room = kOutputBytesMax - std::min(kOutputBytesMax, to->size());
    to->append(buffer.data(), std::min(room, static_cast<size_t>(size)));
    changed_.SignalAll();
  }
}

void Process::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0) INCIDENTHUB_CHECK(errno == EINTR);
  absl::MutexLock lock(&mu_);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  changed_.SignalAll();
}

absl::StatusOr<int> Process::WaitForExit(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  if (!mu_.AwaitWithTimeout(absl::Condition(this, &Process::Exited), timeout)) {
    return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
  }
  return *exit_code_;
}

bool Process::running() const {
  absl::MutexLock lock(&mu_);
  return !Exited();
}

absl::StatusOr<std::string> Process::WaitForLine(
    const std::function<bool(absl::string_view)>& matches, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  size_t begin = 0;
  absl::MutexLock lock(&mu_);
  while (true) {
    for (size_t end; (end = err_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string line = err_.substr(begin, end - begin);
      if (matches(line)) return line;
    }
    const std::string tail = err_.substr(err_.size() - std::min(err_.size(), kTailBytes));
    if (Exited()) {
      return absl::UnavailableError(
          absl::StrCat("the process ended with code ", *exit_code_, ":\n", tail));
    }
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("the line did not come:\n", tail));
    }
  }
}

std::string Process::out() const {
  absl::MutexLock lock(&mu_);
  return out_;
}

std::string Process::err() const {
  absl::MutexLock lock(&mu_);
  return err_;
}

std::string Process::ErrTail() const {
  absl::MutexLock lock(&mu_);
  return err_.substr(err_.size() - std::min(err_.size(), kTailBytes));
}

absl::StatusOr<Finished> RunProcess(std::vector<std::string> argv, absl::Duration timeout) {
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(argv));
  if (!process.ok()) return process.status();
  const absl::StatusOr<int> code = (*process)->WaitForExit(timeout);
  if (!code.ok()) return code.status();
  return Finished{*code, (*process)->out(), (*process)->err()};
}

namespace {

// A line of /proc/PID/status that gives kilobytes.
absl::StatusOr<uint64_t> StatusBytes(pid_t pid, absl::string_view name) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (!absl::StartsWith(line, name)) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t kilobytes = 0;
    if (words.size() == 3 && absl::SimpleAtoi(words[1], &kilobytes)) return kilobytes << 10U;
  }
  return absl::NotFoundError(absl::StrCat("process ", pid, " has no resident memory"));
}

}  // namespace

absl::StatusOr<uint64_t> ResidentBytes(pid_t pid) { return StatusBytes(pid, "VmRSS:"); }

absl::StatusOr<uint64_t> PeakResidentBytes(pid_t pid) { return StatusBytes(pid, "VmHWM:"); }

}  // namespace incidenthub::testing
