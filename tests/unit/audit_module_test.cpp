// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using testing::Machine;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

class Module : public ::testing::Test {
 protected:
  Module() { host.modules(); }
  static Verdict verdict(const Snapshot& snapshot) { return audit(snapshot).verdict; }
  Book book_with(std::int64_t references) {
    host.unexplained("module:vfio", "refcount", references);
    return host.book();
  }

  TestHost host;
  Machine vm = host.vm_with_device(4711, 42);
};

TEST_F(Module, WithAllReferencesExplainedIsClean) {
  EXPECT_EQ(verdict(settled(host.book())), Verdict::kClean);
}

TEST_F(Module, OfALeakedContainerFileIsLeaked) {
  const auto finding = only_finding(audit(settled(book_with(1))));
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.rule, "module-references");
  EXPECT_EQ(finding.object.kind, "module");
  EXPECT_EQ(finding.object.name, "vfio");
  EXPECT_THAT(evidence(finding, "classes"), HasSubstr("container"));
  ASSERT_EQ(finding.counters.size(), 1U);
  EXPECT_EQ(finding.counters[0].unaccounted, 1);
}

TEST_F(Module, WhoseReferencesWereExplainedAtSomeMomentIsClean) {
  const auto fine = book_with(0);
  const auto busy = book_with(1);
  EXPECT_EQ(verdict(samples({fine, busy, busy})), Verdict::kClean);
  EXPECT_EQ(verdict(samples({busy, fine, busy})), Verdict::kClean);
}

TEST_F(Module, WhoseReferencesMoveIsInconclusive) {
  EXPECT_EQ(verdict(samples({book_with(1), book_with(2), book_with(1)})), Verdict::kInconclusive);
}

TEST_F(Module, IsInconclusiveAtOnce) {
  EXPECT_EQ(verdict(samples({book_with(1)})), Verdict::kInconclusive);
}

TEST_F(Module, IsInconclusiveWhenFilesWereNotSeen) {
  host.loses("files: buffer full", {NodeKind::kOpenFile});
  EXPECT_EQ(only_finding(audit(settled(book_with(1)))).verdict, Verdict::kInconclusive);
}

TEST_F(Module, IsNotLeakedWhileFilesAreClosedInEverySample) {
  auto quiet = book_with(1);
  std::vector<Book> books(3, quiet);
  for (std::size_t i = 0; i < books.size(); ++i) {
    const auto tid = 900 + static_cast<std::int64_t>(i);
    books[i].closing_tasks.push_back({tid, tid, "a", "R", ClosingReason::kTaskWork, {}, false});
  }
  // Another task each time: each may be what hides one reference.
  EXPECT_EQ(verdict(samples(books)), Verdict::kInconclusive);
  books[1] = quiet;
  EXPECT_EQ(verdict(samples(books)), Verdict::kLeaked);
}

TEST_F(Module, IsReleasingWhileOneTaskCloses) {
  host.closing(901, 900, ClosingReason::kTaskWork);
  EXPECT_EQ(verdict(settled(book_with(1))), Verdict::kReleasing);
}

TEST_F(Module, IsExplainedByAFindingOfItsFamily) {
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  const auto finding = only_finding(audit(settled(book_with(1))));
  EXPECT_EQ(finding.object.kind, "vfio_device");
}

TEST_F(Module, IsNotExplainedByAFindingOfAnotherFamily) {
  const auto other = host.vm(4712);
  host.fd(host.process(900, "thief"), other.vm_file);
  host.dies(4712);
  EXPECT_EQ(audit(settled(book_with(1))).findings.size(), 2U);
}

TEST_F(Module, IsExplainedByAHiddenFileOfALiveVm) {
  host.hide(vm.vcpu_file);  // takes a reference of the VM and one of the module
  EXPECT_EQ(verdict(settled(host.book())), Verdict::kClean);
}

TEST_F(Module, OfVhostIsExplainedByAnAddressSpaceThatVhostKeeps) {
  const auto vhost = host.file("vhost/net-file", "/dev/vhost-net");
  host.hold(vhost, vm.mm, "mm/vhost");
  host.unexplained(vhost, "f_count", 1);
  host.dies(4711);
  host.unexplained("module:vhost_net", "refcount", 1);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "mm");
}

TEST_F(Module, IsNotLeakedWhileAVmIsBeingMade) {
  host.dies(4711);
  const auto runner = host.process(900, "runner");
  const auto chardev = host.file("kvm/chardev", "/dev/kvm");
  host.fd(runner, chardev);
  host.hold(chardev, "module:kvm", "module/file");
  host.unexplained("module:kvm", "refcount", 1);
  EXPECT_EQ(verdict(settled(host.book())), Verdict::kClean);
  host.drop(runner, chardev);
  EXPECT_EQ(verdict(settled(host.book())), Verdict::kLeaked);
}

TEST_F(Module, AReferenceMayBelongToATaskInsideASystemCall) {
  host.in_syscall(vm.process, vm.container_file);
  EXPECT_EQ(verdict(settled(book_with(1))), Verdict::kClean);
  EXPECT_EQ(verdict(settled(book_with(2))), Verdict::kLeaked);
}

}  // namespace
}  // namespace vmleak
