// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver offers the IOMMU core: its own operations, those of its three kinds of domains,
// and the two domains that there is one of.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// Whoever checks the tables learns of what devices are no longer to reach: the bytes `first` to
/// `last`, at once or, when the flush is `deferred`, after it.
void observe_unmap(const intel_driver& drv, const dmar_domain& domain, uint64_t first,
                   uint64_t last, bool deferred);

/// Of domains with page tables. The kernel's functions are static there; here they are methods.
class paging_domain_ops : public iommu_domain_ops {
 public:
  explicit paging_domain_ops(intel_driver& drv) : drv_(drv) {}
  int attach_dev(iommu_domain& domain, device& dev) override;
  [[nodiscard]] bool sets_dev_pasid() const override { return true; }
  int set_dev_pasid(iommu_domain& domain, device& dev, ioasid pasid, iommu_domain* old) override;
  int map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t pgsize,
                uint64_t pgcount, int prot, uint64_t& mapped) override;
  uint64_t unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize, uint64_t pgcount,
                       iommu_iotlb_gather& gather) override;
  void flush_iotlb_all(iommu_domain& domain) override;
  int iotlb_sync_map(iommu_domain& domain, dma_addr iova, uint64_t size) override;
  void iotlb_sync(iommu_domain& domain, iommu_iotlb_gather& gather) override;
  phys_addr iova_to_phys(iommu_domain& domain, dma_addr iova) override;
  bool enforce_cache_coherency(iommu_domain& domain) override;
  void free(iommu_domain& domain) override;

 protected:
  intel_driver& drv_;
};

/// identity_domain
class identity_domain_ops : public iommu_domain_ops {
 public:
  explicit identity_domain_ops(intel_driver& drv) : drv_(drv) {}
  int attach_dev(iommu_domain& domain, device& dev) override;
  [[nodiscard]] bool sets_dev_pasid() const override { return true; }
  int set_dev_pasid(iommu_domain& domain, device& dev, ioasid pasid, iommu_domain* old) override;

 private:
  intel_driver& drv_;
};

/// blocking_domain
class blocking_domain_ops : public iommu_domain_ops {
 public:
  explicit blocking_domain_ops(intel_driver& drv) : drv_(drv) {}
  int attach_dev(iommu_domain& domain, device& dev) override;

 private:
  intel_driver& drv_;
};

/// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_ops
class intel_iommu_ops : public iommu_ops {
 public:
  explicit intel_iommu_ops(intel_driver& drv);
  bool capable(device& dev, iommu_cap cap) override;
  iommu_domain* domain_alloc(iommu_domain_type type) override;
  [[nodiscard]] bool allocates_for_users() const override { return true; }
  iommu_domain* domain_alloc_user(device& dev, uint32_t flags, iommu_domain* parent,
                                  const iommu_user_data* user_data, int& error) override;
  [[nodiscard]] bool has_hw_info() const override { return true; }
  int hw_info(device& dev, iommu_hw_info_data& info) override;
  iommu_device* probe_device(device& dev, int& error) override;
  void release_device(device& dev) override;
  iommu_group* device_group(device& dev, int& error) override;
  void get_resv_regions(device& dev, std::vector<iommu_resv_region>& regions) override;
  bool is_attach_deferred(device& dev) override;
  iommu_domain_type def_domain_type(device& dev) override;
  void remove_dev_pasid(device& dev, ioasid pasid, iommu_domain& domain) override;

 protected:
  intel_driver& drv_;

 private:
  paging_domain_ops paging_;
  identity_domain_ops identity_;
  blocking_domain_ops blocking_;
  iommu_domain identity_domain_;
  iommu_domain blocking_domain_;
};

}  // namespace iommulab::v6_12
