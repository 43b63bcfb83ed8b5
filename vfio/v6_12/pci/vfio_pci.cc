// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/pci/vfio_pci.h"

#include <algorithm>
#include <array>

#include "core/dev_printk.h"
#include "core/pci/vendor_ids.h"
#include "vfio/v6_12/pci/vfio_pci_core.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint16_t intel_vendor_id = 0x8086;

// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_dev_in_denylist()
bool vfio_pci_dev_in_denylist(const pci_dev& pdev) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "vfio_pci_dev_in_denylist", {"pdev", pdev});
  // QAT C3xxx, C62x and DH895xCC with their virtual functions, DSA and IAX of Sapphire Rapids.
  constexpr std::array<uint16_t, 8> denied = {0x19e2, 0x19e3, 0x37c8, 0x37c9,
                                              0x0435, 0x0443, 0x0b25, 0x0cfe};
  const bool is_denied = pdev.vendor == intel_vendor_id &&
                         std::find(denied.begin(), denied.end(), pdev.device_id) != denied.end();
  return this_call.result(is_denied);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_is_denylisted()
bool vfio_pci_is_denylisted(const pci_dev& pdev) {
  IOMMULAB_CALL(pdev.dev.bus->env.trace, "vfio_pci_is_denylisted", {"pdev", pdev});
  if (!vfio_pci_dev_in_denylist(pdev)) return this_call.result(false);
  dev_printk(pdev.dev, log_level::warning,
             "%04x:%04x exists in vfio-pci device denylist, driver probing disallowed.",
             pdev.vendor, pdev.device_id);
  return this_call.result(true);
}

/// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_ops
class vfio_pci_ops final : public vfio_device_ops {
 public:
  [[nodiscard]] std::string_view name() const override { return "vfio-pci"; }
  int init(vfio_device& vdev) override { return vfio_pci_core_init_dev(to_vfio_pci(vdev)); }
  void release(vfio_device& vdev) override { vfio_pci_core_release_dev(to_vfio_pci(vdev)); }
  int bind_iommufd(vfio_device& vdev, iommufd_ctx& ictx, uint32_t& out_device_id) override {
    return vfio_iommufd_physical_bind(vdev, ictx, out_device_id);
  }
  void unbind_iommufd(vfio_device& vdev) override { vfio_iommufd_physical_unbind(vdev); }
  int attach_ioas(vfio_device& vdev, uint32_t& pt_id) override {
    return vfio_iommufd_physical_attach_ioas(vdev, pt_id);
  }
  void detach_ioas(vfio_device& vdev) override { vfio_iommufd_physical_detach_ioas(vdev); }
  int open_device(vfio_device& vdev) override;
  void close_device(vfio_device& vdev) override { vfio_pci_core_close_device(to_vfio_pci(vdev)); }
  int64_t read(vfio_device& vdev, task_struct& current, uint64_t buf, uint64_t count,
               uint64_t position) override {
    return vfio_pci_core_read(to_vfio_pci(vdev), current, buf, count, position);
  }
  int64_t write(vfio_device& vdev, task_struct& current, uint64_t buf, uint64_t count,
                uint64_t position) override {
    return vfio_pci_core_write(to_vfio_pci(vdev), current, buf, count, position);
  }
  int64_t ioctl(vfio_device& vdev, task_struct& current, uint32_t cmd, uint64_t arg) override {
    return vfio_pci_core_ioctl(to_vfio_pci(vdev), current, cmd, arg);
  }
  int64_t mmap(vfio_device& vdev, task_struct& /*current*/, uint64_t address, uint64_t length,
               uint64_t offset) override {
    return vfio_pci_core_mmap(to_vfio_pci(vdev), address, length, offset);
  }
  void request(vfio_device& vdev, unsigned count) override {
    vfio_pci_core_request(to_vfio_pci(vdev), count);
  }
  int match(vfio_device& vdev, std::string_view buf) override {
    return vfio_pci_core_match(to_vfio_pci(vdev), buf);
  }
  int device_feature(vfio_device& vdev, task_struct& /*current*/, uint32_t flags, uint64_t /*arg*/,
                     uint64_t argsz) override {
    return vfio_pci_core_ioctl_feature(to_vfio_pci(vdev), flags, argsz);
  }
};

// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_open_device()
int vfio_pci_ops::open_device(vfio_device& core_vdev) {
  vfio_pci_core_device& vdev = to_vfio_pci(core_vdev);
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_open_device", {"core_vdev", core_vdev});
  const int ret = vfio_pci_core_enable(vdev);
  if (ret != 0) return this_call.result(ret);
  vfio_pci_core_finish_enable(vdev);
  return this_call.result(0);
}

}  // namespace

vfio_pci_driver::vfio_pci_driver(vfio_module& vfio, vfio_hardware hardware)
    : ops_(std::make_unique<vfio_pci_ops>()),
      module_{vfio, hardware, ops_.get(), vfio_pci_init_perm_bits(), {}} {}

vfio_pci_driver::~vfio_pci_driver() = default;

// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_probe()
int vfio_pci_probe(vfio_pci_module& module, pci_dev& pdev) {
  vfio_module& vfio = module.vfio;
  IOMMULAB_CALL(vfio.env.trace, "vfio_pci_probe", {"pdev", pdev});
  if (vfio_pci_is_denylisted(pdev)) return this_call.result(-EINVAL);
  int error = 0;
  const auto make = [&]() -> vfio_device* {
    return kernel_new<vfio_pci_core_device>(vfio.slab, module).release();
  };
  vfio_device* const made = vfio_alloc_device(vfio, make, pdev.dev, *module.ops, error);
  if (made == nullptr) return this_call.result(error);
  module.drvdata[&pdev] = &to_vfio_pci(*made);
  const int ret = vfio_pci_core_register_device(to_vfio_pci(*made));
  if (ret != 0) {
    module.drvdata.erase(&pdev);
    vfio_put_device(*made);
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci.c: vfio_pci_remove()
void vfio_pci_remove(vfio_pci_module& module, pci_dev& pdev) {
  IOMMULAB_CALL(module.vfio.env.trace, "vfio_pci_remove", {"pdev", pdev});
  const auto found = module.drvdata.find(&pdev);
  if (found == module.drvdata.end()) return;
  vfio_pci_core_device& vdev = *found->second;
  module.drvdata.erase(found);
  if (vfio_pci_core_unregister_device(vdev, [&vdev] { vfio_put_device(vdev); })) {
    vfio_put_device(vdev);
  }
}

}  // namespace iommulab::v6_12
