// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/rdwr.h"

#include <algorithm>

#include "vfio/pci/config_access.h"
#include "vfio/process/uaccess.h"

namespace iommulab {
namespace {

uint64_t all_ones_of(unsigned width) {
  return UINT64_MAX >> (64 - 8 * width);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_core_ioread8() and its siblings
uint64_t io_read(mmio_window* io, uint64_t offset, unsigned width) {
  if (io == nullptr) return all_ones_of(width);
  if (width == 8) return io->read64(offset);
  const uint64_t word = io->read32(offset & ~uint64_t{3});
  return (word >> (8 * (offset & 3))) & all_ones_of(width);
}

/// What vfio_pci_core_do_io_rw() is given.
struct io_range {
  mmio_window* io = nullptr;
  bool test_mem = false;
  uint64_t x_start = 0;  ///< what lies between reads as all ones, and is not written
  uint64_t x_end = 0;
  unsigned max_width = 0;
};

unsigned widest(uint64_t fillable, uint64_t off, unsigned max_width) {
  for (unsigned width = max_width; width > 1; width /= 2) {
    if (fillable >= width && off % width == 0) return width;
  }
  return 1;
}

/// One access. 0 or a negative errno.
int move_piece(const vfio_pci_function& vdev, task_struct& current, const io_range& range,
               uint64_t buf, uint64_t off, unsigned width, bool iswrite) {
  if (range.test_mem && !vfio_pci_memory_enabled(vdev)) return -EIO;
  if (!iswrite) {
    const uint64_t val = io_read(range.io, off, width);
    return copy_to_user(current, buf, val, width);
  }
  uint64_t val = 0;
  if (copy_from_user(current, val, buf, width) != 0) return -EFAULT;
  vfio_pci_iowrite(range.io, off, width, val);
  return 0;
}

int fill_with_ones(task_struct& current, uint64_t buf, uint64_t count) {
  constexpr uint8_t ones = 0xff;
  for (uint64_t i = 0; i < count; ++i) {
    if (copy_to_user(current, buf + i, ones) != 0) return -EFAULT;
  }
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_core_do_io_rw()
int64_t vfio_pci_core_do_io_rw(const vfio_pci_function& vdev, task_struct& current,
                               const io_range& range, uint64_t buf, uint64_t off, uint64_t count,
                               bool iswrite) {
  uint64_t done = 0;
  while (done < count) {
    const uint64_t left = count - done;
    uint64_t fillable = off >= range.x_end ? left : 0;
    if (off < range.x_start) fillable = std::min(left, range.x_start - off);
    uint64_t filled = 0;
    int ret = 0;
    if (fillable != 0) {
      filled = widest(fillable, off, range.max_width);
      ret =
          move_piece(vdev, current, range, buf + done, off, static_cast<unsigned>(filled), iswrite);
    } else {
      filled = std::min(left, range.x_end - off);
      if (!iswrite) ret = fill_with_ones(current, buf + done, filled);
    }
    if (ret != 0) return ret;
    done += filled;
    off += filled;
  }
  return static_cast<int64_t>(done);
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_core_iowrite8() and its siblings
void vfio_pci_iowrite(mmio_window* io, uint64_t offset, unsigned width, uint64_t val) {
  if (io == nullptr) return;
  if (width == 8) {
    io->write64(offset, val);
    return;
  }
  const uint64_t at = offset & ~uint64_t{3};
  if (width == 4) {
    io->write32(at, static_cast<uint32_t>(val));
    return;
  }
  const unsigned shift = 8 * static_cast<unsigned>(offset & 3);
  const uint64_t mask = all_ones_of(width) << shift;
  io->write32(at, static_cast<uint32_t>((io->read32(at) & ~mask) | ((val << shift) & mask)));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_core_setup_barmap()
mmio_window* vfio_pci_bar_window(vfio_pci_function& vdev, unsigned bar) {
  if (bar > pci_rom_resource) return nullptr;
  const pci_resource& range = vdev.pdev->resource[bar];
  if (vdev.hardware.mmio == nullptr || (range.flags & ioresource_mem) == 0) return nullptr;
  std::unique_ptr<mmio_window>& window = vdev.barmap[bar];
  if (window == nullptr) {
    window = vdev.hardware.mmio->map(phys_addr(range.start), pci_resource_len(*vdev.pdev, bar));
  }
  return window.get();
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_bar_rw()
int64_t vfio_pci_bar_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf, uint64_t count,
                        uint64_t position, bool iswrite) {
  const pci_dev& pdev = *vdev.pdev;
  const uint64_t pos = position & vfio_pci_offset_mask;
  const auto bar = static_cast<unsigned>(position >> vfio_pci_offset_shift);
  if (pdev.resource[bar].start == 0) return -EINVAL;
  const uint64_t end = pci_resource_len(pdev, bar);
  if (pos >= end) return -EINVAL;
  // No function here has a ROM behind its base address: pci_map_rom() finds none.
  if (bar == pci_rom_resource) return -ENOMEM;
  const vfio_pci_rules& rules = vdev.permissions.rules;
  io_range range{.io = vfio_pci_bar_window(vdev, bar), .max_width = rules.widest_access};
  range.test_mem =
      rules.registers_follow_command && (pdev.resource[bar].flags & ioresource_mem) != 0;
  if (bar == vdev.msix_bar) {
    range.x_start = vdev.msix_offset;
    range.x_end = uint64_t{vdev.msix_offset} + vdev.msix_size;
  }
  return vfio_pci_core_do_io_rw(vdev, current, range, buf, pos, std::min(count, end - pos),
                                iswrite);
}

/// The frame buffer's old place; there are no I/O ports here. Linux v6.12
/// drivers/vfio/pci/vfio_pci_rdwr.c: vfio_pci_vga_rw()
int64_t vfio_pci_vga_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf, uint64_t count,
                        uint64_t position, bool iswrite) {
  constexpr uint64_t vga_start = 0xa0000;
  constexpr uint64_t vga_end = 0xc0000;
  const uint64_t pos = position & vfio_pci_offset_mask;
  if (!vdev.has_vga || pos < vga_start || pos >= vga_end) return -EINVAL;
  if (vdev.hardware.mmio == nullptr) return -EINVAL;
  const auto window = vdev.hardware.mmio->map(phys_addr(vga_start), vga_end - vga_start);
  const io_range range{.io = window.get(), .max_width = 4};
  return vfio_pci_core_do_io_rw(vdev, current, range, buf, pos - vga_start,
                                std::min(count, vga_end - pos), iswrite);
}

}  // namespace iommulab
