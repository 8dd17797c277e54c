// SPDX-License-Identifier: Apache-2.0
#include "support/libvirt_host.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "base/file_descriptor.h"
#include "support/check.h"
#include "support/requirement.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

// The guest's /etc is a layer in its memory, over that of this machine.
struct ConfigFile {
  const char* path;
  const char* text;
};
constexpr std::array<ConfigFile, 2> kConfig{{
    // No security driver and no namespaces: both need what the guest does not
    // have.  virtlogd writes the logs of the domains, as on a real host.
    {"/etc/libvirt/qemu.conf",
     "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\n"
     "stdio_handler = \"logd\"\n"},
    // No polkit there.
    {"/etc/libvirt/libvirtd.conf", "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n"},
}};

// Of their own messages, which belong into a failed test's output.
constexpr const char* kDaemonLog = "/run/vmleak-libvirt.log";

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) fail("write {}: {}", path.string(), std::strerror(errno));
}

void append_line(const char* path, const char* line) {
  std::ofstream file(path, std::ios::app);
  file << line << '\n';
  if (!file.flush()) fail("write {}: {}", path, std::strerror(errno));
}

// Debian's libvirtd wants its default user to exist before it reads that it
// shall use another one.  The package that adds it starts services, so the
// machine need not have it.
void add_libvirt_user() {
  if (::getgrnam("kvm") == nullptr) append_line("/etc/group", "kvm:x:64054:");
  if (::getgrnam("libvirt-qemu") == nullptr) append_line("/etc/group", "libvirt-qemu:x:64055:");
  if (::getpwnam("libvirt-qemu") != nullptr) return;
  append_line("/etc/passwd", "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin");
}

std::vector<char*> words_of(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const auto& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  return words;
}

// Runs a program with its output in `out`; it ends with the test's process.
pid_t spawn(const std::vector<std::string>& arguments, int out) {
  auto words = words_of(arguments);
  const pid_t pid = check(::fork(), "fork");
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execvp(words[0], words.data());
  _exit(127);
}

// The daemon's parent.  libvirtd leaves its QEMUs to the nearest reaper and
// waits for them to be gone; the test's process is one (see main.cpp), but
// reaps only those that it knows.
[[noreturn]] void reap_for(const std::string& program, int log, int answer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "reaper");
  ::dup2(answer, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  const pid_t daemon = spawn({program}, STDOUT_FILENO);
  if (::write(STDIN_FILENO, &daemon, sizeof daemon) != sizeof daemon) _exit(1);
  ::close(STDIN_FILENO);
  while (::wait(nullptr) > 0 || errno == EINTR) {
  }
  _exit(0);
}

pid_t start_daemon(const std::string& program) {
  const FileDescriptor log(check(
      ::open(kDaemonLog, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), "open daemon log"));
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  if (check(::fork(), "fork") == 0) reap_for(program, log.get(), writer.get());
  writer.reset();
  pid_t daemon = -1;
  if (::read(reader.get(), &daemon, sizeof daemon) != sizeof daemon || daemon < 0) {
    fail("start {}", program);
  }
  return daemon;
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) < 0 && errno == ESRCH; }

void end(pid_t& pid, int signal) {
  if (pid < 0) return;
  ::kill(pid, SIGCONT);
  ::kill(pid, signal);
  if (!holds_within(std::chrono::seconds(10), [pid] { return is_gone(pid); })) {
    ::kill(pid, SIGKILL);
  }
  pid = -1;
}

// All of it, up to its end or the deadline; false when that passed.
bool read_all(int fd, std::string& text, std::chrono::steady_clock::time_point deadline) {
  std::array<char, 4096> buffer;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd polled{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&polled, 1, static_cast<int>(left.count())) <= 0) return false;
    const auto size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const VirshResult& result) {
  return stream << "$ " << result.command << "\nexit code " << result.exit_code << '\n'
                << result.output;
}

LibvirtHost& LibvirtHost::get() {
  static LibvirtHost host;
  return host;
}

LibvirtHost::LibvirtHost() : owner_(::getpid()) {
  if (!in_lab()) fail("start libvirtd: only the lab's guest is changed like this");
  std::filesystem::create_directories("/etc/libvirt");
  for (const auto& file : kConfig) write_file(file.path, file.text);
  add_libvirt_user();
  std::filesystem::remove_all("/etc/libvirt/qemu/networks/autostart");
  virtlogd_ = start_daemon("virtlogd");
  start_libvirtd();
}

LibvirtHost::~LibvirtHost() {
  // Actors are forks of the test and leave their copy alone.
  if (::getpid() != owner_) return;
  end(libvirtd_, SIGTERM);
  end(virtlogd_, SIGTERM);
}

void LibvirtHost::start_libvirtd() {
  if (libvirtd_ >= 0) return;
  libvirtd_ = start_daemon("libvirtd");
  // Its first answer about QEMU comes after it has asked QEMU what it can do.
  if (!holds_within(kPatience, [this] { return try_virsh({"version"}).succeeded(); })) {
    fail("libvirtd does not answer; it says:\n{}", file_text(kDaemonLog));
  }
}

void LibvirtHost::kill_libvirtd() { end(libvirtd_, SIGKILL); }

void LibvirtHost::freeze_libvirtd() const { check(::kill(libvirtd_, SIGSTOP), "stop libvirtd"); }

void LibvirtHost::thaw_libvirtd() const { check(::kill(libvirtd_, SIGCONT), "continue libvirtd"); }

VirshResult LibvirtHost::try_virsh(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all{"virsh", "--quiet", "--connect", "qemu:///system"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  VirshResult result{.command = fmt::format("{}", fmt::join(all, " "))};
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const pid_t pid = spawn(all, writer.get());
  writer.reset();
  const bool ended =
      read_all(reader.get(), result.output, std::chrono::steady_clock::now() + kPatience);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  check(::waitpid(pid, &status, 0), "wait for virsh");
  if (!ended) fail("{}: no answer within {} s", result.command, kPatience.count());
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::string LibvirtHost::virsh(const std::vector<std::string>& arguments) const {
  auto result = try_virsh(arguments);
  if (!result.succeeded()) fail("{}: {}", result.command, result.output);
  return std::move(result.output);
}

}  // namespace vmleak::scenarios
