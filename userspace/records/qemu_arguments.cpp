// SPDX-License-Identifier: Apache-2.0
#include "records/qemu_arguments.h"

#include <nlohmann/json.hpp>

#include "base/pci_address.h"
#include "host/text.h"
#include "host/vmm_command_line.h"

namespace vmleak {
namespace {

using nlohmann::json;

// One option in either of QEMU's two forms.
class Properties {
 public:
  explicit Properties(const std::string& text, std::string_view implied_key)
      : text_(text), implied_key_(implied_key) {
    if (text.starts_with('{')) json_ = json::parse(text, nullptr, /*allow_exceptions=*/false);
  }

  [[nodiscard]] std::string get(const char* key) const {
    if (json_.is_object()) {
      const auto found = json_.find(key);
      return found != json_.end() && found->is_string() ? found->get<std::string>() : "";
    }
    return option_part(text_, key, implied_key_);
  }

 private:
  const std::string& text_;
  std::string_view implied_key_;
  json json_;
};

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void add_device(const std::string& option, PastRun& run) {
  const Properties properties(option, "driver");
  if (!properties.get("driver").starts_with("vfio-pci")) return;
  HostDevice device;
  auto address = properties.get("host");
  const auto path = properties.get("sysfsdev");
  if (address.empty()) address = last_component(path);
  if (auto pci = canonical_pci_address(address)) {
    device.pci_address = *std::move(pci);
  } else {
    device.mdev_uuid = last_component(path);
  }
  if (!device.pci_address.empty() || !device.mdev_uuid.empty()) {
    run.host_devices.push_back(std::move(device));
  }
}

void add_disk(const std::string& option, const char* key, PastRun& run) {
  auto path = Properties(option, "").get(key);
  if (path.starts_with('/')) run.disks.push_back(std::move(path));
}

}  // namespace

std::vector<std::string> split_shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < text.size()) {
        word += text[++i];
      } else {
        word += c;
      }
    } else if (kBlanks.find(c) != std::string_view::npos) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      in_word = true;
      if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '\\' && i + 1 < text.size()) {
        word += text[++i];
      } else {
        word += c;
      }
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

void describe_run(const std::vector<std::string>& arguments, PastRun& run) {
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    const auto& option = arguments[i];
    const auto& value = arguments[i + 1];
    if (option == "-name") {
      if (auto name = option_part(value, "guest", "guest"); !name.empty()) {
        run.name = std::move(name);
      }
    } else if (option == "-uuid") {
      run.uuid = value;
    } else if (option == "-device") {
      add_device(value, run);
    } else if (option == "-blockdev") {
      add_disk(value, "filename", run);
    } else if (option == "-drive") {
      add_disk(value, "file", run);
    }
  }
}

}  // namespace vmleak
