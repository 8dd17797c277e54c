// SPDX-License-Identifier: Apache-2.0
#include "host_uses_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum HostUseKind;

TEST_F(HostUsesTest, BootDisplay) {
  set_class("0x030000");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "boot display")));
  tree.file(directory(kAddress) + "/boot_vga", "0\n");
  EXPECT_THAT(uses(), IsEmpty());
  tree.file(directory(kAddress) + "/boot_vga", "1\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kConsole, "this host booted with")));
}

TEST_F(HostUsesTest, FramebufferConsole) {
  add("graphics/fb0", "graphics", "29:0", "fb0");
  const std::string console = "/sys/class/vtconsole/vtcon1";
  tree.file(console + "/name", "(M) frame buffer device\n").file(console + "/bind", "0\n");
  EXPECT_THAT(uses(), IsEmpty());
  tree.file(console + "/bind", "1\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kConsole, "fb0 shows the text console")));
}

TEST_F(HostUsesTest, SerialConsole) {
  add("0000:8a:00.0:0/0000:8a:00.0:0.0/tty/ttyS4", "tty", "4:68", "ttyS4");
  tree.file("/sys/class/tty/console/active", "tty0 ttyS0 ttyS40\n");
  EXPECT_THAT(uses(), IsEmpty());
  tree.file("/sys/class/tty/console/active", "tty0 ttyS4\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kConsole, "ttyS4 is a console")));
}

TEST_F(HostUsesTest, Gpu) {
  add("drm/card0", "drm", "226:0", "dri/card0");
  add("drm/renderD128", "drm", "226:128", "dri/renderD128");
  open_node("900", "Xorg", "/dev/dri/card1", {false, {226, 1}});
  EXPECT_THAT(uses(), IsEmpty());
  open_node("901", "ollama", "/dev/dri/renderD128", {false, {226, 128}});
  EXPECT_THAT(uses(), ElementsAre(IsUse(kGpu, "/dev/dri/renderD128 is open by ollama (901)")));
}

TEST_F(HostUsesTest, NvidiaGpu) {
  add_function("0000:8b:00.0", "0x030200", "nvidia");
  EXPECT_THAT(uses("0000:8b:00.0"), ElementsAre(IsUse(kUnknown, "information")));
  const std::string information = "/proc/driver/nvidia/gpus/0000:8b:00.0/information";
  tree.file(information, "Model: \t\t NVIDIA A100\n");
  EXPECT_THAT(uses("0000:8b:00.0"), ElementsAre(IsUse(kUnknown, "Device Minor")));
  tree.file(information, "Model: \t\t NVIDIA A100\nDevice Minor: \t 3\n");
  open_node("902", "python3", "/dev/nvidia0", {false, {195, 0}});
  EXPECT_THAT(uses("0000:8b:00.0"), IsEmpty());
  open_node("903", "nvidia-persiste", "/dev/nvidia3", {false, {195, 3}});
  EXPECT_THAT(uses("0000:8b:00.0"),
              ElementsAre(IsUse(kGpu, "/dev/nvidia3 is open by nvidia-persiste (903)")));
}

TEST_F(HostUsesTest, OtherDeviceNodes) {
  add("sound/card1/controlC1", "sound", "116:7", "snd/controlC1");
  EXPECT_THAT(uses(), IsEmpty());
  open_node("904", "pipewire", "/dev/snd/controlC1", {false, {116, 7}});
  EXPECT_THAT(uses(), ElementsAre(IsUse(kDeviceFile, "/dev/snd/controlC1 is open by pipewire")));
}

TEST_F(HostUsesTest, FilesOfVfioAreTheBooksSubject) {
  add("vfio-dev/vfio0", "vfio-dev", "511:0", "vfio/devices/vfio0");
  open_node("905", "qemu", "/dev/vfio/devices/vfio0", {false, {511, 0}});
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostUsesTest, Rdma) {
  const auto device = add("infiniband/mlx5_0", "infiniband");
  add("infiniband_verbs/uverbs0", "infiniband_verbs", "231:192", "infiniband/uverbs0");
  tree.file(device + "/ports/1/state", "4: ACTIVE\n");
  EXPECT_THAT(uses(), IsEmpty());
  tree.file("/sys/module/rpcrdma/refcnt", "0\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "rpcrdma")));
  tree.file(device + "/ports/1/state", "1: DOWN\n");
  EXPECT_THAT(uses(), IsEmpty());
  open_node("906", "ib_write_bw", "/dev/infiniband/uverbs0", {false, {231, 192}});
  EXPECT_THAT(uses(), ElementsAre(IsUse(kRdma, "uverbs0 is open by ib_write_bw (906)")));
}

class HostShareUses : public HostUsesTest {
 protected:
  HostShareUses() {
    device = add("virtio0", "virtio");
    tree.file(device + "/device", "0x0009\n")
        .file(device + "/mount_tag", std::string("root\0", 5))
        .link(device + "/driver", "../../bus/virtio/drivers/9pnet_virtio");
  }
  std::string device;
};

TEST_F(HostShareUses, AMountedOneIsInUse) {
  tree.file("/proc/1/mountinfo", "1 0 0:30 / /host ro - 9p root ro,trans=virtio\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kShare, "its share root is mounted on /host")));
}

TEST_F(HostShareUses, ThatOthersAreMountedDoesNotMakeItFree) {
  tree.file("/proc/1/mountinfo", "1 0 0:30 / /host ro - nfs root ro\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "its 9p share root is mounted can't be told")));
}

TEST_F(HostShareUses, WithoutADriverItIsFree) {
  std::filesystem::remove(tree.at(device + "/driver"));
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostShareUses, Virtiofs) {
  tree.file(device + "/device", "0x001a\n")
      .file("/proc/self/mountinfo", "1 0 0:30 / /data rw - virtiofs data rw\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "its virtiofs share is mounted")));
  tree.file("/sys/fs/virtiofs/2/tag", "data\n")
      .link("/sys/fs/virtiofs/2/device", "../../../devices/pci0000:00/0000:8a:00.0/virtio0");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kShare, "its share data is mounted on /data")));
}

TEST_F(HostShareUses, VirtualConsole) {
  tree.file(device + "/device", "0x0003\n");
  EXPECT_THAT(uses(), IsEmpty());
  tree.file("/sys/class/tty/console/active", "ttyS0 hvc0\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kConsole, "hvc0 is a console")));
  std::filesystem::remove(tree.at(device + "/device"));
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "of what kind virtio0 is")));
}

class HostVirtualFunctionUses : public HostUsesTest {
 protected:
  void add_virtual(const std::string& driver) {
    add_function("0000:8a:10.0", "0x020000", driver);
    tree.link(directory(kAddress) + "/virtfn0", "../0000:8a:10.0");
  }
};

TEST_F(HostVirtualFunctionUses, UnboundOnesAreFree) {
  add_virtual("");
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostVirtualFunctionUses, OnVfioTheyAreNoMatterOfTheHost) {
  add_virtual("vfio-pci");
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostVirtualFunctionUses, OnAnotherDriverTheirUsesCount) {
  add_virtual("iavf");
  const auto interface = add("net/eth4", "net", "", "", "0000:8a:10.0");
  EXPECT_THAT(uses(), IsEmpty());
  tree.link(interface + "/master", "../../br0");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kVirtualFunctions,
                                        "its virtual function 0000:8a:10.0: eth4 is a port")));
}

TEST_F(HostVirtualFunctionUses, WhatIsUnknownOfThemIsUnknownOfIt) {
  tree.link(directory(kAddress) + "/virtfn0", "../0000:8a:10.0");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "0000:8a:10.0")));
}

TEST_F(HostUsesTest, MediatedDevices) {
  add("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "mdev");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kVirtualFunctions, "83b8f4f2")));
}

}  // namespace
}  // namespace vmleak
