// SPDX-License-Identifier: Apache-2.0
#include "libvirt/connection.h"

#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "base/shared_library.h"
#include "libvirt/domain_state.h"
#include "libvirt/domain_xml.h"
#include "libvirt/node_device_xml.h"

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
  decltype(&::virGetLastError) last_error_details = nullptr;
  decltype(&::virNodeNumOfDevices) count_devices = nullptr;
  decltype(&::virNodeListDevices) list_devices = nullptr;
  decltype(&::virNodeDeviceLookupByName) find_device = nullptr;
  decltype(&::virNodeDeviceGetXMLDesc) device_xml = nullptr;
  decltype(&::virNodeDeviceFree) free_device = nullptr;
};

Result<Library> load() {
  auto shared = SharedLibrary::load("libvirt.so.0");
  if (!shared) return shared.error();
  Library library;
  (*shared)
      .get("virInitialize", library.initialize)
      .get("virSetErrorFunc", library.set_error_func)
      .get("virGetLastErrorMessage", library.last_error)
      .get("virConnectOpenReadOnly", library.open)
      .get("virConnectClose", library.close)
      .get("virConnectGetLibVersion", library.library_version)
      .get("virConnectGetVersion", library.hypervisor_version)
      .get("virConnectListAllDomains", library.list)
      .get("virDomainGetUUIDString", library.uuid)
      .get("virDomainGetState", library.state)
      .get("virDomainGetXMLDesc", library.xml)
      .get("virDomainFree", library.free)
      .get("virGetLastError", library.last_error_details)
      .get("virNodeNumOfDevices", library.count_devices)
      .get("virNodeListDevices", library.list_devices)
      .get("virNodeDeviceLookupByName", library.find_device)
      .get("virNodeDeviceGetXMLDesc", library.device_xml)
      .get("virNodeDeviceFree", library.free_device);
  if (auto complete = shared->complete(); !complete) return complete.error();
  return library;
}

// libvirt would write errors to standard error.
void say_nothing(void* /*data*/, virErrorPtr /*error*/) {}

// 9000000 is "9.0.0".
std::string version_text(unsigned long version) {
  constexpr unsigned long kPart = 1000;
  return fmt::format("{}.{}.{}", version / kPart / kPart, version / kPart % kPart, version % kPart);
}

// Why there is no connection.  Nobody there is a fact; a daemon that is there
// and fails may know of domains.
int open_error(const virError* error) {
  if (error == nullptr) return EIO;
  const bool nobody =
      error->code == VIR_ERR_SYSTEM_ERROR && (error->int1 == ENOENT || error->int1 == ECONNREFUSED);
  const bool nothing = error->code == VIR_ERR_NO_CONNECT || error->code == VIR_ERR_INVALID_ARG ||
                       error->code == VIR_ERR_CONFIG_UNSUPPORTED;
  return nobody || nothing ? ECONNREFUSED : EIO;
}

class Connection {
 public:
  Connection(const Library& library, virConnectPtr connection)
      : library_(library), connection_(connection) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = delete;
  Connection& operator=(Connection&&) = delete;
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
    std::optional<Error> broken;
    const auto listed = for_each(0, [&](virDomainPtr handle) {
      if (broken) return;
      auto domain = read_domain(handle);
      if (!domain) {
        // One that is undefined right now is no longer there.
        if (domain.error().code == ENOENT) return;
        if (domain.error().code == EIO) broken = domain.error();
        answer.problems.push_back(domain.error().message);
        return;
      }
      domain->persistent = persistent->contains(domain->uuid);
      domain->autostart = autostart->contains(domain->uuid);
      answer.domains.push_back(std::move(*domain));
    });
    if (!listed) return listed.error();
    if (broken) return *broken;
    add_parents(answer.domains);
    return answer;
  }

 private:
  [[nodiscard]] Error failed(std::string_view what) const {
    const auto* details = library_.last_error_details();
    const bool gone = details != nullptr && details->code == VIR_ERR_NO_DOMAIN;
    return {fmt::format("{}: {}", what, library_.last_error()), gone ? ENOENT : EIO};
  }

  // Of mediated devices, whose domains have only their UUIDs.
  void add_parents(std::vector<Domain>& domains) const {
    std::map<std::string, std::vector<HostDevice*>> wanted;  // by UUID
    for (auto& domain : domains) {
      for (auto& device : domain.host_devices) {
        if (!device.mdev_uuid.empty()) wanted[device.mdev_uuid].push_back(&device);
      }
    }
    if (wanted.empty()) return;
    for (const auto& name : mediated_devices()) {
      const std::unique_ptr<virNodeDevice, decltype(library_.free_device)> device(
          library_.find_device(connection_, name.c_str()), library_.free_device);
      if (!device) continue;  // it is gone
      const std::unique_ptr<char, decltype(&std::free)> xml(library_.device_xml(device.get(), 0),
                                                            std::free);
      const auto parsed = xml ? parse_mediated_device_xml(xml.get()) : failed("read a node device");
      const auto found = parsed ? wanted.find(parsed->uuid) : wanted.end();
      if (found == wanted.end()) continue;
      for (auto* of_domain : found->second) {
        of_domain->parent_address = parsed->parent_address;
        of_domain->driver = parsed->driver;
      }
    }
  }

  // By name.  The test driver has the list only in this form, which is older
  // than mediated devices.
  [[nodiscard]] std::vector<std::string> mediated_devices() const {
    std::vector<std::string> out;
    const int count = library_.count_devices(connection_, "mdev", 0);
    if (count <= 0) return out;
    std::vector<char*> names(static_cast<std::size_t>(count));
    const int listed = library_.list_devices(connection_, "mdev", names.data(), count, 0);
    for (int i = 0; i < listed; ++i) {
      auto* name = names[static_cast<std::size_t>(i)];
      out.emplace_back(name);
      std::free(name);  // NOLINT: malloc'ed by libvirt
    }
    return out;
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
    if (!domain) return Error{domain.error().message, EINVAL};
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
    const int code = open_error(library->last_error_details());
    return Error{fmt::format("connect {}: {}", uri, library->last_error()), code};
  }
  return Connection(*library, handle).read();
}

}  // namespace vmleak
