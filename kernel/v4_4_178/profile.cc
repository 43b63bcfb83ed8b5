// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4_178/profile.h"

#include "core/v4_4_178/pci_quirks.h"
#include "dma/v4_4_178/swiotlb.h"
#include "intel/v4_4_178/release.h"
#include "kernel/v4_4/profile.h"
#include "kernel/v4_4_178/changes.h"
#include "vfio/v4_4_178/release.h"

namespace iommulab::v4_4_178 {

const kernel_profile& profile() {
  static const v4_4::release linux_4_4_178_release = {.name = "v4_4_178",
                                                      .number = "4.4.178",
                                                      .driver = linux_4_4_178(),
                                                      .swiotlb = swiotlb(),
                                                      .vfio = vfio_4_4_178(),
                                                      .register_pci_quirks = register_pci_quirks,
                                                      .changes = changes()};
  static const v4_4::linux_4_4 the_profile(linux_4_4_178_release);
  return the_profile;
}

}  // namespace iommulab::v4_4_178
