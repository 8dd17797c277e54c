// SPDX-License-Identifier: Apache-2.0

// Every reference that a walk sees and the ledger has a class for is in the
// ledger, whatever hooks it has: one VMM that makes them all.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/actors.h"
#include "support/armed.h"
#include "support/audit.h"
#include "support/books.h"
#include "support/eventfds.h"
#include "support/kvm_vm.h"
#include "support/requirement.h"
#include "support/vfio_user.h"
#include "support/vhost.h"

namespace vmleak::scenarios {
namespace {

struct Hooks {
  const char* name;
  std::vector<std::string> options;
  const char* tier;
};

std::ostream& operator<<(std::ostream& stream, const Hooks& hooks) { return stream << hooks.name; }

const Hooks kHooks[] = {
    {"Fentry", {}, "full"},
    {"Kprobe", {"--without", "fentry"}, "kprobe"},
};

class LedgerEquation : public testing::TestWithParam<Hooks> {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine's kernel refuses hooks");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    device_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
  }

  [[nodiscard]] std::unique_ptr<ChildProcess> cast_everything() const {
    return std::make_unique<ChildProcess>("vmm", [this](const Stage& stage) {
      VfioUser vfio(device_->group_path(), device_->address());
      vfio.open_group();
      vfio.open_container();
      KvmVm vm;
      vm.add_vcpu();
      vm.run_vcpu(0, Guest::kHalt);
      vm.add_vfio_device();
      vm.give_vfio_group(vfio.group());
      vfio.open_device();
      const auto stats = vm.open_stats();
      VhostNet vhost;
      vhost.start();
      const auto request = make_eventfd();
      set_request_trigger(vfio.device(), request.get());
      const auto interrupt = make_eventfd();
      assign_irqfd(vm.fd(), interrupt.get());
      assign_ioeventfd(vm.fd(), interrupt.get());
      deassign_ioeventfd(vm.fd(), interrupt.get());
      const auto doorbell = make_eventfd();
      assign_ioeventfd(vm.fd(), doorbell.get());
      const auto passing = make_eventfd();
      assign_irqfd(vm.fd(), passing.get());
      deassign_irqfd(vm.fd(), passing.get());
      stage.pause();
    });
  }

  std::unique_ptr<PciDevice> device_;
};

TEST_P(LedgerEquation, EveryReferenceThatIsSeenIsRecorded) {
  Armed armed(GetParam().options);
  EXPECT_EQ(armed.status().at("coverage").at("tier"), GetParam().tier);
  {
    const auto vmm = cast_everything();
    const auto books = Books::take();
    const auto recorded = books.recorded();
    for (const auto* cls :
         {"kvm/vm-file", "kvm/vcpu-file", "kvm/device-file", "kvm/vm-stats-file",
          "vfio-device/file", "vfio-group/file", "vfio-container/file", "vfio-container/group",
          "file/kvm-vfio", "file/vfio-device-open", "mm/vhost", "eventfd/vfio-trigger",
          "eventfd/irqfd", "eventfd/ioeventfd"}) {
      EXPECT_TRUE(recorded.contains(cls)) << cls;
    }
    // Two of each queue: kick files are not set by this VMM.
    EXPECT_EQ(recorded.count("file/vhost-backend"), 1U);
    for (const auto& [cls, references] : recorded) {
      EXPECT_EQ(references, books.seen(cls)) << cls;
    }
    EXPECT_TRUE(books.losses().empty()) << books.losses().dump(2);
    vmm->kill();
  }
  const auto audit = run_audit();
  EXPECT_TRUE(is_clean(audit));
  EXPECT_EQ(armed.entries(), 0);
}

INSTANTIATE_TEST_SUITE_P(With, LedgerEquation, testing::ValuesIn(kHooks),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vmleak::scenarios
