// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "host_tree.h"
#include "records/audit_log.h"
#include "records/gzip.h"
#include "records/libvirt_log.h"
#include "records/qemu_arguments.h"
#include "records/records.h"
#include "records/time.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNewYear = 1'767'225'600 * kSecond;  // 2026-01-01T00:00:00Z

// As libvirt 9.0 writes it, shortened.
constexpr auto kLog =
    R"(2026-01-01 00:00:10.250+0000: starting up libvirt version: 9.0.0, package: 4, qemu version: 7.2.22, kernel: 6.12, hostname: host
LC_ALL=C \
PATH=/usr/bin \
/usr/bin/qemu-system-x86_64 \
-name guest=gpu-07,debug-threads=on \
-S \
-blockdev '{"driver":"file","filename":"/images/gpu 07.qcow2","node-name":"libvirt-1-storage"}' \
-uuid 5b1e0c2a-0000-4000-8000-000000000001 \
-device '{"driver":"vfio-pci","host":"0000:8a:00.0","id":"hostdev0","bus":"pci.5"}' \
-device vfio-pci,host=8a:00.1,id=hostdev1 \
-device '{"driver":"vfio-pci","sysfsdev":"/sys/bus/mdev/devices/c2177883-f1bb-47f0-914d-32a22e3a8804"}' \
-device '{"driver":"virtio-net-pci","host":"no device"}' \
-msg timestamp=on
char device redirected to /dev/pts/1 (label charserial0)
2026-01-01T00:30:00.000000Z qemu-system-x86_64: terminating on signal 15 from pid 1 (libvirtd)
2026-01-01 01:00:00.000+0000: shutting down, reason=destroyed
)";

TEST(LibvirtLog, TellsARun) {
  const auto runs = parse_libvirt_log(kLog, "from-file-name", "/log");
  ASSERT_EQ(runs.size(), 1U);
  const auto& run = runs[0];
  EXPECT_EQ(run.name, "gpu-07");
  EXPECT_EQ(run.uuid, "5b1e0c2a-0000-4000-8000-000000000001");
  EXPECT_EQ(run.source, "libvirt domain log");
  EXPECT_EQ(run.where, "/log");
  EXPECT_EQ(run.started_ns, kNewYear + 10'250'000'000);
  EXPECT_EQ(run.ended_ns, kNewYear + 3600 * kSecond);
  EXPECT_EQ(run.end_reason, "shutting down, reason=destroyed");
  EXPECT_THAT(run.disks, ElementsAre("/images/gpu 07.qcow2"));
  ASSERT_EQ(run.host_devices.size(), 3U);
  EXPECT_EQ(run.host_devices[0].pci_address, "0000:8a:00.0");
  EXPECT_EQ(run.host_devices[1].pci_address, "0000:8a:00.1");
  EXPECT_EQ(run.host_devices[2].mdev_uuid, "c2177883-f1bb-47f0-914d-32a22e3a8804");
}

TEST(LibvirtLog, TellsARunThatNeverEnded) {
  const std::string log = kLog;
  const auto cut = log.substr(0, log.find("2026-01-01 01:00"));
  auto runs = parse_libvirt_log(cut, "a", "/log");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].ended_ns, 0U);
  // It is over when the next one begins.
  runs = parse_libvirt_log(cut + "2026-01-01 02:00:00.000+0000: starting up x\n", "a", "/log");
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].ended_ns, kNewYear + 7200 * kSecond);
  EXPECT_EQ(runs[1].name, "a");
}

TEST(LibvirtLog, SkipsWhatItDoesNotKnow) {
  EXPECT_THAT(parse_libvirt_log("", "a", "/log"), IsEmpty());
  EXPECT_THAT(parse_libvirt_log("\n\\\n: \nshutting down\n2026-01-01 01:00:00.000+0000: shutting "
                                "down, reason=destroyed\n",
                                "a", "/log"),
              IsEmpty());
  // The tail of a log may begin in the middle of a command line.
  EXPECT_THAT(parse_libvirt_log("-uuid x \\\n-S\n", "a", "/log"), IsEmpty());
}

TEST(ShellWords, AreUnquoted) {
  EXPECT_THAT(split_shell_words(R"(a 'b c' "d\"e" f\ g '' 'it'\''s')"),
              ElementsAre("a", "b c", "d\"e", "f g", "", "it's"));
  EXPECT_THAT(split_shell_words("'open"), ElementsAre("open"));
  EXPECT_THAT(split_shell_words("  "), IsEmpty());
}

TEST(RecordTime, IsUtc) {
  EXPECT_EQ(parse_libvirt_time("2026-01-01 00:00:00.001+0000"), kNewYear + 1'000'000);
  for (const auto* wrong : {"", "2026-01-01 00:00:00.001+0100", "2026-01-01T00:00:00.001+0000",
                            "2026-01-01 00:00:00.001", "2026-0x-01 00:00:00.001+0000",
                            "2026-02-30 00:00:00.001+0000", "2026-01-01 25:00:00.001+0000",
                            // Before and after what fits.
                            "1970-01-01 00:00:00.001+0000", "6026-01-01 00:00:00.001+0000"}) {
    EXPECT_FALSE(parse_libvirt_time(wrong)) << wrong;
  }
  EXPECT_EQ(parse_audit_time("audit(1767225600.001:77):"), kNewYear + 1'000'000);
  for (const auto* wrong : {"", "audit()", "audit(0.0:1)", "audit(1.1000:1)",
                            "audit(99999999999999999999.0:1)", "audit(18446744073709551615.0:1)"}) {
    EXPECT_FALSE(parse_audit_time(wrong)) << wrong;
  }
}

// As libvirt's virDomainAudit*() and auditd write it.
constexpr auto kAudit =
    R"(type=VIRT_RESOURCE msg=audit(1767225610.100:70): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=unconfined msg='virt=kvm resrc=disk reason=start vm="gpu-07" uuid=5b1e0c2a-0000-4000-8000-000000000001 old-disk="?" new-disk="/images/gpu-07.qcow2" exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success'
type=VIRT_RESOURCE msg=audit(1767225610.101:71): pid=1 msg='virt=kvm resrc=hostdev reason=start vm="gpu-07" uuid=5b1e0c2a-0000-4000-8000-000000000001 bus=pci device="0000:8a:00.0" res=success'
type=VIRT_CONTROL msg=audit(1767225611.000:72): pid=1 msg='virt=kvm op=start reason=booted vm="gpu-07" uuid=5b1e0c2a-0000-4000-8000-000000000001 vm-pid=4711 res=success'
type=VIRT_RESOURCE msg=audit(1767225700.000:73): pid=1 msg='virt=kvm resrc=hostdev reason=attach vm="gpu-07" uuid=5b1e0c2a-0000-4000-8000-000000000001 bus=pci device=303030303A38613A30302E31 res=success'
type=USER_LOGIN msg=audit(1767225701.000:74): pid=1
type=VIRT_CONTROL msg=audit(1767229200.000:75): pid=1 msg='virt=kvm op=stop reason=destroyed vm="gpu-07" uuid=5b1e0c2a-0000-4000-8000-000000000001 vm-pid=-1 res=success'
)";

