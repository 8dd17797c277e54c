// SPDX-License-Identifier: Apache-2.0
#include "libvirt/connection.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <span>

#include "libvirt/domain_state.h"
#include "libvirt/domain_xml.h"

namespace vmleak {
namespace {

// The functions of libvirt.so.0 that are called; nothing links to it.
struct Library {
  decltype(&::virInitialize) initialize = nullptr;
  decltype(&::virSetErrorFunc) set_error_func = nullptr;
  decltype(&::virGetLastErrorMessage) last_error = nullptr;
  decltype(&::virConnectOpenReadOnly) open = nullptr;
  decltype(&::virConnectClose) close = nullptr;
  decltype(&::virConnectGetLibVersion) library_version = nullptr;
  decltype(&::virConnectGetVersion) hypervisor_version = nullptr;
  decltype(&::virConnectListAllDomains) list = nullptr;
  decltype(&::virDomainGetUUIDString) uuid = nullptr;
  decltype(&::virDomainGetState) state = nullptr;
  decltype(&::virDomainGetXMLDesc) xml = nullptr;
  decltype(&::virDomainFree) free = nullptr;
};

template <class F>
bool resolve(void* handle, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(handle, name));
  return function != nullptr;
}

// Never closed: libvirt has threads of its own.
Result<Library> load() {
  void* handle = ::dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Error{"load libvirt.so.0: it is not installed", ENOENT};
  Library library;
  const bool complete = resolve(handle, "virInitialize", library.initialize) &&
                        resolve(handle, "virSetErrorFunc", library.set_error_func) &&
                        resolve(handle, "virGetLastErrorMessage", library.last_error) &&
                        resolve(handle, "virConnectOpenReadOnly", library.open) &&
                        resolve(handle, "virConnectClose", library.close) &&
                        resolve(handle, "virConnectGetLibVersion", library.library_version) &&
                        resolve(handle, "virConnectGetVersion", library.hypervisor_version) &&
                        resolve(handle, "virConnectListAllDomains", library.list) &&
                        resolve(handle, "virDomainGetUUIDString", library.uuid) &&
                        resolve(handle, "virDomainGetState", library.state) &&
                        resolve(handle, "virDomainGetXMLDesc", library.xml) &&
                        resolve(handle, "virDomainFree", library.free);
  if (!complete) return Error{"load libvirt.so.0: it lacks a function", ENOENT};
  return library;
}

// libvirt would write errors to standard error.
void say_nothing(void* /*data*/, virErrorPtr /*error*/) {}

// 9000000 is "9.0.0".
std::string version_text(unsigned long version) {
  constexpr unsigned long kPart = 1000;
  return fmt::format("{}.{}.{}", version / kPart / kPart, version / kPart % kPart, version % kPart);
}

class Connection {
 public:
  Connection(const Library& library, virConnectPtr connection)
      : library_(library), connection_(connection) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { library_.close(connection_); }

  Result<LibvirtAnswer> read() {
    LibvirtAnswer answer;
    unsigned long version = 0;
    if (library_.library_version(connection_, &version) == 0)
      answer.version = version_text(version);
    if (library_.hypervisor_version(connection_, &version) == 0 && version != 0) {
      answer.qemu = version_text(version);
    }
    // Two lists of names instead of two questions for each domain.
    auto persistent = uuids(VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (!persistent) return persistent.error();
    auto autostart = uuids(VIR_CONNECT_LIST_DOMAINS_AUTOSTART);
    if (!autostart) return autostart.error();
    const auto listed = for_each(0, [&](virDomainPtr handle) {
      auto domain = read_domain(handle);
      // One that is undefined right now is no longer there.
      if (!domain) return;
      domain->persistent = persistent->contains(domain->uuid);
      domain->autostart = autostart->contains(domain->uuid);
      answer.domains.push_back(std::move(*domain));
    });
    if (!listed) return listed.error();
    return answer;
  }

 private:
  Error failed(std::string_view what) const {
    return {fmt::format("{}: {}", what, library_.last_error()), EIO};
  }

  template <class Visit>
  Status for_each(unsigned flags, Visit visit) {
    virDomainPtr* domains = nullptr;
    const int count = library_.list(connection_, &domains, flags);
    if (count < 0) return failed("list domains");
    for (auto* domain : std::span(domains, static_cast<std::size_t>(count))) {
      visit(domain);
      library_.free(domain);
    }
    std::free(domains);  // NOLINT: malloc'ed by libvirt
    return {};
  }

  std::string uuid_of(virDomainPtr domain) const {
    std::array<char, VIR_UUID_STRING_BUFLEN> text{};
    return library_.uuid(domain, text.data()) == 0 ? text.data() : "";
  }

  Result<std::set<std::string>> uuids(unsigned flags) {
    std::set<std::string> out;
    const auto listed = for_each(flags, [&](virDomainPtr domain) { out.insert(uuid_of(domain)); });
    if (!listed) return listed.error();
    return out;
  }

  Result<Domain> read_domain(virDomainPtr handle) const {
    int state = VIR_DOMAIN_NOSTATE;
    int reason = 0;
    if (library_.state(handle, &state, &reason, 0) != 0) return failed("read a domain's state");
    const std::unique_ptr<char, decltype(&std::free)> xml(library_.xml(handle, 0), std::free);
    if (!xml) return failed("read a domain's XML");
    auto domain = parse_domain_xml(xml.get());
    if (!domain) return domain;
    domain->uuid = uuid_of(handle);
    domain->source = "libvirt";
    domain->state = domain_state_name(state);
    domain->reason = domain_reason_name(state, reason);
    domain->active =
        state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_NOSTATE && state != VIR_DOMAIN_CRASHED;
    return domain;
  }

  const Library& library_;
  virConnectPtr connection_;
};

}  // namespace

Result<LibvirtAnswer> ask_libvirt(const std::string& uri) {
  // Only the daemon that is there: an audit starts none.
  ::setenv("LIBVIRT_AUTOSTART", "0", 1);
  const auto library = load();
  if (!library) return library.error();
  if (library->initialize() != 0) return Error{"initialise libvirt: it failed", EIO};
  library->set_error_func(nullptr, say_nothing);
  auto* handle = library->open(uri.c_str());
  if (handle == nullptr) {
    return Error{fmt::format("connect {}: {}", uri, library->last_error()), ECONNREFUSED};
  }
  return Connection(*library, handle).read();
}

}  // namespace vmleak
