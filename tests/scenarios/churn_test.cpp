// SPDX-License-Identifier: Apache-2.0

// Scenario 16: audits while VMs and files come and go.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "support/audit.h"
#include "support/check.h"
#include "support/child_process.h"
#include "support/kvm_vm.h"
#include "support/leak_module.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

// Made and closed in order.
void orderly_life() {
  KvmVm vm;
  vm.add_vcpu();
  vm.add_vcpu();
  vm.add_vfio_device();
}

// A VMM that dies with its vCPU running: all is released in its exit.
void sudden_death() {
  const pid_t vmm = check(::fork(), "fork");
  if (vmm == 0) {
    KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    _exit(0);
  }
  check(::waitpid(vmm, nullptr, 0), "wait for the VMM");
}

void open_and_close(const char* path) {
  const FileDescriptor file(check(::open(path, O_RDONLY | O_CLOEXEC), "open a file"));
}

// An actor that does the same over and over and counts it.
class Churn {
 public:
  explicit Churn(const std::function<void()>& cycle)
      : cycles_(new (shared_memory()) std::atomic<int>(0)),
        process_("churn", [&](const Stage& stage) {
          stage.pause();
          for (;; ++*cycles_) cycle();
        }) {
    process_.resume_only();
  }
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  ~Churn() { process_.kill(); }

  [[nodiscard]] int cycles() const { return *cycles_; }

 private:
  static void* shared_memory() {
    void* at = ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) fail("no shared memory");
    return at;
  }

  std::atomic<int>* cycles_;
  ChildProcess process_;
};

// Neither a leak nor a holder is there; not being sure is allowed, and every
// run comes to an end by itself.
void audit_during(const Churn& churn, int least_cycles) {
  constexpr int kLeastAudits = 5;
  for (int audits = 0; audits < kLeastAudits || churn.cycles() < least_cycles; ++audits) {
    const auto audit = run_audit();
    EXPECT_TRUE(audit.run.exit_code == 0 || audit.run.exit_code == 4) << audit;
    for (const auto& finding : audit.findings) {
      EXPECT_NE(finding.verdict(), "leaked") << audit;
      EXPECT_NE(finding.verdict(), "held") << audit;
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Churn, NeverAFalseLeak) {
  REQUIRE_DEVICE("/dev/kvm");
  audit_during(Churn([] {
                 orderly_life();
                 sudden_death();
               }),
               in_lab() ? 30 : 200);
  EXPECT_TRUE(is_fine(run_audit()));
}

// An iterator may end up with the last reference on a file.  Whoever then runs
// a release that does not end, it's not the process that somebody waits for.
TEST(Churn, NeverTheLastCloserInTheForeground) {
  REQUIRE_LAB("only the lab may load the leak module");
  const LeakModule leak;
  leak.stall_release("vmleak");
  audit_during(Churn([] { open_and_close(LeakModule::kDevice); }), 1);
  leak.wake();
  EXPECT_TRUE(is_fine(run_audit()));
}

}  // namespace
}  // namespace vmleak::scenarios
