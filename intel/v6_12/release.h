// SPDX-License-Identifier: GPL-2.0-only
//
// What releases of this generation do differently in the driver. This class is 6.12; an earlier
// release overrides what it does otherwise (intel/v6_1/release.h), so that the two files beside
// each other are the difference. No release has state of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/irq/irq_vectors.h"
#include "core/structure.h"
#include "core/v6_12/divergence.h"
#include "intel/v6_12/driver.h"
#include "platform/vtd/spec/pasid_entry.h"

namespace iommulab::v6_12 {

class linux_release {
 public:
  virtual ~linux_release() = default;

  /// "Linux 6.12"
  [[nodiscard]] virtual std::string_view name() const { return "Linux 6.12"; }
  /// The divergences that are none from this release.
  [[nodiscard]] virtual divergence_set agreed() const;
  /// Functions that the recorded kernel's compiler put into their callers, or that the release has
  /// none of.
  [[nodiscard]] virtual std::vector<std::string_view> inlined_functions() const;
  [[nodiscard]] virtual const vector_scheme& vectors() const { return linux_6_12_vectors; }

  /// enable_drhd_fault_handling(): every unit's fault event is set up with interrupt remapping;
  /// 6.12 does so on units of the processor's node alone, and no machine here names nodes.
  [[nodiscard]] virtual bool fault_event_comes_with_interrupts() const { return false; }
  /// iommu_disable_protect_mem_regions(): the compiler put the look at what the unit has into the
  /// callers, so that the function is called where there is something to do.
  [[nodiscard]] virtual bool looks_for_protected_regions_first() const { return true; }

  /// What the driver offers the IOMMU core.
  [[nodiscard]] virtual std::unique_ptr<iommu_ops> make_ops(intel_driver& drv) const;

  /// The variables that no other release has, by name.
  virtual void add_variables(const intel_driver& drv, structure& variables) const;

  // Start-up

  /// init_dmars(): at the end of its first loop, for each unit.
  virtual void unit_is_prepared(intel_driver& /*drv*/, const intel_iommu& /*iommu*/) const {}
  /// Devices that see memory as it is, as options and chipset quirks ask: bits of
  /// iommu_identity_mapping.
  [[nodiscard]] virtual unsigned identity_mapping(const intel_iommu_options& options) const;
  /// init_dmars(): the identity domain, where it is one with a table. 0 or a negative errno.
  [[nodiscard]] virtual int make_identity_domain(intel_driver& /*drv*/) const { return 0; }
  /// Start-up failed.
  virtual void free_identity_domain(intel_driver& /*drv*/) const {}
  /// intel_iommu_add(): a unit that comes while the system runs. 0 or a negative errno.
  [[nodiscard]] virtual int takes_newcomer(intel_driver& /*drv*/,
                                           const intel_iommu& /*newcomer*/) const {
    return 0;
  }

  // Tables

  /// Mappings of the bytes `start` to `end` are gone; `ih`: no table between went with them.
  virtual void flush_range(intel_driver& drv, dmar_domain& domain, uint64_t start, uint64_t end,
                           bool ih) const;
  /// Bits of every first-level entry beside those that 6.12 sets.
  [[nodiscard]] virtual uint64_t first_level_bits() const { return 0; }
  /// Whether a domain of second-level tables can be made to snoop while something is mapped.
  [[nodiscard]] virtual bool snoops_after_mapping() const { return false; }

  // pasid.c

  /// What an entry for `pasid` has besides.
  virtual void add_to_pasid_entry(const intel_iommu& /*iommu*/, ioasid /*pasid*/,
                                  vtd::pasid_entry& /*entry*/) const {}
  /// Whether a device's own cache is told of an entry that changed.
  [[nodiscard]] virtual bool tells_device_tlbs(const intel_iommu& /*iommu*/) const { return true; }
};

const linux_release& linux_6_12_117();

/// Of inlined_functions(), what every recorded release has.
std::vector<std::string_view> inlined_in_all_releases();

}  // namespace iommulab::v6_12
