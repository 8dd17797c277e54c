// SPDX-License-Identifier: Apache-2.0
#include "support/qemu.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "support/check.h"
#include "support/process_files.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

constexpr const char* kProgram = "qemu-system-x86_64";

// 64 KiB that end with the reset vector: cli; 1: hlt; jmp 1b.
std::string halting_firmware() {
  std::string image(std::size_t{64} << 10, '\x90');
  const std::string code = "\xfa\xf4\xeb\xfd";
  image.replace(image.size() - 16, code.size(), code);
  return image;
}

std::string firmware_in(const std::filesystem::path& directory) {
  if (const char* given = std::getenv("VMLEAK_LAB_FIRMWARE"); given != nullptr) return given;
  const auto path = directory / "halt.bin";
  std::ofstream(path, std::ios::binary) << halting_firmware();
  return path;
}

void make_disk(const std::string& path) {
  const std::string command = "qemu-img create -q -f qcow2 '" + path + "' 16M";
  if (std::system(command.c_str()) != 0) fail("{}: failed", command);  // NOLINT: a fixed command
}

[[noreturn]] void execute(const std::vector<std::string>& arguments,
                          const std::optional<QemuOptions::Inherited>& inherited) {
  if (inherited) {
    const int fd = check(::open(inherited->path.c_str(), O_RDWR), "open " + inherited->path);
    check(::dup2(fd, inherited->fd), "move the file to inherit");
    if (fd != inherited->fd) ::close(fd);
  }
  std::vector<char*> words;
  for (const auto& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  fail("run {}: {}", arguments[0], std::strerror(errno));
}

}  // namespace

Qemu::Qemu(const QemuOptions& options)
    : process_("qemu", [this, &options](const Stage& stage) {
        make_disk(disk());
        const auto arguments = command_line(options);
        stage.pause();
        execute(arguments, options.inherited);
      }) {
  process_.resume_into_program();
  wait_for_file(fmt::format("anon_inode:kvm-vcpu:{}", options.cpus - 1));
  if (!options.vfio_devices.empty()) wait_for_file("anon_inode:[vfio-device]");
}

void Qemu::wait_for_file(const std::string& target) const {
  wait_until("QEMU to open " + target, [&] {
    if (process_status(pid(), "State").starts_with("Z")) fail("QEMU ended at once");
    return find_fd(pid(), target) >= 0;
  });
}

int Qemu::fd(std::string_view target) const {
  const int fd = find_fd(pid(), target);
  if (fd < 0) fail("QEMU {} has no {}", pid(), target);
  return fd;
}

std::vector<std::string> Qemu::command_line(const QemuOptions& options) const {
  std::vector<std::string> words{kProgram,
                                 "-name",
                                 options.name,
                                 "-uuid",
                                 options.uuid,
                                 "-machine",
                                 "q35",
                                 "-accel",
                                 "kvm",
                                 "-nodefaults",
                                 "-display",
                                 "none",
                                 "-monitor",
                                 "none",
                                 "-no-user-config",
                                 "-smp",
                                 std::to_string(options.cpus),
                                 "-m",
                                 "64",
                                 "-bios",
                                 firmware_in(directory_.path()),
                                 "-drive",
                                 "if=virtio,format=qcow2,file=" + disk()};
  for (const auto& address : options.vfio_devices) {
    words.insert(words.end(), {"-device", "vfio-pci,rombar=0,host=" + address});
  }
  return words;
}

}  // namespace vmleak::scenarios
