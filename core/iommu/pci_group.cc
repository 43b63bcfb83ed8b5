// SPDX-License-Identifier: GPL-2.0-only
//
// Which group a PCI function belongs to: what its requests can be confused with, and what they can
// reach without passing the IOMMU. Linux v4.4 drivers/iommu/iommu.c.
#include <bitset>
#include <cerrno>

#include "core/iommu/iommu.h"
#include "core/iommu/iommu_internal.h"
#include "core/pci/acs.h"
#include "core/pci/pci.h"
#include "core/pci/search.h"

namespace iommulab {
namespace {

/// Isolation means that a function cannot forge its id, and that neither its requests nor its
/// completions turn back before they are upstream.
constexpr uint16_t required_acs_flags = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

/// Functions of one bus that the search has been at: two that alias each other end it.
using visited_devfns = std::bitset<256>;

iommu_group* get_pci_alias_group(pci_dev& pdev, visited_devfns& visited);

// Linux v4.4 drivers/iommu/iommu.c: get_pci_function_alias_group(). A group that exists on another
// function of the slot which is as little isolated as this one.
iommu_group* get_pci_function_alias_group(pci_dev& pdev, visited_devfns& visited) {
  tracer& trace = pdev.dev.bus->env.trace;
  IOMMULAB_CALL(trace, "get_pci_function_alias_group", {"pdev", pdev});
  if (!pdev.multifunction || pci_acs_enabled(pdev, required_acs_flags)) {
    return this_call.result(nullptr);
  }
  iommu_group* group = nullptr;
  pci_core::for_each_pci_dev_on(*pdev.bus, [&](pci_dev& other) {
    if (&other == &pdev || other.slot() != pdev.slot() ||
        pci_acs_enabled(other, required_acs_flags)) {
      return 0;
    }
    group = get_pci_alias_group(other, visited);
    return group != nullptr ? 1 : 0;
  });
  return this_call.result(group);
}

// Linux v4.4 drivers/iommu/iommu.c: get_pci_alias_group(). A group that exists on the function, or
// on one of its bus that shares a requester id with it.
iommu_group* get_pci_alias_group(pci_dev& pdev, visited_devfns& visited) {
  tracer& trace = pdev.dev.bus->env.trace;
  IOMMULAB_CALL(trace, "get_pci_alias_group", {"pdev", pdev});
  if (visited.test(pdev.devfn)) return this_call.result(nullptr);
  visited.set(pdev.devfn);
  iommu_group* group = iommu_group_get(pdev.dev);
  if (group != nullptr) return this_call.result(group);
  pci_core::for_each_pci_dev_on(*pdev.bus, [&](pci_dev& other) {
    if (&other == &pdev) return 0;
    if (!pci_uses_id_of(pdev, other) && !pci_uses_id_of(other, pdev)) return 0;
    group = get_pci_alias_group(other, visited);
    if (group == nullptr) group = get_pci_function_alias_group(other, visited);
    return group != nullptr ? 1 : 0;
  });
  return this_call.result(group);
}

// Linux v4.4 drivers/iommu/iommu.c: get_pci_alias_or_group(). The group of an alias, if it has one;
// `last` becomes the alias.
iommu_group* get_pci_alias_or_group(pci_dev& alias, pci_dev*& last) {
  tracer& trace = alias.dev.bus->env.trace;
  IOMMULAB_CALL(trace, "get_pci_alias_or_group", {"pdev", alias});
  last = &alias;
  return this_call.result(iommu_group_get(alias.dev));
}

}  // namespace

// Linux v4.4 drivers/iommu/iommu.c: pci_device_group()
iommu_group* pci_device_group(device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "pci_device_group", {"dev", dev});
  if (!dev_is_pci(dev)) {
    env.log.warn_on("pci_device_group");
    return this_call.result(nullptr);
  }

  // The last alias is where requests become indistinguishable.
  pci_dev* pdev = dev.pci;
  iommu_group* group = nullptr;
  pci_for_each_dma_alias(*dev.pci, [&](pci_dev& alias, uint16_t /*id*/) {
    group = get_pci_alias_or_group(alias, pdev);
    return group != nullptr ? 1 : 0;
  });
  if (group != nullptr) return this_call.result(group);

  // From there upwards as far as requests might be turned back.
  for (pci_bus* bus = pdev->bus; !pci_is_root_bus(*bus); bus = bus->parent) {
    if (bus->self == nullptr) continue;
    if (pci_acs_path_enabled(*bus->self, nullptr, required_acs_flags)) break;
    pdev = bus->self;
    group = iommu_group_get(pdev->dev);
    if (group != nullptr) return this_call.result(group);
  }

  visited_devfns visited;
  group = get_pci_alias_group(*pdev, visited);
  if (group != nullptr) return this_call.result(group);
  group = get_pci_function_alias_group(*pdev, visited);
  if (group != nullptr) return this_call.result(group);
  return this_call.result(dev.bus->iommu.group_alloc());
}

}  // namespace iommulab
