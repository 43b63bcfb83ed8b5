// SPDX-License-Identifier: GPL-2.0-only
//
// What a device's user asks for. Linux v4.4 drivers/vfio/pci/vfio_pci.c.
#include <cstddef>

#include "vfio/process/uaccess.h"
#include "vfio/v4_4/pci/vfio_pci.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

template <typename T>
int64_t answer(const vfio_pci_device& vdev, task_struct& current, uint64_t arg, const T& what,
               size_t minsz = sizeof(T)) {
  return vdev.driver.vfio.release.answered(
      current.mm->copy_to_user(arg, bytes_of(what).subspan(0, minsz)));
}

int64_t get_info(const vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  constexpr size_t minsz = offsetof(uapi::vfio_device_info, cap_offset);
  uapi::vfio_device_info info;
  if (copy_from_user(current, info, arg, minsz) != 0) return -EFAULT;
  if (info.argsz < minsz) return -EINVAL;
  info.flags = uapi::vfio_device_flags_pci;
  if (vdev.reset_works) info.flags |= uapi::vfio_device_flags_reset;
  info.num_regions = uapi::vfio_pci_num_regions;
  info.num_irqs = uapi::vfio_pci_num_irqs;
  return answer(vdev, current, arg, info, minsz);
}

/// What the region is. 0 or -EINVAL.
int fill_region_info(const vfio_pci_device& vdev, uapi::vfio_region_info& info) {
  constexpr uint32_t read_write =
      uapi::vfio_region_info_flag_read | uapi::vfio_region_info_flag_write;
  info.offset = vfio_pci_index_to_offset(info.index);
  info.flags = 0;
  switch (info.index) {
    case uapi::vfio_pci_config_region_index:
      info.size = vdev.pdev->config->size();
      info.flags = read_write;
      return 0;
    case uapi::vfio_pci_rom_region_index:
      // pci_map_rom() finds the ROM's signature behind no base address here.
      info.size = 0;
      return 0;
    case uapi::vfio_pci_vga_region_index:
      if (!vdev.has_vga) return -EINVAL;
      info.size = 0xc0000;
      info.flags = read_write;
      return 0;
    default:
      break;
  }
  if (info.index > uapi::vfio_pci_bar5_region_index) return -EINVAL;
  info.size = pci_resource_len(*vdev.pdev, info.index);
  if (info.size == 0) return 0;
  info.flags = read_write;
  const bool is_memory = (vdev.pdev->resource[info.index].flags & ioresource_mem) != 0;
  if (is_memory && info.size >= page_size) info.flags |= uapi::vfio_region_info_flag_mmap;
  return 0;
}

int64_t get_region_info(const vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  uapi::vfio_region_info info;
  if (copy_from_user(current, info, arg) != 0) return -EFAULT;
  if (info.argsz < sizeof(info)) return -EINVAL;
  const int ret = fill_region_info(vdev, info);
  return ret != 0 ? ret : answer(vdev, current, arg, info);
}

int64_t get_irq_info(const vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  uapi::vfio_irq_info info;
  if (copy_from_user(current, info, arg) != 0) return -EFAULT;
  if (info.argsz < sizeof(info) || info.index >= uapi::vfio_pci_num_irqs) return -EINVAL;
  if (info.index == uapi::vfio_pci_err_irq_index && !pci_is_pcie(*vdev.pdev)) return -EINVAL;
  info.flags = uapi::vfio_irq_info_eventfd;
  info.count = static_cast<uint32_t>(vfio_pci_get_irq_count(vdev, info.index));
  if (info.index == uapi::vfio_pci_intx_irq_index) {
    info.flags |= uapi::vfio_irq_info_maskable | uapi::vfio_irq_info_automasked;
  } else {
    info.flags |= uapi::vfio_irq_info_noresize;
  }
  return answer(vdev, current, arg, info);
}

