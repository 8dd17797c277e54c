// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "host_tree.h"
#include "model/record_source.h"
#include "records/machine_journal.h"
#include "records/pods.h"
#include "records/proxmox.h"
#include "records/records.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNewYear = 1'767'225'600 * kSecond;  // 2026-01-01T00:00:00Z, 6955B900
constexpr auto kUuid = "5b1e0c2a-0000-4000-8000-000000000001";
constexpr auto kPodUid = "c2177883-f1bb-47f0-914d-32a22e3a8804";

std::vector<std::string> addresses(const std::vector<HostDevice>& devices) {
  std::vector<std::string> out;
  for (const auto& device : devices) out.push_back(device.pci_address);
  return out;
}

TEST(Machines, RunFromStartToStop) {
  // A reader gives the newest first.
  const auto runs = machine_runs({{false, "qemu-1-gpu-07", 4711, 90},
                                  {true, "container", 1, 80},
                                  {true, "qemu-2-gpu-08", 4712, 70},
                                  {true, "qemu-1-gpu-07", 4711, 60}});
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].name, "gpu-07");
  EXPECT_EQ(runs[0].pid, 4711);
  EXPECT_EQ(runs[0].source, "systemd-machined");
  EXPECT_EQ(runs[0].where, "systemd journal, machine qemu-1-gpu-07");
  EXPECT_EQ(runs[0].started_ns, 60U);
  EXPECT_EQ(runs[0].ended_ns, 90U);
  EXPECT_EQ(runs[1].name, "gpu-08");
  EXPECT_EQ(runs[1].ended_ns, 0U);
}

TEST(Machines, AreCalledAsLibvirtMakesItsNamesFit) {
  EXPECT_EQ(machine_form("gpu-07"), "gpu-07");
  EXPECT_EQ(machine_form("gpu 07_\xc3\xbc"), "gpu07");
  EXPECT_EQ(machine_form("a--b..c-_-d"), "a-b.c-d");
}

PastRun named(std::string name, std::string uuid, std::int64_t pid = 0) {
  PastRun run;
  run.name = std::move(name);
  run.uuid = std::move(uuid);
  run.pid = pid;
  run.source = kLinuxAudit;
  run.started_ns = 50;
  return run;
}

TEST(Machines, GetTheNameThatOtherRecordsHave) {
  auto runs = machine_runs({{true, "qemu-1-gpu07", 4711, 60}});
  runs.push_back(named("gpu 07", kUuid));
  runs.push_back(named("gpu 07", ""));
  name_machines(runs);
  EXPECT_EQ(runs[0].name, "gpu 07");
  EXPECT_EQ(runs[0].uuid, kUuid);
  // Another VM whose name has the same form: nobody knows which it was,
  runs = machine_runs({{true, "qemu-1-gpu07", 4711, 60}});
  runs.push_back(named("gpu 07", kUuid));
  runs.push_back(named("gpu_07", "other"));
  name_machines(runs);
  EXPECT_EQ(runs[0].name, "gpu07");
  EXPECT_EQ(runs[0].where, "systemd journal, machine qemu-1-gpu07; may be any of gpu 07, gpu_07");
  // but for the process.
  runs = machine_runs({{true, "qemu-1-gpu07", 4711, 60}});
  runs.push_back(named("gpu 07", kUuid));
  runs.push_back(named("gpu_07", "other", 4711));
  name_machines(runs);
  EXPECT_EQ(runs[0].name, "gpu_07");
}

TEST(Machines, SayThatANameIsCut) {
  const std::string name(80, 'x');
  auto runs = machine_runs({{true, "qemu-1-" + name.substr(0, 57), 4711, 60}});
  EXPECT_THAT(runs[0].where, HasSubstr("its name is cut"));
  runs.push_back(named(name, kUuid));
  name_machines(runs);
  EXPECT_EQ(runs[0].name, name);
}

constexpr auto kConfig = R"(#for people: name: nobody
agent: 1
hostpci0: 0000:01:00.0,pcie=1,x-vga=1
hostpci1: host=02:00;0000:03:00.1,rombar=0
hostpci2: mapping=gpu
hostpci3: 0000:04:00.0,mdev=nvidia-63
hugepages: 1024
memory: 4096
name: gpu-07
onboot: 1
scsi0: local-lvm:vm-100-disk-0,size=32G
scsi1: /dev/disk/by-id/data,size=1T
scsihw: virtio-scsi-single
smbios1: uuid=5b1e0c2a-0000-4000-8000-000000000001,manufacturer=QQ==,base64=1

