// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <array>
#include <cstdlib>

#include "host/pci.h"

// C declarations for types and constants only; nothing links to libpci.
extern "C" {
#include <pci/pci.h>
}

namespace vmleak {
namespace {

struct CloseLibrary {
  void operator()(void* library) const noexcept { ::dlclose(library); }
};

// libpci calls these without looking whether they are set.  pci_init() would
// set them, but also look for PCI buses, and end the program without one.
void say_nothing(char* /*format*/, ...) {}                             // NOLINT: C variadic
__attribute__((noreturn)) void out_of_memory(char* /*format*/, ...) {  // NOLINT: C variadic
  std::abort();
}

}  // namespace

class PciNames::Library {
 public:
  // nullptr when libpci is not there or is another one than expected.
  static std::unique_ptr<Library> load() {
    std::unique_ptr<void, CloseLibrary> handle(::dlopen("libpci.so.3", RTLD_NOW | RTLD_LOCAL));
    if (!handle) return nullptr;
    auto library = std::make_unique<Library>(std::move(handle));
    if (library->alloc_ == nullptr || library->cleanup_ == nullptr || library->lookup_ == nullptr) {
      return nullptr;
    }
    library->access_ = library->alloc_();
    if (library->access_ == nullptr) return nullptr;
    library->access_->error = out_of_memory;
    library->access_->warning = say_nothing;
    library->access_->debug = say_nothing;
    // Only the list: not the user's cache, which asks the user database, which
    // may ask the network.
    library->access_->id_lookup_mode = 0;
    return library;
  }

  explicit Library(std::unique_ptr<void, CloseLibrary> handle)
      : handle_(std::move(handle)),
        alloc_(symbol<decltype(alloc_)>("pci_alloc")),
        cleanup_(symbol<decltype(cleanup_)>("pci_cleanup")),
        lookup_(symbol<decltype(lookup_)>("pci_lookup_name")) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  Library(Library&&) = delete;
  Library& operator=(Library&&) = delete;
  ~Library() {
    if (access_ != nullptr) cleanup_(access_);
  }

  // Empty when the list does not have it.
  std::string vendor(int vendor_id) { return text(PCI_LOOKUP_VENDOR, vendor_id, 0); }
  std::string device(int vendor_id, int device_id) {
    return text(PCI_LOOKUP_DEVICE, vendor_id, device_id);
  }

 private:
  template <class F>
  F symbol(const char* name) {
    return reinterpret_cast<F>(::dlsym(handle_.get(), name));
  }
  std::string text(int what, int vendor_id, int device_id) {
    std::array<char, 512> buffer{};
    const char* name =
        lookup_(access_, buffer.data(), static_cast<int>(buffer.size()),
                what | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB, vendor_id, device_id);
    return name == nullptr ? std::string() : std::string(name);
  }

  std::unique_ptr<void, CloseLibrary> handle_;
  decltype(&::pci_alloc) alloc_ = nullptr;
  decltype(&::pci_cleanup) cleanup_ = nullptr;
  decltype(&::pci_lookup_name) lookup_ = nullptr;
  pci_access* access_ = nullptr;
};

PciNames::PciNames() = default;
PciNames::PciNames(PciNames&&) noexcept = default;
PciNames& PciNames::operator=(PciNames&&) noexcept = default;
PciNames::~PciNames() = default;

PciNames::Library* PciNames::library() {
  if (!tried_) library_ = Library::load();
  tried_ = true;
  return library_.get();
}

bool PciNames::available() { return library() != nullptr; }

std::string PciNames::name(std::uint16_t vendor, std::uint16_t device) {
  std::string vendor_name;
  std::string device_name;
  if (Library* names = library(); names != nullptr) {
    vendor_name = names->vendor(vendor);
    device_name = names->device(vendor, device);
  }
  if (vendor_name.empty()) return fmt::format("{:04x}:{:04x}", vendor, device);
  if (device_name.empty()) device_name = fmt::format("{:04x}:{:04x}", vendor, device);
  return short_pci_name(vendor_name, device_name);
}

}  // namespace vmleak
