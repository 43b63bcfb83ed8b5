// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/fault_report.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {

void iommu_set_fault_handler(iommu_domain& domain, iommu_fault_handler handler) {
  domain.handler = std::move(handler);
}

int report_iommu_fault(iommu_domain& domain, device& dev, dma_addr iova, int flags) {
  const int ret = domain.handler ? domain.handler(domain, dev, iova, flags) : -ENOSYS;
  IOMMULAB_NOTE(dev.bus->env.trace, "io_page_fault: IOMMU:device=%s iova=0x%016x flags=0x%04x",
                dev.name, iova.value(), flags);
  return ret;
}

}  // namespace iommulab