[before-upgrade]
name: old
hostpci0: 0000:09:00.0
)";

TEST(ProxmoxConfig, SaysWhatAVmHas) {
  const auto vm = parse_proxmox_config(kConfig, 100);
  EXPECT_EQ(vm.domain.name, "gpu-07");
  EXPECT_EQ(vm.domain.uuid, kUuid);
  EXPECT_EQ(vm.domain.source, "Proxmox");
  EXPECT_TRUE(vm.domain.autostart);
  EXPECT_EQ(vm.domain.memory_bytes, 4ULL << 30);
  EXPECT_EQ(vm.domain.hugepage_bytes, 1ULL << 30);
  EXPECT_THAT(vm.domain.disks, ElementsAre("/dev/disk/by-id/data"));
  EXPECT_THAT(addresses(vm.domain.host_devices), ElementsAre("0000:01:00.0", "0000:03:00.1", ""));
  EXPECT_EQ(vm.domain.host_devices[2].mdev_uuid, "00000003-0000-0000-0000-000000000100");
  EXPECT_THAT(vm.slots, ElementsAre("0000:02:00"));
  EXPECT_THAT(vm.mappings, ElementsAre("gpu"));
}

TEST(ProxmoxConfig, HasMappingsByNode) {
  const auto mappings = parse_proxmox_mappings(
      "gpu\n\tdescription map\n\tmap id=10de:20b0,iommugroup=1,node=pve1,path=0000:8a:00.0\n"
      "\tmap id=10de:20b0,node=pve2,path=0000:01:00;0000:02:00.1\nother\n\tmdev 1\n");
  ASSERT_EQ(mappings.size(), 2U);
  EXPECT_EQ(mappings[0].name, "gpu");
  EXPECT_EQ(mappings[0].node, "pve1");
  EXPECT_THAT(mappings[0].paths, ElementsAre("0000:8a:00.0"));
  EXPECT_THAT(mappings[1].paths, ElementsAre("0000:01:00", "0000:02:00.1"));
}

std::string task(int second, const char* type, const char* rest, int vmid = 100) {
  return fmt::format("UPID:pve1:000012AB:00345678:{:08X}:{}:{}:root@pam: {}\n", 0x6955B900 + second,
                     type, vmid, rest);
}

TEST(ProxmoxTasks, AreThoseOfVms) {
  const auto tasks =
      parse_proxmox_tasks(task(0, "qmstart", "6955B905 OK") + task(1, "vncproxy", "6955B905 OK") +
                          "damaged\nUPID:\n" + task(2, "qmstop", "1 6955B90A WARNINGS: 1") +
                          task(3, "qmstart", "0") + task(4, "qmstart", "6955B90B start failed"));
  ASSERT_EQ(tasks.size(), 4U);
  EXPECT_EQ(tasks[0].type, "qmstart");
  EXPECT_EQ(tasks[0].vmid, 100U);
  EXPECT_EQ(tasks[0].started_ns, kNewYear);
  EXPECT_EQ(tasks[0].ended_ns, kNewYear + 5 * kSecond);
  EXPECT_FALSE(tasks[0].failed());
  EXPECT_EQ(tasks[1].ended_ns, kNewYear + 10 * kSecond);
  EXPECT_FALSE(tasks[1].failed());
  EXPECT_EQ(tasks[2].ended_ns, 0U);
  EXPECT_FALSE(tasks[2].failed());
  EXPECT_TRUE(tasks[3].failed());
}

class ProxmoxHost : public ::testing::Test {
 protected:
  ProxmoxHost() {
    tree.file("/etc/pve/nodes/pve1/qemu-server/100.conf", kConfig)
        .file("/etc/pve/nodes/pve2/qemu-server/200.conf", "name: elsewhere\n")
        .link("/etc/pve/qemu-server", "nodes/pve1/qemu-server")
        .file("/etc/pve/mapping/pci.cfg",
              "gpu\n\tmap id=1:2,node=pve1,path=0000:8a:00.0\n\tmap id=1:2,node=pve2,path=05:00\n")
        .file("/proc/sys/kernel/hostname", "pve1.example.org\n")
        .directory("/sys/bus/pci/devices/0000:02:00.0")
        .directory("/sys/bus/pci/devices/0000:02:00.1")
        .directory("/sys/bus/pci/devices/0000:02:01.0");
  }

