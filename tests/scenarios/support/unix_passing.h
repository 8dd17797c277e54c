// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// Files on their way through unix sockets (SCM_RIGHTS).

struct SocketPair {
  FileDescriptor sender;
  FileDescriptor receiver;
};

SocketPair make_socket_pair();

// A message with `fd` now waits in the queue of the socket's other end.
void send_fd(int socket, int fd);
FileDescriptor receive_fd(int socket);

// A socket in the abstract name space that accepts connections, and a client
// of it.  Until the server accepts, what the client sent waits in a socket
// that no descriptor names.
FileDescriptor listen_at(const std::string& name);
FileDescriptor connect_to(const std::string& name);

}  // namespace vmleak::scenarios