int set_irqs(vfio_pci_device& vdev, task_struct& current, uint64_t arg) {
  constexpr uint32_t known =
      uapi::vfio_irq_set_data_type_mask | uapi::vfio_irq_set_action_type_mask;
  uapi::vfio_irq_set hdr;
  if (copy_from_user(current, hdr, arg) != 0) return -EFAULT;
  if (hdr.argsz < sizeof(hdr) || hdr.index >= uapi::vfio_pci_num_irqs ||
      (hdr.flags & ~known) != 0) {
    return -EINVAL;
  }
  uint64_t size = 0;
  const int max = vfio_pci_get_irq_count(vdev, hdr.index);
  const int ret = vdev.driver.vfio.release.check_irq_set(hdr, max, size);
  if (ret != 0) return ret;
  std::vector<std::byte> data(size);
  slab_token memory;
  if (size != 0) {
    memory = slab_token(vdev.slab);
    if (!memory) return -ENOMEM;
    if (current.mm->copy_from_user(absl::MakeSpan(data), arg + sizeof(hdr)) != 0) return -EFAULT;
  }
  return vfio_pci_set_irqs_ioctl(vdev, &current, hdr.flags, hdr.index, hdr.start, hdr.count,
                                 {data});
}

}  // namespace

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_get_irq_count()
int vfio_pci_get_irq_count(const vfio_pci_device& vdev, unsigned irq_type) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_get_irq_count", {"vdev", vdev}, {"irq_type", irq_type});
  const pci_dev& pdev = *vdev.pdev;
  const auto flags_of = [&pdev](uint8_t cap) -> int {
    const uint16_t pos = pci_find_capability(pdev, cap);
    return pos == 0 ? -1 : pdev.config->read16(static_cast<uint16_t>(pos + pci_msi_flags));
  };
  int count = 0;
  if (irq_type == uapi::vfio_pci_intx_irq_index) {
    count = pdev.config->read8(pci_interrupt_pin) != 0 ? 1 : 0;
  } else if (irq_type == uapi::vfio_pci_msi_irq_index) {
    const int flags = flags_of(pci_cap_id_msi);
    if (flags >= 0) count = 1 << ((flags & pci_msi_flags_qmask) >> 1);
  } else if (irq_type == uapi::vfio_pci_msix_irq_index) {
    const int flags = flags_of(pci_cap_id_msix);
    if (flags >= 0) count = (flags & pci_msix_flags_qsize) + 1;
  } else if (irq_type == uapi::vfio_pci_err_irq_index) {
    count = pci_is_pcie(pdev) ? 1 : 0;
  } else if (irq_type == uapi::vfio_pci_req_irq_index) {
    count = 1;
  }
  return this_call.result(count);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_ioctl()
int64_t vfio_pci_ioctl(vfio_pci_device& vdev, task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_ioctl", {"device_data", vdev}, {"cmd", cmd}, {"arg", arg});
  int64_t ret = -ENOTTY;
  switch (cmd) {
    case uapi::vfio_device_get_info:
      ret = get_info(vdev, current, arg);
      break;
    case uapi::vfio_device_get_region_info:
      ret = get_region_info(vdev, current, arg);
      break;
    case uapi::vfio_device_get_irq_info:
      ret = get_irq_info(vdev, current, arg);
      break;
    case uapi::vfio_device_set_irqs:
      ret = set_irqs(vdev, current, arg);
      break;
    case uapi::vfio_device_reset:
      ret = vdev.reset_works ? pci_try_reset_function(*vdev.pdev) : -EINVAL;
      break;
    case uapi::vfio_device_get_pci_hot_reset_info:
      ret = vfio_pci_get_hot_reset_info(vdev, current, arg);
      break;
    case uapi::vfio_device_pci_hot_reset:
      ret = vfio_pci_hot_reset(vdev, current, arg);
      break;
    default:
      break;
  }
  return this_call.result(ret);
}

}  // namespace iommulab::v4_4
