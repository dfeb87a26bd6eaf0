// Writes proto/ACCESS.md: write_access_markdown PATH

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/support/access_markdown.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_access_markdown PATH\n";
    return EXIT_FAILURE;
  }
  std::ofstream file(argv[1]);
  file << incidenthub::testing::AccessMarkdown();
  file.close();
  if (!file) {
    std::cerr << "write_access_markdown: cannot write " << argv[1] << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
