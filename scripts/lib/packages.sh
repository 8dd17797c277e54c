# shellcheck shell=bash
# shellcheck disable=SC2034  # who sources this uses some of them
# SPDX-License-Identifier: Apache-2.0
#
# The packages of Debian 12 that this project needs, and who needs them; all of them, nowhere else.

# The program: scripts/build.
readonly build_packages=(
    g++ clang bpftool cmake ninja-build pkg-config
    libbpf-dev libelf-dev zlib1g-dev libpci-dev
    libvirt-dev libpugixml-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev
)
# Tests that need nothing of the machine: scripts/test --quick.
readonly test_packages=(systemd-journal-remote libgtest-dev libgmock-dev clang-format shellcheck man-db bash-completion)
# Tests with virtual machines on this machine's kernel.
readonly host_test_packages=(qemu-system-x86 qemu-utils kmod procps)
# scripts/lab, and the modules it builds.
readonly lab_packages=(
    qemu-system-x86 busybox-static kmod cpio xz-utils zstd make gcc binutils libc6-dev libelf1 dwarves patch
    libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients
    iproute2 dmsetup e2fsprogs
)
# scripts/package, and the tests of what it makes.
readonly package_packages=(dpkg-dev file gzip)
readonly package_test_packages=(lintian debootstrap)
# scripts/fuzz: libFuzzer and the sanitizers of clang.
readonly fuzz_packages=(clang libclang-rt-14-dev)
# scripts/bench: what it compares with.
readonly bench_packages=(lsof util-linux-extra)
# scripts/bench --ledger, in the lab.
readonly ledger_bench_packages=(bpftrace bpftool jq)
