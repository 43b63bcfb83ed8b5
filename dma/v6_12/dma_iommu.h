// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API over an IOMMU. Linux v6.12 drivers/iommu/dma-iommu.c, by name: a buffer gets a range
// of addresses in the default domain of the device's group, and its pages are mapped there.
// Unmapping clears the entries at once; a strict domain's unit is told at once too and the range is
// free, a lazy one's is queued until a flush of the whole domain.
//
// Any thread may map and unmap; a range is its caller's alone between the two.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/cmdline.h"
#include "core/dma/dma_map_ops.h"
#include "core/dma/scatterlist.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/pci/pci.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "dma/memory/coherent_memory.h"
#include "dma/swiotlb/io_tlb.h"
#include "dma/v6_12/flush_queue.h"
#include "dma/v6_12/release.h"

namespace iommulab::v6_12 {

/// Linux v6.12 include/linux/dma-mapping.h: DMA_MAPPING_ERROR
inline constexpr dma_addr dma_mapping_error_address{UINT64_MAX};

/// What the command line and the kind of start say.
struct dma_iommu_parameters {
  bool forcedac = false;         ///< iommu_dma_forcedac: addresses beyond 4 GiB from the beginning
  bool is_kdump_kernel = false;  ///< devices are attached at their first mapping
};

/// What is global in dma-iommu.c, for one running system.
class dma_iommu final : public iommu_dma_hooks {
 public:
  /// Registers itself with `iommu`. Both outlive it, as do `memory` and `bounce`, which is null
  /// without bounce buffers. `cpus` processors have caches and queues of their own.
  dma_iommu(iommu_subsystem& iommu, coherent_memory& memory, io_tlb* bounce,
            const dma_iommu_parameters& parameters, unsigned cpus = 1,
            const dma_release& release = dma_of_6_12);
  ~dma_iommu() override;

  int get_dma_cookie(iommu_domain& domain) override;
  void put_dma_cookie(iommu_domain& domain) override;
  void setup_dma_ops(device& dev) override;
  void device_released(device& dev) override { dev.dma_iommu = false; }
  int init_fq(iommu_domain& domain) override;

  /// For who replays recorded pages and does not read the bytes: coherent buffers of callers that
  /// may sleep are taken page by page, wherever the pages lie, and are named by the first one's
  /// address. Otherwise they are blocks, since memory is named by physical address and the kernel's
  /// second mapping of its pages has no counterpart here. Before the first buffer.
  void take_scattered_pages(bool on) { scattered_pages_ = on; }

  const dma_release& release;
  iommu_subsystem& iommu;
  coherent_memory& memory;
  io_tlb* bounce;
  dma_iommu_parameters parameters;
  const unsigned cpus;
  bool warned_of_no_bounce = false;  ///< dev_warn_once() of iommu_dma_map_page()

  [[nodiscard]] bool scattered_pages() const { return scattered_pages_; }
  /// Single pages of a buffer, until it is freed by the first one's address. Empty: a block.
  void remember_pages(std::vector<scatterlist> pages);
  std::vector<scatterlist> forget_pages(phys_addr first);

 private:
  friend int iommu_get_msi_cookie(dma_iommu& dma, iommu_domain& domain, dma_addr base);
  iommu_dma_cookie* cookie_alloc(iommu_dma_cookie_type type);

  bool scattered_pages_ = false;
  spin_lock timers_;  // guards arming, which the clock itself does not
  spin_lock buffers_lock_;
  absl::flat_hash_map<uint64_t, std::vector<scatterlist>> buffers_ ABSL_GUARDED_BY(buffers_lock_);
  uint64_t cookies_made_ = 0;
  std::map<uint64_t, std::unique_ptr<iommu_dma_cookie>> cookies_;  ///< by serial
};

// Linux v6.12 drivers/iommu/dma-iommu.c

/// `iommu.forcedac=`, an early parameter.
void add_iommu_dma_early_params(command_line& line, dma_iommu_parameters& parameters,
                                printk_log& log);
/// arch_initcall.
int iommu_dma_init(dma_iommu& dma);

/// Nothing when there is no memory or no address. `handle` is where the device finds it.
std::optional<phys_addr> iommu_dma_alloc(dma_iommu& dma, device& dev, uint64_t size,
                                         dma_addr& handle, gfp_t gfp);
void iommu_dma_free(dma_iommu& dma, device& dev, uint64_t size, phys_addr cpu_addr,
                    dma_addr handle);
dma_addr iommu_dma_map_page(dma_iommu& dma, device& dev, phys_addr page, uint64_t offset,
                            uint64_t size, dma_data_direction dir);
void iommu_dma_unmap_page(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                          dma_data_direction dir);
/// Pieces mapped, or -ENOMEM, -EINVAL, -EIO.
int iommu_dma_map_sg(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                     dma_data_direction dir);
void iommu_dma_unmap_sg(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                        dma_data_direction dir);
/// Registers of another device.
dma_addr iommu_dma_map_resource(dma_iommu& dma, device& dev, phys_addr phys, uint64_t size,
                                dma_data_direction dir);
void iommu_dma_unmap_resource(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                              dma_data_direction dir);

void iommu_dma_sync_single_for_cpu(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                                   dma_data_direction dir);
void iommu_dma_sync_single_for_device(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                                      dma_data_direction dir);
void iommu_dma_sync_sg_for_cpu(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                               dma_data_direction dir);
void iommu_dma_sync_sg_for_device(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                                  dma_data_direction dir);

/// A domain whose owner has its own addresses keeps those from `base` on for doorbells. -EINVAL for
/// a domain that is not the owner's to map in, -EEXIST for a second cookie.
int iommu_get_msi_cookie(dma_iommu& dma, iommu_domain& domain, dma_addr base);
/// Where the device finds the doorbell at `msi_addr`: the page's address in `iova`, untouched when
/// the device is not translated. 0 or -ENOMEM. (x86 has its doorbells below the IOMMU and does not
/// ask.)
int iommu_dma_prepare_msi(dma_iommu& dma, device& dev, phys_addr msi_addr,
                          std::optional<dma_addr>& iova);

/// dev_is_untrusted(): its buffers are bounced unless they are whole pages.
inline bool dev_is_untrusted(const device& dev) {
  return dev_is_pci(dev) && dev.pci->untrusted;
}

}  // namespace iommulab::v6_12