  void tasks(const std::string& index, const std::string& active = "") {
    tree.file("/var/log/pve/tasks/index", index).file("/var/log/pve/tasks/active", active);
  }
  void runs_as(int pid, std::string arguments) {
    std::replace(arguments.begin(), arguments.end(), ' ', '\0');
    tree.file("/run/qemu-server/100.pid", std::to_string(pid) + "\n");
    const auto cmdline = fmt::format("/proc/{}/cmdline", pid);
    tree.file(cmdline, arguments);
    const timespec times[2] = {{1'767'225'602, 0}, {1'767'225'602, 0}};
    ::utimensat(AT_FDCWD, tree.at("/run/qemu-server/100.pid").c_str(), times, 0);
  }
  ProxmoxAnswer read() { return read_proxmox(tree.root()); }

  HostTree tree;
};

TEST_F(ProxmoxHost, KnowsItsOwnVms) {
  auto answer = read();
  EXPECT_TRUE(answer.present);
  ASSERT_THAT(answer.domains, SizeIs(1));
  EXPECT_EQ(answer.domains[0].state, "stopped");
  EXPECT_THAT(addresses(answer.domains[0].host_devices),
              ElementsAre("0000:01:00.0", "0000:03:00.1", "", "0000:02:00.0", "0000:02:00.1",
                          "0000:8a:00.0"));
  EXPECT_THAT(answer.runs, IsEmpty());
  runs_as(4711, "kvm -id 100 -name gpu-07 ");
  answer = read();
  EXPECT_TRUE(answer.domains[0].active);
  EXPECT_EQ(answer.domains[0].pid, 4711);
  // Another process has that number now; but the VM had it.
  runs_as(4711, "kvm -id 101 ");
  answer = read();
  EXPECT_FALSE(answer.domains[0].active);
  ASSERT_THAT(answer.runs, SizeIs(1));
  EXPECT_EQ(answer.runs[0].pid, 4711);
  EXPECT_EQ(answer.runs[0].started_ns, kNewYear + 2 * kSecond);
}

TEST_F(ProxmoxHost, HasRunsFromItsTasks) {
  tasks(task(0, "qmstart", "6955B905 OK") + task(10, "qmstop", "6955B90B OK") +
            task(20, "qmstart", "6955B916 start failed: exit code 1"),
        task(10, "qmstop", "1 6955B90B OK") + task(30, "qmstart", "0"));
  const auto runs = read().runs;
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].name, "gpu-07");
  EXPECT_EQ(runs[0].uuid, kUuid);
  EXPECT_EQ(runs[0].source, "Proxmox");
  EXPECT_THAT(runs[0].where, HasSubstr("/var/log/pve/tasks: UPID:pve1:"));
  EXPECT_EQ(runs[0].started_ns, kNewYear);
  EXPECT_EQ(runs[0].ended_ns, kNewYear + 11 * kSecond);
  EXPECT_EQ(runs[0].end_reason, "qmstop");
  EXPECT_THAT(runs[0].host_devices, SizeIs(6));
  EXPECT_EQ(runs[1].started_ns, kNewYear + 30 * kSecond);
  EXPECT_EQ(runs[1].ended_ns, 0U);
}

TEST_F(ProxmoxHost, TakesThePidOfTheRunThatIsStillOn) {
  tasks(task(0, "qmstart", "6955B905 OK"));
  runs_as(4711, "kvm -id 100 ");
  const auto runs = read().runs;
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].pid, 4711);
}

