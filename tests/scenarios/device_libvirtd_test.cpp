// SPDX-License-Identifier: Apache-2.0

// Scenario 10: libvirtd does not run, or does not answer.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/passed_device.h"

namespace vmleak::scenarios {
namespace {

class DeviceLibvirtd : public PassedDevice {
 protected:
  // What "coverage" has about libvirt.
  static nlohmann::json libvirt_of(const Audit& audit) {
    for (const auto& family : audit.document.at("coverage").at("families")) {
      if (family.at("name") == "libvirt") return family;
    }
    return {};
  }
};

TEST_F(DeviceLibvirtd, ThatIsStoppedIsSaid) {
  LibvirtDomain domain(with_device());
  domain.start();
  auto audit = run_audit();
  EXPECT_TRUE(is_clean(audit));
  EXPECT_EQ(libvirt_of(audit).at("state"), "attached") << audit;

  LibvirtHost::get().kill_libvirtd();
  audit = run_audit();
  EXPECT_TRUE(is_clean(audit));
  EXPECT_EQ(libvirt_of(audit).at("state"), "missing") << audit;
  LibvirtHost::get().start_libvirtd();
}

TEST_F(DeviceLibvirtd, ThatHangsKeepsNobodyWaiting) {
  LibvirtDomain domain(with_device());
  domain.start();
  LibvirtHost::get().freeze_libvirtd();
  const auto audit = run_audit();
  LibvirtHost::get().thaw_libvirtd();
  EXPECT_EQ(audit.run.exit_code, 4) << audit;
  EXPECT_EQ(audit.verdict(), "inconclusive") << audit;
  EXPECT_TRUE(audit.findings.empty()) << audit;
  EXPECT_EQ(libvirt_of(audit).at("state"), "missing") << audit;
  EXPECT_NE(audit.document.at("losses").dump().find("ask libvirt"), std::string::npos) << audit;
  // Emulated; libvirt's own deadline is 5 s.
  EXPECT_LT(audit.run.time, std::chrono::seconds(60)) << audit;
  EXPECT_TRUE(is_clean(run_audit()));
}

}  // namespace
}  // namespace vmleak::scenarios