TEST(AuditLog, TellsARun) {
  const auto runs = parse_audit_log(kAudit, "/audit");
  ASSERT_EQ(runs.size(), 1U);
  const auto& run = runs[0];
  EXPECT_EQ(run.name, "gpu-07");
  EXPECT_EQ(run.uuid, "5b1e0c2a-0000-4000-8000-000000000001");
  EXPECT_EQ(run.pid, 4711);
  EXPECT_EQ(run.started_ns, kNewYear + 11 * kSecond);
  EXPECT_EQ(run.ended_ns, kNewYear + 3600 * kSecond);
  EXPECT_EQ(run.end_reason, "stopped, reason=destroyed");
  EXPECT_THAT(run.disks, ElementsAre("/images/gpu-07.qcow2"));
  ASSERT_EQ(run.host_devices.size(), 2U);
  EXPECT_EQ(run.host_devices[0].pci_address, "0000:8a:00.0");
  EXPECT_EQ(run.host_devices[1].pci_address, "0000:8a:00.1");
}

TEST(AuditLog, DoesNotTakeAStartThatFailedForARun) {
  std::string failed = kAudit;
  failed.replace(failed.find("vm-pid=4711 res=success"), 23, "vm-pid=4711 res=failed");
  EXPECT_THAT(parse_audit_log(failed, "/audit"), IsEmpty());
}

TEST(AuditLog, SkipsWhatItDoesNotKnow) {
  EXPECT_THAT(parse_audit_log("type=VIRT_CONTROL\ntype=VIRT_CONTROL msg=audit(1.0:1): msg='op=start"
                              "\n\ntype=VIRT_CONTROL msg=audit(x): op=start uuid=1\n",
                              "/audit"),
              IsEmpty());
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1024, '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(Gzip, GivesTheEndOfAText) {
  const std::string text = std::string(100'000, 'a') + "end";
  EXPECT_EQ(*gunzip(gzipped(text), 1 << 20), text);
  EXPECT_EQ(*gunzip(gzipped(text), 5), "aaend");
  EXPECT_FALSE(gunzip("plain", 10));
  const auto cut = gzipped(text).substr(0, 40);
  EXPECT_TRUE(gunzip(cut, 1 << 20));  // what is left of it
}

TEST(Records, AreThoseOfThisBoot) {
  HostTree tree;
  tree.file("/var/log/libvirt/qemu/gpu-07.log", kLog)
      .file("/var/log/libvirt/qemu/old.log.1.gz", gzipped(kLog))
      .file("/var/log/audit/audit.log", kAudit)
      .file("/var/log/libvirt/qemu/notes.txt", kLog)
      .directory("/var/log/libvirt/qemu/directory.log")
      .link("/var/log/libvirt/qemu/link.log", "gpu-07.log");
  const auto all = read_records(tree.root(), kNewYear);
  EXPECT_EQ(all.runs.size(), 3U);
  EXPECT_THAT(all.losses, IsEmpty());
  EXPECT_THAT(read_records(tree.root(), kNewYear + 4000 * kSecond).runs, IsEmpty());
}

TEST(Records, ThatAreDamagedAreALoss) {
  HostTree tree;
  tree.file("/var/log/libvirt/qemu/a.log.gz", "this is not gzip");
  const auto records = read_records(tree.root(), kNewYear);
  EXPECT_THAT(records.runs, IsEmpty());
  ASSERT_EQ(records.losses.size(), 1U);
}

TEST(Records, CompressedInAnotherWayAreALoss) {
  HostTree tree;
  tree.file("/var/log/libvirt/qemu/a.log.1.xz", "x").file("/var/log/libvirt/qemu/a.log.2.zst", "x");
  const auto records = read_records(tree.root(), kNewYear);
  ASSERT_EQ(records.losses.size(), 2U);
  EXPECT_THAT(records.losses[0].what, ::testing::HasSubstr("only gzip is understood"));
}

TEST(Records, AreNotMissedOnAHostWithoutVms) {
  HostTree tree;
  const auto records = read_records(tree.root(), kNewYear);
  EXPECT_THAT(records.runs, IsEmpty());
  EXPECT_THAT(records.losses, IsEmpty());
}

}  // namespace
}  // namespace vmleak
