// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/pci_endpoint.h"

#include "core/pci/registers.h"

namespace iommulab {

uint64_t pci_endpoint::read64(uint64_t offset) {
  const uint64_t low = read32(offset);
  return low | uint64_t{read32(offset + sizeof(uint32_t))} << 32;
}

void pci_endpoint::write64(uint64_t offset, uint64_t value) {
  write32(offset, static_cast<uint32_t>(value));
  write32(offset + sizeof(uint32_t), static_cast<uint32_t>(value >> 32));
}

bool pci_endpoint::interrupt_line() const {
  const pci_function& function = port_.function();
  return asserted_ && function.present() &&
         !pci_reg::command_interrupt_disable.test(function.read16(pci_reg::command));
}

void pci_endpoint::raise_interrupt() {
  if (port_.msi_enabled()) {
    port_.send_msi();
  } else {
    asserted_ = true;
  }
}

}  // namespace iommulab