TEST_F(ProxmoxHost, DoesNotTakeAnotherVmForOneThatWasDestroyed) {
  tasks(task(0, "qmstart", "6955B905 OK") + task(10, "qmdestroy", "6955B90B OK") +
        task(20, "qmcreate", "6955B916 OK") + task(30, "qmstart", "6955B920 OK") +
        task(0, "qmstart", "6955B905 OK", 300) + task(9, "qmigrate", "6955B90B OK", 300));
  const auto runs = read().runs;
  ASSERT_THAT(runs, SizeIs(3));
  EXPECT_EQ(runs[0].name, "VM 100");
  EXPECT_THAT(runs[0].host_devices, IsEmpty());
  EXPECT_EQ(runs[0].end_reason, "qmdestroy");
  EXPECT_EQ(runs[1].name, "VM 300");
  EXPECT_EQ(runs[1].end_reason, "qmigrate");
  EXPECT_EQ(runs[2].name, "gpu-07");
}

TEST(Pods, AreCalledInTheNamesOfDirectories) {
  const auto pod = parse_pod_directory(std::string("default_web-1_") + kPodUid);
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->text(), "default/web-1");
  EXPECT_EQ(pod->uid, kPodUid);
  for (const auto* wrong : {"", "default", "default_web-1", "default_web-1_uid", "__"}) {
    EXPECT_FALSE(parse_pod_directory(wrong)) << wrong;
  }
}

TEST(Pods, OfKubeVirtHaveADomain) {
  EXPECT_EQ(launcher_domain({"lab", "virt-launcher-gpu-07-x7k2p", kPodUid}), "lab_gpu-07");
  EXPECT_EQ(launcher_domain({"lab", "web-1", kPodUid}), "");
  EXPECT_EQ(launcher_domain({"lab", "virt-launcher-x7k2p", kPodUid}), "");
}

// As KubeVirt's launcher writes it through containerd, shortened; the command
// line in two parts, as lines above 16 KiB are.
constexpr auto kLauncher =
    R"(2026-01-01T00:00:01.000000000Z stderr F {"component":"virt-launcher","level":"info","msg":"Collected all requested hook sidecar sockets","pos":"manager.go:88"}
2026-01-01T00:00:11.000000000Z stderr F {"component":"virt-launcher","level":"info","msg":"2026-01-01 00:00:10.250+0000: starting up libvirt version: 9.0.0","subcomponent":"qemu"}
2026-01-01T00:00:11.000000000Z stderr P {"component":"virt-launcher","level":"info","msg":"LC_ALL=C \\PATH=/bin \\/usr/libexec/qemu-kvm \\-name guest=lab_gpu-07 \\-uuid 5b1e0c2a-0000-4000-8000-0000
2026-01-01T00:00:11.000000000Z stderr F 00000001 \\-device '{\"driver\":\"vfio-pci\",\"host\":\"0000:8a:00.0\"}' \\-msg timestamp=on","subcomponent":"qemu"}
2026-01-01T01:00:00.000000000Z stderr F {"component":"virt-launcher","msg":"2026-01-01 01:00:00.000+0000: shutting down, reason=destroyed","subcomponent":"qemu"}
2026-01-01T01:00:01.000000000Z stderr F panic: not JSON
)";

TEST(Pods, OfKubeVirtTellOfRuns) {
  const auto runs = parse_launcher_log(kLauncher, "lab_other", "/log");
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].name, "lab_gpu-07");
  EXPECT_EQ(runs[0].uuid, kUuid);
  EXPECT_EQ(runs[0].source, "Kubernetes");
  EXPECT_EQ(runs[0].end_reason, "shutting down, reason=destroyed");
  EXPECT_THAT(addresses(runs[0].host_devices), ElementsAre("0000:8a:00.0"));
}

TEST(Records, HaveTheSourcesOfTheHost) {
  HostTree tree;
  EXPECT_THAT(read_records(tree.root(), kNewYear).sources, IsEmpty());
  const auto pod = std::string("/var/log/pods/lab_virt-launcher-gpu-07-x7k2p_") + kPodUid;
  tree.file(pod + "/compute/0.log", kLauncher)
      .file(pod + "/compute/notes.txt", kLauncher)
      .file("/var/log/pve/tasks/index", task(0, "qmstart", "6955B905 OK"));
  const auto records = read_records(tree.root(), kNewYear);
  EXPECT_THAT(records.sources, ElementsAre("Proxmox", "Kubernetes"));
  EXPECT_THAT(records.runs, SizeIs(2));
  EXPECT_THAT(records.losses, IsEmpty());
  EXPECT_EQ(records.pods.at(kPodUid), "lab/virt-launcher-gpu-07-x7k2p");
}

}  // namespace
}  // namespace vmleak
