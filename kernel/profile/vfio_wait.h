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

}  // namespace iommulab
