// Writes proto/ERRORS.md: write_errors_markdown PATH

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/support/errors_markdown.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_errors_markdown PATH\n";
    return EXIT_FAILURE;
  }
  std::ofstream file(argv[1]);
  file << incidenthub::testing::ErrorsMarkdown();
  file.close();
  if (!file) {
    std::cerr << "write_errors_markdown: cannot write " << argv[1] << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
