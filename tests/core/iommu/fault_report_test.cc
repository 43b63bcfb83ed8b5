// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/fault_report.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "../pci/test_system.h"

namespace iommulab::fault_report_test {
namespace {

// Linux v4.4 include/linux/iommu.h: report_iommu_fault()
TEST(fault_report, reaches_the_handler_of_the_domain) {
  test_system sys({});
  device dev;
  dev.name = "0000:00:03.0";
  dev.bus = &sys.bus;
  iommu_domain domain;
  iommu_domain other;
  EXPECT_EQ(report_iommu_fault(domain, dev, dma_addr(0x1000), iommu_fault_read), -ENOSYS);

  int heard = 0;
  iommu_set_fault_handler(domain, [&](iommu_domain& where, device& who, dma_addr at, int flags) {
    ++heard;
    EXPECT_EQ(&where, &domain);
    EXPECT_EQ(&who, &dev);
    EXPECT_EQ(at, dma_addr(0x12345000));
    EXPECT_EQ(flags, iommu_fault_write);
    return heard == 1 ? 0 : -EFAULT;
  });
  EXPECT_EQ(report_iommu_fault(domain, dev, dma_addr(0x12345000), iommu_fault_write), 0);
  EXPECT_EQ(report_iommu_fault(domain, dev, dma_addr(0x12345000), iommu_fault_write), -EFAULT);
  EXPECT_EQ(heard, 2);
  EXPECT_EQ(report_iommu_fault(other, dev, dma_addr(0x12345000), iommu_fault_write), -ENOSYS);
  iommu_set_fault_handler(domain, {});
  EXPECT_EQ(report_iommu_fault(domain, dev, dma_addr(0x12345000), iommu_fault_write), -ENOSYS);
  EXPECT_EQ(heard, 2);
}

}  // namespace
}  // namespace iommulab::fault_report_test
