// What processes and the machine did between two moments, by the kernel's own clocks.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_CPU_METER_H_
#define INCIDENTHUB_TESTS_BENCH_CPU_METER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace incidenthub::bench {

// Processes with their names, `hub`.
using Pids = std::vector<std::pair<std::string, pid_t>>;

class CpuMeter {
 public:
  // Begins now. This process is added as `load`.
  explicit CpuMeter(Pids pids);

  struct Use {
    // Of each process: microseconds of CPU time, user and system, of all threads it has or had.
    std::vector<std::pair<std::string, double>> micros;
    // How much of all cores' time was idle, 0 to 1.
    double idle = 0;
  };
  Use Read() const;

 private:
  struct Machine {
    int64_t idle_ticks = 0;
    int64_t all_ticks = 0;
  };
  static Machine ReadMachine();

  Pids pids_;
  std::vector<double> before_;
  Machine machine_before_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_CPU_METER_H_
