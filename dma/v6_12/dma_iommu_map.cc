// SPDX-License-Identifier: GPL-2.0-only
//
// Buffers that are there already: pages and lists, bounced for devices that are not trusted. Linux
// v6.12 drivers/iommu/dma-iommu.c.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"
#include "dma/v6_12/dma_iommu_internal.h"

namespace iommulab::v6_12 {
namespace {

/// What the bounce buffer's pages, which are its own, hold behind the buffer is none of the
/// device's business.
void clear_padding(dma_iommu& dma, const iova_domain& iovad, phys_addr slots, uint64_t size,
                   dma_data_direction dir) {
  const bool is_emptied =
      dma.release.empties_what_is_written && dir == dma_data_direction::from_device;
  const uint64_t kept = is_emptied ? 0 : size;
  const uint64_t padding = iovad.align(size) - kept;
  if (padding != 0) clear_memory(dma.memory, slots + kept, padding);
}

bool is_bounced(const dma_iommu& dma, phys_addr phys) {
  return dma.bounce != nullptr && dma.bounce->is_swiotlb_buffer(phys);
}

/// What a list keeps of a piece's own place while it is laid out: the kernel's trick of using the
/// DMA fields for it.
void restore(scatterlist& piece) {
  piece.offset += static_cast<uint32_t>(piece.dma_address.value());
  piece.length = piece.dma_length;
}

// Linux v6.12 drivers/iommu/dma-iommu.c: __finalise_sg(). The list as the device sees it: pieces
// that follow one another are joined as far as the device takes it.
int finalise_sg(device& dev, absl::Span<scatterlist> sg, dma_addr address) {
  IOMMULAB_CALL(dev.bus->env.trace, "__finalise_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dma_addr", address});
  size_t current = 0;
  uint32_t current_length = 0;
  int count = 0;
  for (size_t i = 0; i < sg.size(); ++i) {
    scatterlist& piece = sg[i];
    const auto offset = static_cast<uint32_t>(piece.dma_address.value());
    const uint32_t length = piece.dma_length;
    const uint32_t padded = piece.length;
    restore(piece);
    piece.dma_address = dma_mapping_error_address;
    piece.dma_length = 0;

    const bool joins = current_length != 0 && offset == 0 &&
                       (address.value() & dev.dma_seg_boundary) != 0 &&
                       dev.dma_max_seg_size - current_length >= length;
    if (joins) {
      current_length += length;
    } else {
      if (i > 0) ++current;
      current_length = length;
      ++count;
      sg[current].dma_address = address + offset;
    }
    sg[current].dma_length = current_length;
    address = address + padded;
    // Behind a piece that does not fill its last page nothing follows on.
    if (length + offset < padded) current_length = 0;
  }
  return this_call.result(count);
}

/// __invalidate_sg(): the list as it was, for those pieces that were laid out already.
void invalidate_sg(absl::Span<scatterlist> sg, size_t laid_out) {
  for (size_t i = 0; i < sg.size(); ++i) {
    if (i < laid_out) restore(sg[i]);
    sg[i].dma_address = dma_mapping_error_address;
    sg[i].dma_length = 0;
  }
}

void unmap_sg_swiotlb(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                      dma_data_direction dir) {
  for (const scatterlist& piece : sg) {
    iommu_dma_unmap_page(dma, dev, piece.dma_address, piece.dma_length, dir);
  }
}

int map_sg_swiotlb(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                   dma_data_direction dir) {
  for (size_t i = 0; i < sg.size(); ++i) {
    scatterlist& piece = sg[i];
    piece.dma_address = iommu_dma_map_page(dma, dev, piece.page, piece.offset, piece.length, dir);
    if (piece.dma_address == dma_mapping_error_address) {
      // DMA_ATTR_SKIP_CPU_SYNC: nothing is copied back.
      unmap_sg_swiotlb(dma, dev, sg.first(i), dma_data_direction::to_device);
      return -EIO;
    }
    piece.dma_length = piece.length;
  }
  return static_cast<int>(sg.size());
}

void sync_single(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                 dma_data_direction dir, dma_sync_target target) {
  if (!dev_is_untrusted(dev)) return;
  const phys_addr phys = iommu_iova_to_phys(iommu_get_dma_domain(dev), handle);
  if (is_bounced(dma, phys)) dma.bounce->swiotlb_tbl_sync_single(dev, phys, size, dir, target);
}

}  // namespace

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_map_page()
dma_addr iommu_dma_map_page(dma_iommu& dma, device& dev, phys_addr page, uint64_t offset,
                            uint64_t size, dma_data_direction dir) {
  environment& env = dma.iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_dma_map_page", {"dev", dev}, {"page", page}, {"offset", offset},
                {"size", size}, {"dir", dir});
  phys_addr phys = page + offset;
  const iova_domain& iovad = iommu_get_dma_domain(dev).iova_cookie->iovad;
  const bool bounces = dev_is_untrusted(dev) && iovad.offset(phys.value() | size) != 0;
  if (bounces) [[unlikely]] {
    if (dma.bounce == nullptr) {
      if (!std::exchange(dma.warned_of_no_bounce, true)) {
        dev_printk(dev, log_level::warning,
                   "DMA bounce buffers are inactive, unable to map unaligned transaction.");
      }
      return this_call.result(dma_mapping_error_address);
    }
    const std::optional<phys_addr> slots =
        dma.bounce->swiotlb_tbl_map_single(dev, phys, size, dir, iovad.granule);
    if (!slots) return this_call.result(dma_mapping_error_address);
    phys = *slots;
    clear_padding(dma, iovad, phys, size, dir);
  }
  const dma_addr iova = iommu_dma_map(dma, dev, phys, size, prot_for(dir), dma_get_mask(dev));
  if (iova == dma_mapping_error_address && bounces) {
    dma.bounce->swiotlb_tbl_unmap_single(dev, phys, size, dir, iovad.granule);
  }
  return this_call.result(iova);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_unmap_page()
