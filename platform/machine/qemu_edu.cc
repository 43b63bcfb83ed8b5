// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_edu.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "platform/machine/parse.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

/// Device and function of "4.1", "7", "1f.2" or "0x3".
std::optional<uint8_t> parse_place(std::string_view text) {
  take_prefix(text, "0x");
  const size_t dot = text.find('.');
  const auto device = parse_hex(text.substr(0, dot));
  const auto function =
      dot == std::string_view::npos ? std::optional<uint64_t>(0) : parse_hex(text.substr(dot + 1));
  if (!device || !function || *device > 0x1f || *function > 7) return std::nullopt;
  return pci_devfn(static_cast<unsigned>(*device), static_cast<unsigned>(*function));
}

}  // namespace

bool is_edu(const pci_function_config& function) {
  return config_get(function.config, pci_reg::vendor_id, 2) == edu_vendor_id &&
         config_get(function.config, pci_reg::device_id, 2) == edu_device_id;
}

absl::StatusOr<qemu_edu> parse_qemu_edu(const qemu_properties& properties) {
  qemu_edu edu;
  for (const auto& property : properties) {
    const std::string& name = property.first;
    const std::string& value = property.second;
    const auto refuse = [&](std::string_view why) {
      return errno_status(EINVAL, absl::StrFormat("edu: %s is \"%s\": %s", name, value, why));
    };
    if (name == "bus") {
      edu.on_root_bus = value == "pcie.0";
    } else if (name == "addr") {
      edu.devfn = parse_place(value);
      if (!edu.devfn) return refuse("not a device and function");
    } else if (name == "dma_mask") {
      const auto mask = parse_number(value);
      if (!mask) return refuse("not a number");
      edu.dma_mask = *mask;
    }
  }
  return edu;
}

std::vector<edu_property> edu_properties(const std::vector<qemu_edu>& arguments,
                                         const std::vector<pci_function_config>& functions) {
  std::vector<edu_property> properties;
  std::vector<source_id> taken;
  for (const qemu_edu& edu : arguments) {
    const auto here = std::find_if(functions.begin(), functions.end(), [&](const auto& f) {
      return is_edu(f) && (f.id.bus == 0) == edu.on_root_bus &&
             (!edu.devfn || f.id.devfn == *edu.devfn) &&
             std::find(taken.begin(), taken.end(), f.id) == taken.end();
    });
    if (here == functions.end()) continue;
    taken.push_back(here->id);
    if (edu.dma_mask) properties.push_back({here->id, *edu.dma_mask});
  }
  return properties;
}

}  // namespace iommulab
