// SPDX-License-Identifier: GPL-2.0-only
//
// vfio-pci's remove() waits for whoever has the function open. Nobody could end that wait here, for
// the user would have to go on meanwhile; so it ends as the kernel's watch over hung tasks ends
// one.
#pragma once

#include "core/panic.h"
#include "core/pci/pci.h"

namespace iommulab {

/// kernel_panic when the modules' vfio-pci would wait.
template <typename Modules>
void stop_where_waiting(const Modules& modules, pci_dev& pdev) {
  if (!modules.waits_for_user(pdev)) return;
  throw kernel_panic("hung_task: blocked tasks: vfio-pci " + pdev.dev.name +
                     ": a user has it open");
}

/// The system goes: functions that are vfio-pci's go from it first. Null modules: none were loaded.
template <typename Modules>
void let_go_of_functions(pci_core& pci, Modules* modules) {
  if (modules == nullptr) return;
  pci.for_each_pci_dev([modules](pci_dev& pdev) {
    if (pdev.dev.driver == "vfio-pci") modules->remove(pdev);
  });
}

}  // namespace iommulab