void iommu_dma_unmap_page(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                          dma_data_direction dir) {
  environment& env = dma.iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_dma_unmap_page", {"dev", dev}, {"handle", handle}, {"size", size},
                {"dir", dir});
  iommu_domain& domain = iommu_get_dma_domain(dev);
  const phys_addr phys = iommu_iova_to_phys(domain, handle);
  if (phys == phys_addr(0)) {
    env.log.warn_on("iommu_dma_unmap_page");
    return;
  }
  iommu_dma_unmap(dma, dev, handle, size);
  if (is_bounced(dma, phys)) [[unlikely]]
    dma.bounce->swiotlb_tbl_unmap_single(dev, phys, size, dir, domain.iova_cookie->iovad.granule);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_map_sg()
int iommu_dma_map_sg(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                     dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_map_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dir", dir});
  iommu_domain& domain = iommu_get_dma_domain(dev);
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  const iova_domain& iovad = cookie.iovad;
  if (dma.parameters.is_kdump_kernel) {
    const int ret = iommu_deferred_attach(dev, domain);
    if (ret != 0) return this_call.result(ret == -ENOMEM ? ret : -EINVAL);
  }
  if (dev_is_untrusted(dev)) [[unlikely]]
    return this_call.result(map_sg_swiotlb(dma, dev, sg, dir));
  iommu_dma_sync_sg_for_device(dma, dev, sg, dir);

  // One range for all: each piece is grown to whole pages, and where the device has a boundary the
  // piece before is grown so that none crosses it. The range begins at a boundary when it is
  // longer than from one to the next.
  const uint64_t mask = dev.dma_seg_boundary;
  uint64_t total = 0;
  size_t laid_out = 0;
  const auto give_up = [&](int error) {
    invalidate_sg(sg, laid_out);
    return error;
  };
  scatterlist* previous = nullptr;
  for (scatterlist& piece : sg) {
    const auto offset = static_cast<uint32_t>(iovad.offset(piece.offset));
    const uint64_t padded = iovad.align(uint64_t{piece.length} + offset);
    const uint64_t to_boundary = (mask - total + 1) & mask;
    piece.dma_address = dma_addr(offset);
    piece.dma_length = piece.length;
    piece.offset -= offset;
    ++laid_out;
    if (padded > UINT32_MAX) return this_call.result(give_up(-EINVAL));
    piece.length = static_cast<uint32_t>(padded);
    if (previous != nullptr && to_boundary != 0 && to_boundary < padded - 1) {
      if (to_boundary > UINT32_MAX - previous->length) return this_call.result(give_up(-EINVAL));
      previous->length += static_cast<uint32_t>(to_boundary);
      total += to_boundary;
    }
    total += padded;
    previous = &piece;
  }
  if (total == 0) return this_call.result(finalise_sg(dev, sg, dma_addr(0)));

  const dma_addr iova = iommu_dma_alloc_iova(dma, domain, total, dma_get_mask(dev), dev);
  if (iova == dma_addr(0)) return this_call.result(give_up(-ENOMEM));
  const int64_t mapped = iommu_map_sg(domain, iova, sg, prot_for(dir));
  if (mapped < 0 || static_cast<uint64_t>(mapped) < total) {
    iommu_dma_free_iova(cookie, iova, total, nullptr);
    return this_call.result(give_up(mapped == -ENOMEM ? -ENOMEM : -EINVAL));
  }
  return this_call.result(finalise_sg(dev, sg, iova));
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_unmap_sg()
void iommu_dma_unmap_sg(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                        dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_unmap_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dir", dir});
  if (dev_is_untrusted(dev)) [[unlikely]] {
    unmap_sg_swiotlb(dma, dev, sg, dir);
    return;
  }
  iommu_dma_sync_sg_for_cpu(dma, dev, sg, dir);
  // One range, from the first mapped piece to the last.
  const auto end = std::find_if(sg.begin(), sg.end(),
                                [](const scatterlist& piece) { return piece.dma_length == 0; });
  if (end == sg.begin()) return;
  const scatterlist& last = *(end - 1);
  const dma_addr start = sg.front().dma_address;
  iommu_dma_unmap(dma, dev, start, last.dma_address + last.dma_length - start);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_sync_single_for_cpu()
void iommu_dma_sync_single_for_cpu(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                                   dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_sync_single_for_cpu", {"dev", dev},
                {"handle", handle}, {"size", size}, {"dir", dir});
  sync_single(dma, dev, handle, size, dir, dma_sync_target::cpu);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_sync_single_for_device()
void iommu_dma_sync_single_for_device(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                                      dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_sync_single_for_device", {"dev", dev},
                {"handle", handle}, {"size", size}, {"dir", dir});
  sync_single(dma, dev, handle, size, dir, dma_sync_target::device);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_sync_sg_for_cpu()
void iommu_dma_sync_sg_for_cpu(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                               dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_sync_sg_for_cpu", {"dev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  if (!dev_is_untrusted(dev)) return;
  for (const scatterlist& piece : sg) {
    iommu_dma_sync_single_for_cpu(dma, dev, piece.dma_address, piece.length, dir);
  }
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_sync_sg_for_device()
void iommu_dma_sync_sg_for_device(dma_iommu& dma, device& dev, absl::Span<scatterlist> sg,
                                  dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_sync_sg_for_device", {"dev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  if (!dev_is_untrusted(dev)) return;
  for (const scatterlist& piece : sg) {
    iommu_dma_sync_single_for_device(dma, dev, piece.dma_address, piece.length, dir);
  }
}

}  // namespace iommulab::v6_12
