// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/machine_endpoints.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "platform/endpoints/edu.h"
#include "platform/endpoints/nic.h"
#include "platform/endpoints/nvme.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

constexpr uint64_t disk_blocks = 256;

std::unique_ptr<pci_endpoint> make_edu(const machine_config& machine, dma_port& port,
                                       virtual_clock& clock) {
  const source_id slot = port.function().description().id;
  const auto property = std::find_if(machine.edus.begin(), machine.edus.end(),
                                     [&](const edu_property& p) { return p.slot == slot; });
  const uint64_t mask = property == machine.edus.end() ? edu::default_dma_mask : property->dma_mask;
  return std::make_unique<edu>(port, clock, mask);
}

std::unique_ptr<pci_endpoint> make_nic(const machine_config& /*machine*/, dma_port& port,
                                       virtual_clock& /*clock*/) {
  return std::make_unique<nic>(port);
}

std::unique_ptr<pci_endpoint> make_nvme(const machine_config& /*machine*/, dma_port& port,
                                        virtual_clock& /*clock*/) {
  return std::make_unique<nvme>(port, disk_blocks);
}

struct endpoint_maker {
  uint16_t vendor;
  uint16_t device;
  std::string_view name;
  std::unique_ptr<pci_endpoint> (*make)(const machine_config&, dma_port&, virtual_clock&);
};

constexpr std::array endpoint_makers = {
    endpoint_maker{edu_vendor_id, edu_device_id, "edu", make_edu},
    endpoint_maker{0x8086, 0x100e, "nic", make_nic},    // Intel 82540EM
    endpoint_maker{0x144d, 0xa821, "nvme", make_nvme},  // Samsung 172X
    endpoint_maker{0x1b36, 0x0010, "nvme", make_nvme},  // QEMU
};

uint16_t vendor_of(const pci_function_config& function) {
  return static_cast<uint16_t>(config_get(function.config, pci_reg::vendor_id, 2));
}

uint16_t device_of(const pci_function_config& function) {
  return static_cast<uint16_t>(config_get(function.config, pci_reg::device_id, 2));
}

bool is_hostile(const pci_function_config& function) {
  return vendor_of(function) == hostile_vendor_id && device_of(function) == hostile_device_id;
}

/// Where the first base address register points; 0 when it was not set.
uint64_t first_base_address(const pci_function_config& function) {
  const uint32_t low = config_get(function.config, pci_reg::base_address_0, 4);
  uint64_t base = pci_reg::base_memory_flags.clear(low);
  if (pci_reg::base_type.get(low) == pci_reg::base_type_64) {
    base |= uint64_t{config_get(function.config, pci_reg::base_address_0 + 4, 4)} << 32;
  }
  return base;
}

}  // namespace

absl::Status machine_endpoints::add(const machine_config& machine,
                                    const pci_function_config& function, dma_port& port,
                                    virtual_clock& clock, mmio_space& mmio) {
  if (is_hostile(function)) {
    hostile_.emplace(function.id, std::make_unique<hostile_device>(port));
    return absl::OkStatus();
  }
  const auto* maker =
      std::find_if(endpoint_makers.begin(), endpoint_makers.end(), [&](const endpoint_maker& m) {
        return m.vendor == vendor_of(function) && m.device == device_of(function);
      });
  if (maker == endpoint_makers.end()) return absl::OkStatus();
  auto made = maker->make(machine, port, clock);
  pci_endpoint& endpoint = *made;
  with_registers_.emplace(function.id, std::move(made));
  const uint64_t base = first_base_address(function);
  if (base == 0) return absl::OkStatus();
  return mmio.attach(phys_addr(base), absl::StrFormat("%s %s", maker->name, to_string(function.id)),
                     endpoint);
}

absl::StatusOr<std::unique_ptr<machine_endpoints>> machine_endpoints::create(
    const machine_config& machine, dma_bus& bus, virtual_clock& clock, mmio_space& mmio) {
  std::unique_ptr<machine_endpoints> made(new machine_endpoints);
  for (const pci_function_config& function : machine.pci_functions) {
    if (!function.present) continue;
    const absl::Status status = made->add(machine, function, *bus.port(function.id), clock, mmio);
    if (!status.ok()) return status;
  }
  return made;
}

hostile_device* machine_endpoints::find_hostile(source_id slot) const {
  const auto found = hostile_.find(slot);
  return found == hostile_.end() ? nullptr : found->second.get();
}

}  // namespace iommulab
