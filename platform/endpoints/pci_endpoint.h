// SPDX-License-Identifier: GPL-2.0-only
//
// What the endpoints have in common: registers behind a base address register, an interrupt, and
// the port through which they reach memory.
//
// Invariant: the interrupt line is asserted only by an endpoint whose MSI is off. Accesses to
// registers are 4 or 8 bytes wide; 8 bytes are two accesses of 4 where an endpoint does not know
// them.
#pragma once

#include <cstdint>

#include "platform/dma/dma_bus.h"
#include "platform/mmio.h"

namespace iommulab {

class pci_endpoint : public mmio_region {
 public:
  ~pci_endpoint() override = default;
  pci_endpoint(const pci_endpoint&) = delete;
  pci_endpoint& operator=(const pci_endpoint&) = delete;

  uint64_t read64(uint64_t offset) override;
  void write64(uint64_t offset, uint64_t value) override;

  [[nodiscard]] dma_port& port() const { return port_; }
  /// The level of INTx#, as the function's interrupt disable bit lets it out.
  [[nodiscard]] bool interrupt_line() const;

 protected:
  /// `port` outlives the endpoint.
  explicit pci_endpoint(dma_port& port) : port_(port) {}

  /// A message where MSI is enabled, else the line.
  void raise_interrupt();
  void lower_interrupt() { asserted_ = false; }

 private:
  dma_port& port_;
  bool asserted_ = false;
};

}  // namespace iommulab
