// SPDX-License-Identifier: GPL-2.0-only
//
// What a device's user asks for. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c.
#include <algorithm>
#include <bit>
#include <cctype>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "vfio/pci/config_access.h"
#include "vfio/pci/rdwr.h"
#include "vfio/process/uaccess.h"
#include "vfio/v6_12/pci/intrs.h"
#include "vfio/v6_12/pci/ioeventfd.h"
#include "vfio/v6_12/pci/vfio_pci_core.h"
#include "vfio/v6_12/vfio/device_file.h"
#include "vfio/v6_12/vfio/info_cap.h"

namespace iommulab::v6_12 {
namespace {

/// The chain goes behind the answer if there is room, else the answer says how much is needed.
template <typename Info>
int put_caps(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg, vfio_info_cap& caps,
             Info& info) {
  info.cap_offset = 0;
  if (info.argsz < sizeof(info) + caps.buf.size()) {
    info.argsz = static_cast<uint32_t>(sizeof(info) + caps.buf.size());
    return 0;
  }
  vfio_info_cap_shift(*vdev.module, caps, sizeof(info));
  if (current.mm->copy_to_user(arg + sizeof(info), caps.buf) != 0) return -EFAULT;
  info.cap_offset = sizeof(info);
  return 0;
}

// Linux v6.12 drivers/pci/pci.c: pci_enable_atomic_ops_to_root()
bool root_completes_atomic_ops(const pci_dev& pdev, uint32_t cap) {
  if (!pci_is_pcie(pdev) || pdev.is_virtfn || pdev.bus->parent == nullptr) return false;
  constexpr uint16_t devcap2_atomic_route = 0x40;
  for (const pci_bus* bus = pdev.bus; bus->parent != nullptr; bus = bus->parent) {
    const pci_dev& bridge = *bus->self;
    if (!pci_is_pcie(bridge)) return false;
    const uint32_t devcap2 =
        bridge.config->read32(static_cast<uint16_t>(bridge.pcie_cap + pci_reg::exp_devcap2));
    const bool is_root = bridge.pcie_type == pci_exp_type::root_port;
    if ((devcap2 & (is_root ? cap : devcap2_atomic_route)) == 0) return false;
  }
  return true;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_info_atomic_cap()
int vfio_pci_info_atomic_cap(vfio_pci_core_device& vdev, vfio_info_cap& caps) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_info_atomic_cap", {"vdev", vdev});
  const pci_dev& pdev = pci_physfn(*vdev.pdev);
  uapi::vfio_device_info_cap_pci_atomic_comp_data cap;
  cap.header = {.id = uapi::vfio_device_info_cap_pci_atomic_comp, .version = 1};
  const auto devcap2_at = static_cast<uint16_t>(pdev.pcie_cap + pci_reg::exp_devcap2);
  const uint32_t devcap2 = pci_is_pcie(pdev) ? pdev.config->read32(devcap2_at) : 0;
  for (const unsigned width : {0u, 1u, 2u}) {
    const uint32_t completes = 0x80u << width;
    if ((devcap2 & completes) != 0 && root_completes_atomic_ops(pdev, completes)) {
      cap.flags |= uapi::vfio_pci_atomic_comp32 << width;
    }
  }
  if (cap.flags == 0) return this_call.result(-ENODEV);
  return this_call.result(
      vfio_info_add_capability(*vdev.module, caps, bytes_of(std::as_const(cap))));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_get_info()
int vfio_pci_ioctl_get_info(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_get_info", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_device_info info;
  size_t minsz = offsetof(uapi::vfio_device_info, cap_offset);
  if (copy_from_user(current, info, arg, minsz) != 0) return this_call.result(-EFAULT);
  if (info.argsz < minsz) return this_call.result(-EINVAL);
  minsz = std::min<size_t>(info.argsz, sizeof(info));
  info.flags = uapi::vfio_device_flags_pci;
  if (vdev.reset_works) info.flags |= uapi::vfio_device_flags_reset;
  info.num_regions = uapi::vfio_pci_num_regions;
  info.num_irqs = uapi::vfio_pci_num_irqs;
  vfio_info_cap caps;
  int ret = vfio_pci_info_atomic_cap(vdev, caps);
  if (ret != 0 && ret != -ENODEV) return this_call.result(ret);
  if (!caps.buf.empty()) {
    info.flags |= uapi::vfio_device_flags_caps;
    ret = put_caps(vdev, current, arg, caps, info);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(copy_to_user(current, arg, info, minsz));
}

/// One that can be mapped says of the MSI-X table that it may be mapped with the rest.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: msix_mmappable_cap()
int msix_mmappable_cap(vfio_pci_core_device& vdev, vfio_info_cap& caps) {
  IOMMULAB_CALL(trace_of(vdev), "msix_mmappable_cap", {"vdev", vdev});
  const uapi::vfio_info_cap_header header = {.id = uapi::vfio_region_info_cap_msix_mappable,
                                             .version = 1};
  return this_call.result(vfio_info_add_capability(*vdev.module, caps, bytes_of(header)));
}

int bar_region_info(vfio_pci_core_device& vdev, uapi::vfio_region_info& info, vfio_info_cap& caps) {
  info.size = pci_resource_len(*vdev.pdev, info.index);
  info.flags = 0;
  if (info.size == 0) return 0;
  info.flags = uapi::vfio_region_info_flag_read | uapi::vfio_region_info_flag_write;
  if (!vdev.bar_mmap_supported[info.index]) return 0;
  info.flags |= uapi::vfio_region_info_flag_mmap;
  return info.index == vdev.msix_bar ? msix_mmappable_cap(vdev, caps) : 0;
}

/// What the region is. 0 or a negative errno.
int fill_region_info(vfio_pci_core_device& vdev, uapi::vfio_region_info& info,
                     vfio_info_cap& caps) {
  constexpr uint32_t read_write =
      uapi::vfio_region_info_flag_read | uapi::vfio_region_info_flag_write;
  info.offset = vfio_pci_index_to_offset(info.index);
  switch (info.index) {
    case uapi::vfio_pci_config_region_index:
      info.size = vdev.pdev->config->size();
      info.flags = read_write;
      return 0;
    case uapi::vfio_pci_rom_region_index:
      // pci_map_rom() finds the ROM's signature behind no base address here.
      info.size = 0;
      info.flags = 0;
      return 0;
    case uapi::vfio_pci_vga_region_index:
      if (!vdev.has_vga) return -EINVAL;
      info.size = 0xc0000;
      info.flags = read_write;
      return 0;
    default:
      return info.index > uapi::vfio_pci_bar5_region_index ? -EINVAL
                                                           : bar_region_info(vdev, info, caps);
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_get_region_info()
int vfio_pci_ioctl_get_region_info(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_get_region_info", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_region_info info;
  if (copy_from_user(current, info, arg) != 0) return this_call.result(-EFAULT);
  if (info.argsz < sizeof(info)) return this_call.result(-EINVAL);
  vfio_info_cap caps;
  int ret = fill_region_info(vdev, info, caps);
  if (ret == 0 && !caps.buf.empty()) {
    info.flags |= uapi::vfio_region_info_flag_caps;
    ret = put_caps(vdev, current, arg, caps, info);
  }
  if (ret != 0) return this_call.result(ret);
  return this_call.result(copy_to_user(current, arg, info));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_get_irq_info()
int vfio_pci_ioctl_get_irq_info(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_get_irq_info", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_irq_info info;
  if (copy_from_user(current, info, arg) != 0) return this_call.result(-EFAULT);
  if (info.argsz < sizeof(info) || info.index >= uapi::vfio_pci_num_irqs) {
    return this_call.result(-EINVAL);
  }
  if (info.index == uapi::vfio_pci_err_irq_index && !pci_is_pcie(*vdev.pdev)) {
    return this_call.result(-EINVAL);
  }
  info.flags = uapi::vfio_irq_info_eventfd;
  info.count = static_cast<uint32_t>(vfio_pci_get_irq_count(vdev, info.index));
  if (info.index == uapi::vfio_pci_intx_irq_index) {
    info.flags |= uapi::vfio_irq_info_maskable | uapi::vfio_irq_info_automasked;
  } else if (info.index != uapi::vfio_pci_msix_irq_index || !vdev.has_dyn_msix) {
    info.flags |= uapi::vfio_irq_info_noresize;
  }
  return this_call.result(copy_to_user(current, arg, info));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_set_irqs()
int vfio_pci_ioctl_set_irqs(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_set_irqs", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_irq_set hdr;
  if (copy_from_user(current, hdr, arg) != 0) return this_call.result(-EFAULT);
  const int max = vfio_pci_get_irq_count(vdev, hdr.index);
  uint64_t data_size = 0;
  const int ret = vfio_set_irqs_validate_and_prepare(*vdev.module, hdr, max,
                                                     uapi::vfio_pci_num_irqs, &data_size);
  if (ret != 0) return this_call.result(ret);
  std::vector<std::byte> data(data_size);
  if (data_size != 0) {
    if (!slab_token(vdev.module->slab)) return this_call.result(-ENOMEM);
    if (current.mm->copy_from_user(absl::MakeSpan(data), arg + sizeof(hdr)) != 0) {
      return this_call.result(-EFAULT);
    }
  }
  return this_call.result(
      vfio_pci_set_irqs_ioctl(vdev, &current, hdr.flags, hdr.index, hdr.start, hdr.count, {data}));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_zap_and_down_write_memory_lock()
void vfio_pci_zap_and_down_write_memory_lock(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_zap_and_down_write_memory_lock", {"vdev", vdev});
  vfio_pci_zap_bars(vdev);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_reset()
int vfio_pci_ioctl_reset(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_reset", {"vdev", vdev});
  if (!vdev.reset_works) return this_call.result(-EINVAL);
  vfio_pci_zap_and_down_write_memory_lock(vdev);
  vfio_pci_set_power_state(vdev, 0);
  return this_call.result(pci_try_reset_function(*vdev.pdev));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_ioctl_ioeventfd()
int vfio_pci_ioctl_ioeventfd(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_ioctl_ioeventfd", {"vdev", vdev}, {"arg", arg});
  uapi::vfio_device_ioeventfd ioeventfd;
  const size_t minsz = offsetof(uapi::vfio_device_ioeventfd, reserved);
  if (copy_from_user(current, ioeventfd, arg, minsz) != 0) return this_call.result(-EFAULT);
  if (ioeventfd.argsz < minsz) return this_call.result(-EINVAL);
  const uint32_t count = ioeventfd.flags & uapi::vfio_device_ioeventfd_size_mask;
  if (count != ioeventfd.flags || std::popcount(count) != 1 || ioeventfd.fd < -1) {
    return this_call.result(-EINVAL);
  }
  return this_call.result(
      vfio_pci_ioeventfd(vdev, current, ioeventfd.offset, ioeventfd.data, count, ioeventfd.fd));
}

/// Without power states all that can be asked is whether there are any.
int low_power_feature(uint32_t flags, uint64_t argsz, uint64_t minsz) {
  const int ret = vfio_check_feature(flags, argsz, uapi::vfio_device_feature_set, minsz);
  return ret == 1 ? -EINVAL : ret;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_pm_entry()
int vfio_pci_core_pm_entry(vfio_pci_core_device& vdev, uint32_t flags, uint64_t argsz) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_pm_entry", {"device", vdev}, {"flags", flags},
                {"argsz", argsz});
  return this_call.result(low_power_feature(flags, argsz, 0));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_pm_entry_with_wakeup()
int vfio_pci_core_pm_entry_with_wakeup(vfio_pci_core_device& vdev, uint32_t flags, uint64_t argsz) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_pm_entry_with_wakeup", {"device", vdev},
                {"flags", flags}, {"argsz", argsz});
  constexpr uint64_t wakeup_size = 8;
  return this_call.result(low_power_feature(flags, argsz, wakeup_size));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_rw()
int64_t vfio_pci_rw(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf, uint64_t count,
                    uint64_t position, bool iswrite) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_rw", {"vdev", vdev}, {"buf", buf}, {"count", count},
                {"ppos", position}, {"iswrite", iswrite});
  const uint64_t index = position >> vfio_pci_offset_shift;
  int64_t ret = -EINVAL;
  if (index == uapi::vfio_pci_config_region_index) {
    ret = vfio_pci_config_rw(vdev, current, buf, count, position, iswrite);
  } else if (index == uapi::vfio_pci_vga_region_index) {
    ret = vfio_pci_vga_rw(vdev, current, buf, count, position, iswrite);
  } else if (index <= uapi::vfio_pci_bar5_region_index ||
             (index == uapi::vfio_pci_rom_region_index && !iswrite)) {
    ret = vfio_pci_bar_rw(vdev, current, buf, count, position, iswrite);
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_validate_vf_token()
int vfio_pci_validate_vf_token(vfio_pci_core_device& vdev, bool vf_token) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_validate_vf_token", {"vdev", vdev},
                {"vf_token", vf_token});
  if (!vf_token) return this_call.result(0);
  dev_printk(vdev.pdev->dev, log_level::info, "VF token incorrectly provided, %s",
             vdev.pdev->is_virtfn ? "PF not bound to vfio-pci" : "not a PF or VF");
  return this_call.result(-EINVAL);
}

/// Linux v6.12 lib/uuid.c: uuid_is_valid()
bool is_uuid(std::string_view text) {
  constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() < shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool is_digit = std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (shape[i] == '-' ? text[i] != '-' : !is_digit) return false;
  }
  return true;
}

/// What stands behind the device's name: at most one "vf_token=" with its UUID. 0 or -EINVAL.
int parse_options(std::string_view text, bool& vf_token) {
  constexpr std::string_view token = "vf_token=";
  constexpr size_t uuid_length = 36;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    if (vf_token || !text.starts_with(token)) return -EINVAL;
    text.remove_prefix(token.size());
    if (!is_uuid(text)) return -EINVAL;
    text.remove_prefix(uuid_length);
    vf_token = true;
  }
  return 0;
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_get_irq_count()
int vfio_pci_get_irq_count(const vfio_pci_core_device& vdev, unsigned irq_type) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_get_irq_count", {"vdev", vdev}, {"irq_type", irq_type});
  const pci_dev& pdev = *vdev.pdev;
  const auto flags_of = [&pdev](uint8_t cap) -> int {
    const uint16_t pos = pci_find_capability(pdev, cap);
    return pos == 0 ? -1 : pdev.config->read16(static_cast<uint16_t>(pos + pci_msi_flags));
  };
  int count = 0;
  if (irq_type == uapi::vfio_pci_intx_irq_index) {
    count = vdev.vconfig[pci_interrupt_pin] != 0 ? 1 : 0;
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

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_ioctl()
int64_t vfio_pci_core_ioctl(vfio_pci_core_device& vdev, task_struct& current, uint32_t cmd,
                            uint64_t arg) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_ioctl", {"core_vdev", vdev}, {"cmd", cmd},
                {"arg", arg});
  int ret = -ENOTTY;
  switch (cmd) {
    case uapi::vfio_device_get_info:
      ret = vfio_pci_ioctl_get_info(vdev, current, arg);
      break;
    case uapi::vfio_device_get_irq_info:
      ret = vfio_pci_ioctl_get_irq_info(vdev, current, arg);
      break;
    case uapi::vfio_device_get_pci_hot_reset_info:
      ret = vfio_pci_ioctl_get_pci_hot_reset_info(vdev, current, arg);
      break;
    case uapi::vfio_device_get_region_info:
      ret = vfio_pci_ioctl_get_region_info(vdev, current, arg);
      break;
    case uapi::vfio_device_ioeventfd_request:
      ret = vfio_pci_ioctl_ioeventfd(vdev, current, arg);
      break;
    case uapi::vfio_device_pci_hot_reset:
      ret = vfio_pci_ioctl_pci_hot_reset(vdev, current, arg);
      break;
    case uapi::vfio_device_reset:
      ret = vfio_pci_ioctl_reset(vdev);
      break;
    case uapi::vfio_device_set_irqs:
      ret = vfio_pci_ioctl_set_irqs(vdev, current, arg);
      break;
    default:
      break;
  }
  return this_call.result(int64_t{ret});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_ioctl_feature()
int vfio_pci_core_ioctl_feature(vfio_pci_core_device& vdev, uint32_t flags, uint64_t argsz) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_ioctl_feature", {"device", vdev}, {"flags", flags},
                {"argsz", argsz});
  switch (flags & uapi::vfio_device_feature_mask) {
    case uapi::vfio_device_feature_low_power_entry:
      return this_call.result(vfio_pci_core_pm_entry(vdev, flags, argsz));
    case uapi::vfio_device_feature_low_power_entry_with_wakeup:
      return this_call.result(vfio_pci_core_pm_entry_with_wakeup(vdev, flags, argsz));
    case uapi::vfio_device_feature_low_power_exit: {
      // A device that is on stays so.
      const int ret = vfio_check_feature(flags, argsz, uapi::vfio_device_feature_set, 0);
      return this_call.result(ret == 1 ? 0 : ret);
    }
    default:
      return this_call.result(-ENOTTY);
  }
}

int64_t vfio_pci_core_read(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                           uint64_t count, uint64_t position) {
  return count == 0 ? 0 : vfio_pci_rw(vdev, current, buf, count, position, false);
}

int64_t vfio_pci_core_write(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                            uint64_t count, uint64_t position) {
  return count == 0 ? 0 : vfio_pci_rw(vdev, current, buf, count, position, true);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_mmap()
int vfio_pci_core_mmap(vfio_pci_core_device& vdev, uint64_t address, uint64_t length,
                       uint64_t offset) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_mmap", {"core_vdev", vdev}, {"address", address},
                {"length", length}, {"offset", offset});
  const uint64_t index = offset >> vfio_pci_offset_shift;
  if (index > uapi::vfio_pci_bar5_region_index || !vdev.bar_mmap_supported[index]) {
    return this_call.result(-EINVAL);
  }
  const auto bar = static_cast<unsigned>(index);
  const uint64_t phys_len = (pci_resource_len(*vdev.pdev, bar) + ~page_mask) & page_mask;
  const uint64_t start = offset & vfio_pci_offset_mask;
  if (start + length > phys_len) return this_call.result(-EINVAL);
  return this_call.result(-ENODEV);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_request()
void vfio_pci_core_request(vfio_pci_core_device& vdev, unsigned count) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_request", {"core_vdev", vdev}, {"count", count});
  if (vdev.req_trigger != nullptr) {
    if (count % 10 == 0) {
      dev_printk(vdev.pdev->dev, log_level::notice, "Relaying device request to user (#%u)", count);
    }
    vdev.req_trigger->signal();
  } else if (count == 0) {
    dev_printk(vdev.pdev->dev, log_level::warning,
               "No device request channel registered, blocked until released by user");
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_match()
int vfio_pci_core_match(vfio_pci_core_device& vdev, std::string_view buf) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_match", {"core_vdev", vdev}, {"buf", buf});
  const std::string& name = pci_name(*vdev.pdev);
  if (!buf.starts_with(name)) return this_call.result(0);
  buf.remove_prefix(name.size());
  if (!buf.empty() && buf.front() != ' ') return this_call.result(0);
  bool vf_token = false;
  int ret = parse_options(buf, vf_token);
  if (ret == 0) ret = vfio_pci_validate_vf_token(vdev, vf_token);
  return this_call.result(ret != 0 ? ret : 1);
}

}  // namespace iommulab::v6_12
