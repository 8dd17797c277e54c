// SPDX-License-Identifier: Apache-2.0
#include "support/vfio_user.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

constexpr std::size_t kDmaSize = std::size_t{1} << 20;

}  // namespace

VfioUser::VfioUser(std::string group_path, std::string pci_address)
    : group_path_(std::move(group_path)), pci_address_(std::move(pci_address)) {}

VfioUser::~VfioUser() {
  close_files();
  if (memory_ != nullptr) ::munmap(memory_, kDmaSize);
}

void VfioUser::open_group() {
  group_ =
      FileDescriptor(check(::open(group_path_.c_str(), O_RDWR | O_CLOEXEC), "open " + group_path_));
}

void VfioUser::open_container() {
  container_ =
      FileDescriptor(check(::open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "open /dev/vfio/vfio"));
  int container = container_.get();
  check(::ioctl(group_.get(), VFIO_GROUP_SET_CONTAINER, &container), "attach the group");
  check(::ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "choose the IOMMU driver");

  memory_ = ::mmap(nullptr, kDmaSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) fail("no memory to map for DMA");
  vfio_iommu_type1_dma_map request{};
  request.argsz = sizeof request;
  request.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  request.vaddr = reinterpret_cast<std::uintptr_t>(memory_);
  request.size = kDmaSize;
  check(::ioctl(container, VFIO_IOMMU_MAP_DMA, &request), "map memory for DMA");
}

void VfioUser::open_device() {
  device_ =
      FileDescriptor(check(::ioctl(group_.get(), VFIO_GROUP_GET_DEVICE_FD, pci_address_.c_str()),
                           "open device " + pci_address_));
}

void VfioUser::map_bar() const {
  for (std::uint32_t index = VFIO_PCI_BAR0_REGION_INDEX; index <= VFIO_PCI_BAR5_REGION_INDEX;
       ++index) {
    vfio_region_info region{};
    region.argsz = sizeof region;
    region.index = index;
    check(::ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &region), "describe a region");
    if ((region.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0 || region.size == 0) continue;
    const void* at = ::mmap(nullptr, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device_.get(),
                            static_cast<off_t>(region.offset));
    if (at != MAP_FAILED) return;
  }
  fail("map a BAR of {}: none can be mapped", pci_address_);
}

void VfioUser::close_files() {
  close_device();
  close_container();
  close_group();
}

}  // namespace vmleak::scenarios
