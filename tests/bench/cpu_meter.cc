#include "tests/bench/cpu_meter.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <utility>

namespace incidenthub::bench {
namespace {

// 0 for a process that has ended.
double CpuMicros(pid_t pid) {
  constexpr double kMicrosPerSecond = 1e6;
  constexpr double kNanosPerMicro = 1e3;
  clockid_t clock = 0;
  timespec time = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * kMicrosPerSecond +
         static_cast<double>(time.tv_nsec) / kNanosPerMicro;
}

}  // namespace

CpuMeter::CpuMeter(Pids pids) : pids_(std::move(pids)) {
  pids_.emplace_back("load", getpid());
  for (const auto& [name, pid] : pids_) before_.push_back(CpuMicros(pid));
  machine_before_ = ReadMachine();
}

CpuMeter::Use CpuMeter::Read() const {
  Use use;
  for (size_t i = 0; i < pids_.size(); ++i) {
    use.micros.emplace_back(pids_[i].first, CpuMicros(pids_[i].second) - before_[i]);
  }
  const Machine now = ReadMachine();
  const int64_t all = now.all_ticks - machine_before_.all_ticks;
  if (all > 0) {
    use.idle =
        static_cast<double>(now.idle_ticks - machine_before_.idle_ticks) / static_cast<double>(all);
  }
  return use;
}

CpuMeter::Machine CpuMeter::ReadMachine() {
  // cpu user nice system idle iowait irq softirq steal; what a disk is waited for is idle, too.
  constexpr int kFields = 8;
  constexpr int kIdle = 3;
  constexpr int kIoWait = 4;
  std::ifstream file("/proc/stat");
  std::string cpu;
  file >> cpu;
  Machine machine;
  for (int field = 0; field < kFields; ++field) {
    int64_t ticks = 0;
    file >> ticks;
    machine.all_ticks += ticks;
    if (field == kIdle || field == kIoWait) machine.idle_ticks += ticks;
  }
  return machine;
}

}  // namespace incidenthub::bench
