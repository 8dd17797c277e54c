// SPDX-License-Identifier: Apache-2.0
#include "support/vhost.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
// Its helpers for the old ring layout are C, not C++.
#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

constexpr unsigned kQueueSize = 64;
constexpr std::size_t kMemorySize = 0x10000;

std::uintptr_t make_memory() {
  void* at =
      ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("no memory for the queues");
  return reinterpret_cast<std::uintptr_t>(at);
}

// All of the guest's memory in one region, guest addresses from 0.
void set_memory(int vhost, std::uintptr_t memory) {
  vhost_memory_region region{};
  region.memory_size = kMemorySize;
  region.userspace_addr = memory;
  vhost_memory header{};
  header.nregions = 1;
  std::array<char, sizeof header + sizeof region> table{};
  std::memcpy(table.data(), &header, sizeof header);
  std::memcpy(table.data() + sizeof header, &region, sizeof region);
  check(::ioctl(vhost, VHOST_SET_MEM_TABLE, table.data()), "give vhost-net memory");
}

void set_queue(int vhost, unsigned index, std::uintptr_t memory) {
  vhost_vring_state size{index, kQueueSize};
  check(::ioctl(vhost, VHOST_SET_VRING_NUM, &size), "set the size of a queue");
  vhost_vring_addr address{};
  const std::uintptr_t queue = memory + index * (kMemorySize / 2);
  address.index = index;
  address.desc_user_addr = queue;
  address.avail_user_addr = queue + 0x2000;
  address.used_user_addr = queue + 0x4000;
  check(::ioctl(vhost, VHOST_SET_VRING_ADDR, &address), "set the addresses of a queue");
}

}  // namespace

VhostNet::VhostNet() {
  tap_ = FileDescriptor(check(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open /dev/net/tun"));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  check(::ioctl(tap_.get(), TUNSETIFF, &request), "make a tap interface");
  vhost_ =
      FileDescriptor(check(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC), "open /dev/vhost-net"));
  check(::ioctl(vhost_.get(), VHOST_SET_OWNER, 0), "own vhost-net");
}

void VhostNet::start() {
  const auto memory = make_memory();
  set_memory(vhost_.get(), memory);
  for (unsigned index = 0; index < 2; ++index) {
    set_queue(vhost_.get(), index, memory);
    vhost_vring_file backend{index, tap_.get()};
    check(::ioctl(vhost_.get(), VHOST_NET_SET_BACKEND, &backend), "give vhost-net the tap");
  }
}

}  // namespace vmleak::scenarios
