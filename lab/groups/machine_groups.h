// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU groups that a release of Linux makes of a machine: its PCI functions are found and
// isolated as the port's PCI core does it, with the quirks of that release, and put into groups by
// the port's pci_device_group(), in the order in which that release asks. No remapping unit is
// needed for that: the rules are the same for every one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/iommu/iommu.h"
#include "core/pci/pci.h"
#include "core/status.h"
#include "core/sysfs.h"
#include "platform/listing/listed_machine.h"
#include "platform/pci/pci_machine.h"

namespace iommulab {

/// What groups depend on.
struct grouped_machine {
  std::vector<pci_root> roots;
  std::vector<pci_function_config> functions;
  std::vector<virtual_function> virtual_functions;
  std::vector<vmd_root> volumes;
  /// The DMAR table; empty for none. Releases since 6.1 number by its units.
  std::vector<uint8_t> dmar_table;
};

class machine_groups {
 public:
  /// EINVAL as pci_machine::create().
  static absl::StatusOr<std::unique_ptr<machine_groups>> create(const grouped_machine& machine,
                                                                pci_release release);
  machine_groups(const machine_groups&) = delete;
  machine_groups& operator=(const machine_groups&) = delete;

  [[nodiscard]] const pci_core& pci() const { return pci_; }
  /// In the order of their numbers, members in the order of joining.
  [[nodiscard]] const std::vector<std::unique_ptr<iommu_group>>& groups() const {
    return iommu_.groups();
  }
  /// The group of a function; null for a function that the kernel did not find or gave none.
  [[nodiscard]] const iommu_group* group_of(source_id id) const;
  /// Functions that the machine has and the kernel does not find, ascending.
  [[nodiscard]] const std::vector<source_id>& not_found() const { return not_found_; }
  /// What the machine does not say, and what was taken instead; one sentence each.
  [[nodiscard]] const std::vector<std::string>& assumed() const { return assumed_; }

 private:
  machine_groups(std::unique_ptr<pci_machine> hardware, pci_release release);
  void scan(const grouped_machine& machine);
  [[nodiscard]] bool is_unseen(pci_dev& pdev) const;
  void put_into_groups(const std::vector<device*>& order);
  void switch_on(const std::vector<virtual_function>& functions);

  environment env_;
  sysfs_tree sysfs_;
  iommu_core iommu_;
  bus_type bus_;
  std::unique_ptr<pci_machine> hardware_;
  pci_core pci_;
  std::vector<std::unique_ptr<pci_function>> virtual_functions_;
  std::vector<source_id> not_found_;
  std::vector<std::string> assumed_;
};

}  // namespace iommulab
