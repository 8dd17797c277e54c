// SPDX-License-Identifier: Apache-2.0
#include "support/unix_passing.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Address abstract_address(const std::string& name) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.name.sun_path + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

FileDescriptor make_socket() {
  return FileDescriptor(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
}

// One byte of payload and room for one descriptor.
struct Envelope {
  char byte = 0;
  iovec payload{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};

  Envelope() {
    header.msg_iov = &payload;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;
};

}  // namespace

SocketPair make_socket_pair() {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "make a socket pair");
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

void send_fd(int socket, int fd) {
  Envelope envelope;
  cmsghdr* rights = CMSG_FIRSTHDR(&envelope.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  check(::sendmsg(socket, &envelope.header, MSG_NOSIGNAL), "send a file");
}

FileDescriptor receive_fd(int socket) {
  Envelope envelope;
  check(::recvmsg(socket, &envelope.header, MSG_CMSG_CLOEXEC), "receive a file");
  const cmsghdr* rights = CMSG_FIRSTHDR(&envelope.header);
  if (rights == nullptr) fail("receive a file: the message has none");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return FileDescriptor(fd);
}

FileDescriptor listen_at(const std::string& name) {
  auto socket = make_socket();
  const auto address = abstract_address(name);
  check(::bind(socket.get(), address.get(), address.size), "bind @" + name);
  check(::listen(socket.get(), 8), "listen at @" + name);
  return socket;
}

FileDescriptor connect_to(const std::string& name) {
  auto socket = make_socket();
  const auto address = abstract_address(name);
  check(::connect(socket.get(), address.get(), address.size), "connect to @" + name);
  return socket;
}

}  // namespace vmleak::scenarios
