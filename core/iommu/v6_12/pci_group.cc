// SPDX-License-Identifier: GPL-2.0-only
//
// Which group a PCI function belongs to. The rules are those of 4.4 (core/iommu/pci_group.cc); what
// is asked of the PCI core, and so the calls, are 6.12's. Linux v6.12 drivers/iommu/iommu.c.
#include <bitset>
#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "core/pci/acs.h"
#include "core/pci/v6_12/pci.h"

namespace iommulab::v6_12 {
namespace {

/// Isolation means that a function cannot forge its id, and that neither its requests nor its
/// completions turn back before they are upstream.
constexpr uint16_t isolating_acs_flags = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

/// Functions of one bus that the search has been at: two that alias each other end it.
using searched_devfns = std::bitset<256>;

iommu_group* get_pci_alias_group(pci_dev& pdev, searched_devfns& searched);

/// iommu_group_get(), inlined in the kernel.
iommu_group* group_of(pci_dev& pdev) {
  if (pdev.dev.group != nullptr) ++pdev.dev.group->references;
  return pdev.dev.group;
}

// Linux v6.12 drivers/iommu/iommu.c: get_pci_function_alias_group(). A group that exists on another
// function of the slot which is as little isolated as this one.
iommu_group* get_pci_function_alias_group(pci_dev& pdev, searched_devfns& searched) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "get_pci_function_alias_group", {"pdev", pdev});
  if (!pdev.multifunction || v6_12::pci_acs_enabled(pdev, isolating_acs_flags)) {
    return this_call.result(nullptr);
  }
  iommu_group* group = nullptr;
  pci_core::for_each_pci_dev_on(*pdev.bus, [&](pci_dev& other) {
    if (&other == &pdev || other.slot() != pdev.slot() ||
        v6_12::pci_acs_enabled(other, isolating_acs_flags)) {
      return 0;
    }
    group = get_pci_alias_group(other, searched);
    return group != nullptr ? 1 : 0;
  });
  return this_call.result(group);
}

// Linux v6.12 drivers/iommu/iommu.c: get_pci_alias_group(). A group that exists on the function, or
// on one of its bus that shares a requester id with it.
iommu_group* get_pci_alias_group(pci_dev& pdev, searched_devfns& searched) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "get_pci_alias_group", {"pdev", pdev});
  if (searched.test(pdev.devfn)) return this_call.result(nullptr);
  searched.set(pdev.devfn);
  iommu_group* group = group_of(pdev);
  if (group != nullptr) return this_call.result(group);
  pci_core::for_each_pci_dev_on(*pdev.bus, [&](pci_dev& other) {
    if (&other == &pdev) return 0;
    if (!pci_devs_are_dma_aliases(pdev, other)) return 0;
    group = get_pci_alias_group(other, searched);
    if (group == nullptr) group = get_pci_function_alias_group(other, searched);
    return group != nullptr ? 1 : 0;
  });
  return this_call.result(group);
}

// Linux v6.12 drivers/iommu/iommu.c: get_pci_alias_or_group(). The group of an alias, if it has
// one; `last` becomes the alias.
iommu_group* get_pci_alias_or_group(pci_dev& alias, pci_dev*& last) {
  IOMMULAB_CALL(alias.dev.bus->env.trace, "get_pci_alias_or_group", {"pdev", alias});
  last = &alias;
  return this_call.result(group_of(alias));
}

}  // namespace

// Linux v6.12 drivers/iommu/iommu.c: pci_device_group()
iommu_group* pci_device_group(device& dev, int& error) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "pci_device_group", {"dev", dev});
  error = 0;
  if (!dev_is_pci(dev)) {
    env.log.warn_on("pci_device_group");
    error = -EINVAL;
    return this_call.result(nullptr, error);
  }

  // The last alias is where requests become indistinguishable.
  pci_dev* pdev = dev.pci;
  iommu_group* group = nullptr;
  v6_12::pci_for_each_dma_alias(*dev.pci, [&](pci_dev& alias, uint16_t /*id*/) {
    group = get_pci_alias_or_group(alias, pdev);
    return group != nullptr ? 1 : 0;
  });
  if (group != nullptr) return this_call.result(group);

  // From there upwards as far as requests might be turned back.
  for (pci_bus* bus = pdev->bus; !pci_is_root_bus(*bus); bus = bus->parent) {
    if (bus->self == nullptr) continue;
    if (v6_12::pci_acs_path_enabled(*bus->self, nullptr, isolating_acs_flags)) break;
    pdev = bus->self;
    group = group_of(*pdev);
    if (group != nullptr) return this_call.result(group);
  }

  searched_devfns searched;
  group = get_pci_alias_group(*pdev, searched);
  if (group != nullptr) return this_call.result(group);
  group = get_pci_function_alias_group(*pdev, searched);
  if (group != nullptr) return this_call.result(group);
  group = iommu_group_alloc(*dev.bus->iommu.subsystem, error);
  if (group == nullptr) return this_call.result(nullptr, error);
  return this_call.result(group);
}

// Linux v6.12 drivers/iommu/iommu.c: generic_device_group()
iommu_group* generic_device_group(device& dev, int& error) {
  IOMMULAB_CALL(dev.bus->env.trace, "generic_device_group", {"dev", dev});
  iommu_group* group = iommu_group_alloc(*dev.bus->iommu.subsystem, error);
  if (group == nullptr) return this_call.result(nullptr, error);
  return this_call.result(group);
}

}  // namespace iommulab::v6_12
