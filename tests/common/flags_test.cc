#include "common/flags.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "gtest/gtest.h"

ABSL_FLAG(std::string, flags_test_name, "nobody", "A flag of this test.");

namespace incidenthub {
namespace {

using ::testing::ExitedWithCode;

std::vector<std::string> Parse(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  static std::string program = "/some/where/the-program";
  argv.push_back(program.data());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return ParseFlags("Does things.", static_cast<int>(argv.size()), argv.data());
}

// The command line is parsed once in a process, so each case has a process of its own.
class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(FlagsTest, ValuesAreSetAndTheRestIsReturned) {
  EXPECT_EXIT(
      {
        const auto rest = Parse({"first", "--flags_test_name=me", "second"});
        const bool right = rest.size() == 2 && rest[0] == "first" && rest[1] == "second" &&
                           absl::GetFlag(FLAGS_flags_test_name) == "me";
        _exit(right ? 7 : 1);
      },
      ExitedWithCode(7), "");
}

TEST_F(FlagsTest, HelpShowsOurFlagsAndSucceeds) {
  // A death test sees only standard error.
  EXPECT_EXIT(
      {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        Parse({"--help"});
      },
      ExitedWithCode(0), "the-program: Does things.*flags_test_name .default: nobody");
}

TEST_F(FlagsTest, VersionNamesTheProgram) {
  EXPECT_EXIT(
      {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        Parse({"--version"});
      },
      ExitedWithCode(0), "the-program [0-9]+[.][0-9]+[.][0-9]+");
}

TEST_F(FlagsTest, UnknownFlagIsNamedAndFails) {
  EXPECT_EXIT(Parse({"--no_such_flag=1"}), ExitedWithCode(1), "no_such_flag");
}

}  // namespace
}  // namespace incidenthub
