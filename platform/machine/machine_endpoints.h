// SPDX-License-Identifier: GPL-2.0-only
//
// The devices of a machine that do more than answer configuration accesses.
#pragma once

#include <map>
#include <memory>

#include "core/clock.h"
#include "core/status.h"
#include "platform/dma/dma_bus.h"
#include "platform/endpoints/hostile.h"
#include "platform/endpoints/pci_endpoint.h"
#include "platform/machine/machine.h"
#include "platform/mmio_space.h"

namespace iommulab {

class machine_endpoints {
 public:
  /// Makes an endpoint for each function that is there and whose ids are known (endpoint_makers, in
  /// the .cc file), and attaches its registers where the function's first base address points, as
  /// the firmware set it. All arguments outlive the endpoints. EINVAL when two windows overlap.
  static absl::StatusOr<std::unique_ptr<machine_endpoints>> create(const machine_config& machine,
                                                                   dma_bus& bus,
                                                                   virtual_clock& clock,
                                                                   mmio_space& mmio);

  /// The endpoint of this type in this slot; null when there is none.
  template <typename Endpoint>
  [[nodiscard]] Endpoint* find(source_id slot) const {
    const auto found = with_registers_.find(slot);
    return found == with_registers_.end() ? nullptr : dynamic_cast<Endpoint*>(found->second.get());
  }
  /// The hostile device in this slot, which has no registers; null when there is none.
  [[nodiscard]] hostile_device* find_hostile(source_id slot) const;

 private:
  machine_endpoints() = default;
  absl::Status add(const machine_config& machine, const pci_function_config& function,
                   dma_port& port, virtual_clock& clock, mmio_space& mmio);

  std::map<source_id, std::unique_ptr<pci_endpoint>> with_registers_;
  std::map<source_id, std::unique_ptr<hostile_device>> hostile_;
};

}  // namespace iommulab
