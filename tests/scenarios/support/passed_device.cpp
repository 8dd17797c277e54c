// SPDX-License-Identifier: Apache-2.0
#include "support/passed_device.h"

#include <filesystem>

namespace vmleak::scenarios {

void lose(LibvirtDomain& domain) {
  domain.crash_with_libvirtd();
  LibvirtHost::get().start_libvirtd();
}

void forget_past_domains() {
  std::error_code error;
  for (const auto& log : std::filesystem::directory_iterator("/var/log/libvirt/qemu", error)) {
    std::filesystem::remove(log.path());
  }
}

testing::AssertionResult was_owned_by(const Finding& finding, const LibvirtDomain& domain) {
  const auto owner = finding.raw().at("owner");
  const bool so = owner.is_object() && owner.at("name") == domain.name() &&
                  owner.at("uuid") == domain.uuid() && owner.at("state") == "gone" &&
                  owner.at("source") == "libvirt domain log";
  return (so ? testing::AssertionSuccess() : testing::AssertionFailure())
         << "owner is " << owner.dump();
}

}  // namespace vmleak::scenarios
