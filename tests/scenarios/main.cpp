// SPDX-License-Identifier: Apache-2.0

// Provokes leaks with real kernel objects and checks what the real program
// says about them.  VMLEAK is the path of the program.

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "support/vmleak_cli.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const char* program = argc > 1 ? argv[1] : std::getenv("VMLEAK");
  if (!testing::GTEST_FLAG(list_tests) && (program == nullptr || ::access(program, X_OK) != 0)) {
    std::cerr << "vmleak_scenarios: no program to test; give its path as argument or in VMLEAK\n";
    return 2;
  }
  if (program != nullptr) vmleak::scenarios::set_vmleak_program(program);
  // Scenarios tell the program's tasks by their names.
  if (::prctl(PR_SET_NAME, "scenarios") < 0) return 2;
  // Processes whose parent dies in a scenario become children of this one.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return 2;
  return RUN_ALL_TESTS();
}
