// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/pci/vfio_pci.h"

#include <utility>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "vfio/pci/config_access.h"
#include "vfio/pci/rdwr.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint32_t class_display_vga = 0x0300;

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_is_vga()
bool vfio_pci_is_vga(const pci_dev& pdev) {
  return pdev.class_code >> 8 == class_display_vga;
}

/// The bit sticks, and nothing else changes with it.
/// Linux v4.4 drivers/pci/pci.c: pci_intx_mask_supported()
bool pci_intx_mask_supported(pci_dev& pdev) {
  constexpr uint16_t disable = pci_reg::command_interrupt_disable.mask();
  const uint16_t orig = pdev.config->read16(pci_reg::command);
  pdev.config->write16(pci_reg::command, static_cast<uint16_t>(orig ^ disable));
  const auto changed = static_cast<uint16_t>(pdev.config->read16(pci_reg::command) ^ orig);
  if (changed != disable) return false;
  pdev.config->write16(pci_reg::command, orig);
  return true;
}

void save_state(vfio_pci_device& vdev) {
  vdev.saved_state_memory = slab_token(vdev.slab);
  if (vdev.saved_state_memory) vdev.pci_saved_state = pci_save_state(*vdev.pdev);
}

void forget_state(vfio_pci_device& vdev) {
  vdev.pci_saved_state.clear();
  vdev.saved_state_memory.reset();
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_enable()
int vfio_pci_enable(vfio_pci_device& vdev) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_enable", {"vdev", vdev});
  pci_dev& pdev = *vdev.pdev;
  // What is saved must not let the function master the bus.
  pci_clear_master(pdev);
  pdev.bus->core->enable_device(pdev);
  vdev.reset_works = pci_try_reset_function(pdev) == 0;
  save_state(vdev);
  const int ret = vfio_config_init(vdev);
  if (ret != 0) {
    forget_state(vdev);
    return this_call.result(ret);
  }
  vdev.pci_2_3 = pci_intx_mask_supported(pdev);
  if (vdev.pci_2_3) pci_intx(pdev, true);
  find_msix_table(vdev);
  vdev.has_vga = vfio_pci_is_vga(pdev);
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_disable()
void vfio_pci_disable(vfio_pci_device& vdev) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_disable", {"vdev", vdev});
  pci_dev& pdev = *vdev.pdev;
  pci_clear_master(pdev);
  vfio_pci_set_irqs_ioctl(vdev, nullptr,
                          uapi::vfio_irq_set_data_none | uapi::vfio_irq_set_action_trigger,
                          vdev.irq_type, 0, 0, {});
  vdev.virq_disabled = false;
  vfio_config_free(vdev);
  for (std::unique_ptr<mmio_window>& window : vdev.barmap) window.reset();
  vdev.needs_reset = true;
  pdev.config->write16(pci_reg::command, pci_reg::command_interrupt_disable.mask());
  if (vdev.reset_works && pci_try_reset_function(pdev) == 0) vdev.needs_reset = false;
  if (!vdev.pci_saved_state.empty()) pci_restore_state(pdev, vdev.pci_saved_state);
  forget_state(vdev);
  vfio_pci_try_bus_reset(vdev);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_rw()
int64_t vfio_pci_rw(vfio_pci_device& vdev, task_struct& current, uint64_t buf, uint64_t count,
                    uint64_t position, bool iswrite) {
  IOMMULAB_CALL(vdev.trace, "vfio_pci_rw", {"vdev", vdev}, {"buf", buf}, {"count", count},
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

/// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_ops
class vfio_pci_ops final : public vfio_device_ops {
 public:
  [[nodiscard]] std::string_view name() const override { return "vfio-pci"; }
  int open(vfio_device_data& data) override;
  void release(vfio_device_data& data) override;
  int64_t read(vfio_device_data& data, task_struct& current, uint64_t buf, uint64_t count,
               uint64_t position) override {
    return count == 0 ? 0 : vfio_pci_rw(to_vfio_pci(data), current, buf, count, position, false);
  }
  int64_t write(vfio_device_data& data, task_struct& current, uint64_t buf, uint64_t count,
                uint64_t position) override {
    return count == 0 ? 0 : vfio_pci_rw(to_vfio_pci(data), current, buf, count, position, true);
  }
  int64_t ioctl(vfio_device_data& data, task_struct& current, uint32_t cmd, uint64_t arg) override {
    return vfio_pci_ioctl(to_vfio_pci(data), current, cmd, arg);
  }
  int64_t mmap(vfio_device_data& data, uint64_t address, uint64_t length, uint64_t offset) override;
  void request(vfio_device_data& data, unsigned count) override;
};

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_open()
int vfio_pci_ops::open(vfio_device_data& data) {
  vfio_pci_device& vdev = to_vfio_pci(data);
  IOMMULAB_CALL(vdev.trace, "vfio_pci_open", {"device_data", vdev});
  if (vdev.refcnt == 0) {
    const int ret = vfio_pci_enable(vdev);
    if (ret != 0) return this_call.result(ret);
  }
  ++vdev.refcnt;
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_release()
void vfio_pci_ops::release(vfio_device_data& data) {
  vfio_pci_device& vdev = to_vfio_pci(data);
  IOMMULAB_CALL(vdev.trace, "vfio_pci_release", {"device_data", vdev});
  if (--vdev.refcnt == 0) vfio_pci_disable(vdev);
}

/// -EINVAL for what may not be mapped, else -ENODEV: a process's memory has no areas of registers.
/// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_mmap()
int64_t vfio_pci_ops::mmap(vfio_device_data& data, uint64_t address, uint64_t length,
                           uint64_t offset) {
  const vfio_pci_device& vdev = to_vfio_pci(data);
  IOMMULAB_CALL(vdev.trace, "vfio_pci_mmap", {"device_data", vdev}, {"address", address},
                {"length", length}, {"offset", offset});
  const uint64_t index = offset >> vfio_pci_offset_shift;
  if (index > uapi::vfio_pci_bar5_region_index) return this_call.result(-EINVAL);
  const auto bar = static_cast<unsigned>(index);
  if ((vdev.pdev->resource[bar].flags & ioresource_mem) == 0) return this_call.result(-EINVAL);
  const uint64_t phys_len = pci_resource_len(*vdev.pdev, bar);
  const uint64_t start = offset & vfio_pci_offset_mask;
  if (phys_len < page_size || start + length > phys_len) return this_call.result(-EINVAL);
  const uint64_t table_end = uint64_t{vdev.msix_offset} + vdev.msix_size;
  const bool meets_table = start < table_end && start + length > vdev.msix_offset;
  if (bar == vdev.msix_bar && meets_table) return this_call.result(-EINVAL);
  return this_call.result(-ENODEV);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_request()
void vfio_pci_ops::request(vfio_device_data& data, unsigned count) {
  vfio_pci_device& vdev = to_vfio_pci(data);
  IOMMULAB_CALL(vdev.trace, "vfio_pci_request", {"device_data", vdev}, {"count", count});
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

}  // namespace

vfio_pci_driver::vfio_pci_driver(vfio_module& vfio, vfio_hardware hardware)
    : ops_(std::make_unique<vfio_pci_ops>()),
      module_{vfio, hardware, ops_.get(), vfio_pci_init_perm_bits(vfio.release.pci_rules())} {}

vfio_pci_driver::~vfio_pci_driver() = default;

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_probe()
int vfio_pci_probe(vfio_pci_module& module, pci_dev& pdev) {
  vfio_module& vfio = module.vfio;
  IOMMULAB_CALL(vfio.env.trace, "vfio_pci_probe", {"pdev", pdev});
  if (pdev.hdr_type != pci_header_type::normal) return this_call.result(-EINVAL);
  iommu_group* const group = iommu_group_get(pdev.dev);
  if (group == nullptr) return this_call.result(-EINVAL);
  vfio_pci_device* const vdev = kernel_new<vfio_pci_device>(vfio.slab, module).release();
  if (vdev == nullptr) {
    iommu_group_put(group);
    return this_call.result(-ENOMEM);
  }
  vdev->pdev = &pdev;
  const int ret = vfio_add_group_dev(vfio, pdev.dev, *module.ops, *vdev);
  if (ret != 0) {
    iommu_group_put(group);
    kernel_delete(vfio.slab, vdev);
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_remove()
void vfio_pci_remove(vfio_pci_module& module, pci_dev& pdev) {
  vfio_module& vfio = module.vfio;
  IOMMULAB_CALL(vfio.env.trace, "vfio_pci_remove", {"pdev", pdev});
  const auto found = vfio.drvdata.find(&pdev.dev);
  if (found == vfio.drvdata.end()) return;
  vfio_pci_device& vdev = to_vfio_pci(*found->second->device_data);
  // The group is there as long as its member is, and the member's is looked up when all is over.
  vfio_del_group_dev(vfio, pdev.dev, [&vfio, &vdev, &pdev] {
    iommu_group_put(pdev.dev.group);
    kernel_delete(vfio.slab, &vdev);
  });
}

}  // namespace iommulab::v4_4
