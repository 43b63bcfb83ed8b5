// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/pci/vfio_pci_core.h"

#include <utility>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "vfio/pci/config_access.h"
#include "vfio/v6_12/pci/intrs.h"

namespace iommulab::v6_12 {
namespace {

/// CONFIG_VFIO_PCI_VGA is on. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_vga_disabled()
bool vfio_vga_disabled(const vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_vga_disabled", {"vdev", vdev});
  return this_call.result(false);
}

// Linux v6.12 include/linux/vfio_pci_core.h: vfio_pci_is_vga()
bool vfio_pci_is_vga(const pci_dev& pdev) {
  constexpr uint32_t class_display_vga = 0x0300;
  return pdev.class_code >> 8 == class_display_vga;
}

/// Network functions whose line cannot be masked.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_nointx()
bool vfio_pci_nointx(const vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_nointx", {"pdev", *vdev.pdev});
  constexpr uint16_t intel = 0x8086;
  const uint16_t id = vdev.pdev->device_id;
  const bool is_i40e = id == 0x1572 || id == 0x1574 || (id >= 0x1580 && id <= 0x1581) ||
                       (id >= 0x1583 && id <= 0x158b) || (id >= 0x37d0 && id <= 0x37d2);
  return this_call.result(vdev.pdev->vendor == intel && (is_i40e || id == 0x1563));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_probe_mmaps()
void vfio_pci_probe_mmaps(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_probe_mmaps", {"vdev", vdev});
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    const pci_resource& range = vdev.pdev->resource[bar];
    const uint64_t length = pci_resource_len(*vdev.pdev, bar);
    // A smaller one has to have its page to itself.
    vdev.bar_mmap_supported[bar] = (range.flags & ioresource_mem) != 0 && length != 0 &&
                                   (length >= page_size || (range.start & ~page_mask) == 0);
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_probe_power_state()
void vfio_pci_probe_power_state(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_probe_power_state", {"vdev", vdev});
  const uint16_t pos = pci_find_capability(*vdev.pdev, pci_cap_id_pm);
  if (pos == 0) return;
  const uint16_t pmcsr = vdev.pdev->config->read16(static_cast<uint16_t>(pos + pci_pm_ctrl));
  vdev.needs_pm_restore = (pmcsr & pci_pm_ctrl_no_soft_reset) == 0;
}

/// Nobody here makes virtual functions, and so no tokens for them.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_vf_init()
int vfio_pci_vf_init(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_vf_init", {"vdev", vdev});
  return this_call.result(0);
}
// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_vf_uninit()
void vfio_pci_vf_uninit(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_vf_uninit", {"vdev", vdev});
}
/// There is no arbiter of VGA's old addresses.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_vga_init()
int vfio_pci_vga_init(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_vga_init", {"vdev", vdev});
  return this_call.result(0);
}
// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_vga_uninit()
void vfio_pci_vga_uninit(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_vga_uninit", {"vdev", vdev});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: __vfio_pci_runtime_pm_exit()
void runtime_pm_exit_locked(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "__vfio_pci_runtime_pm_exit", {"vdev", vdev});
}
// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_runtime_pm_exit()
void vfio_pci_runtime_pm_exit(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_runtime_pm_exit", {"vdev", vdev});
  runtime_pm_exit_locked(vdev);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_sriov_configure()
int vfio_pci_core_sriov_configure(vfio_pci_core_device& vdev, int nr_virtfn) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_sriov_configure", {"vdev", vdev},
                {"nr_virtfn", nr_virtfn});
  return this_call.result(0);
}

/// Switches off what the user left on, and gives the function back its configuration.
void restore_function(vfio_pci_core_device& vdev) {
  pci_dev& pdev = *vdev.pdev;
  pdev.config->write16(pci_reg::command, pci_reg::command_interrupt_disable.mask());
  if (vdev.reset_works && pci_try_reset_function(pdev) == 0) vdev.needs_reset = false;
  pci_restore_state(pdev, vdev.pci_saved_state);
  vdev.pci_saved_state.clear();
}

/// -EINVAL: it is none that is given to users; -EBUSY: it has virtual functions.
int check_function(const pci_dev& pdev) {
  return pdev.hdr_type == pci_header_type::normal ? 0 : -EINVAL;
}

/// Functions that are reset together are a set.
int assign_device_set(vfio_pci_core_device& vdev) {
  const pci_dev& pdev = *vdev.pdev;
  const bool is_alone = pci_is_root_bus(*pdev.bus) || pdev.is_virtfn;
  if (is_alone) return vfio_assign_device_set(vdev, &vdev);
  return vfio_assign_device_set(vdev, pdev.bus);
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_init_dev()
int vfio_pci_core_init_dev(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_init_dev", {"core_vdev", vdev});
  vdev.pdev = vdev.dev->pci;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_set_power_state()
int vfio_pci_set_power_state(vfio_pci_core_device& vdev, unsigned state) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_set_power_state", {"vdev", vdev}, {"state", state});
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_register_device()
int vfio_pci_core_register_device(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_register_device", {"vdev", vdev});
  int ret = check_function(*vdev.pdev);
  if (ret == 0) ret = assign_device_set(vdev);
  if (ret == 0) ret = vfio_pci_vf_init(vdev);
  if (ret != 0) return this_call.result(ret);
  ret = vfio_pci_vga_init(vdev);
  if (ret == 0) {
    vfio_pci_probe_power_state(vdev);
    vfio_pci_set_power_state(vdev, 0);
    ret = vfio_register_group_dev(vdev);
    if (ret == 0) return this_call.result(0);
    vfio_pci_vga_uninit(vdev);
  }
  vfio_pci_vf_uninit(vdev);
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_unregister_device()
bool vfio_pci_core_unregister_device(vfio_pci_core_device& vdev, std::function<void()> then) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_unregister_device", {"vdev", vdev});
  vfio_pci_core_sriov_configure(vdev, 0);
  const auto uninit = [&vdev] {
    vfio_pci_vf_uninit(vdev);
    vfio_pci_vga_uninit(vdev);
  };
  const bool is_done = vfio_unregister_group_dev(vdev, [uninit, last = std::move(then)] {
    uninit();
    last();
  });
  if (is_done) uninit();
  return this_call.result(is_done);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_release_dev()
void vfio_pci_core_release_dev(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_release_dev", {"core_vdev", vdev});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_enable()
int vfio_pci_core_enable(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_enable", {"vdev", vdev});
  pci_dev& pdev = *vdev.pdev;
  // What is saved must not let the function master the bus.
  pci_clear_master(pdev);
  pdev.bus->core->enable_device(pdev);
  vdev.reset_works = pci_try_reset_function(pdev) == 0;
  vdev.pci_saved_state = pci_save_state(pdev);
  vdev.nointx = vfio_pci_nointx(vdev);
  vdev.pci_2_3 = !vdev.nointx;
  if (vdev.nointx) dev_printk(pdev.dev, log_level::info, "Masking broken INTx support");
  pci_intx(pdev, !vdev.nointx);
  const int ret = vfio_config_init(vdev);
  if (ret != 0) {
    vdev.pci_saved_state.clear();
    return this_call.result(ret);
  }
  find_msix_table(vdev);
  vdev.has_vga = !vfio_vga_disabled(vdev) && vfio_pci_is_vga(pdev);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_finish_enable()
void vfio_pci_core_finish_enable(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_finish_enable", {"vdev", vdev});
  vfio_pci_probe_mmaps(vdev);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_disable()
void vfio_pci_core_disable(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_disable", {"vdev", vdev});
  vfio_pci_runtime_pm_exit(vdev);
  vfio_pci_set_power_state(vdev, 0);
  pci_clear_master(*vdev.pdev);
  vfio_pci_set_irqs_ioctl(vdev, nullptr,
                          uapi::vfio_irq_set_data_none | uapi::vfio_irq_set_action_trigger,
                          vdev.irq_type, 0, 0, {});
  for (vfio_pci_ioeventfd_entry& each : vdev.ioeventfds_list) {
    vfio_virqfd_disable(vdev.services(), each.virqfd);
  }
  vdev.ioeventfds_list.clear();
  vdev.virq_disabled = false;
  vfio_config_free(vdev);
  for (std::unique_ptr<mmio_window>& window : vdev.barmap) window.reset();
  vdev.needs_reset = true;
  restore_function(vdev);
  vfio_pci_dev_set_try_reset(*vdev.dev_set);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_close_device()
void vfio_pci_core_close_device(vfio_pci_core_device& vdev) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_core_close_device", {"core_vdev", vdev});
  vfio_pci_core_disable(vdev);
  vfio_pci_eventfd_replace_locked(vdev, vdev.err_trigger, nullptr);
  vfio_pci_eventfd_replace_locked(vdev, vdev.req_trigger, nullptr);
}

}  // namespace iommulab::v6_12
