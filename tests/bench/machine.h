// What a measurement was made on: without it no number means anything.

#ifndef INCIDENTHUB_TESTS_BENCH_MACHINE_H_
#define INCIDENTHUB_TESTS_BENCH_MACHINE_H_

#include <string>
#include <utility>
#include <vector>

namespace incidenthub::bench {

// Names and values, in the order to be shown: CPU, cores, memory, kernel, the file system that
// `folder` is on, versions of the libraries, and `commit` as given.
std::vector<std::pair<std::string, std::string>> MachineFacts(const std::string& folder,
                                                              const std::string& commit);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_MACHINE_H_
