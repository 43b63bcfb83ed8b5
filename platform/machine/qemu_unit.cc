// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_unit.h"

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"
#include "platform/vtd/config.h"

namespace iommulab {
namespace {

constexpr uint64_t unit_base = 0xfed90000;

/// With interrupt remapping the unit can invalidate 2^15 entries at once.
constexpr unsigned handle_mask = 15;

/// Properties that say nothing of the unit.
constexpr std::string_view irrelevant[] = {"bus", "addr", "acpi-index", "version"};

/// Modes that the unit does not have; nothing to complain of where they are off.
constexpr std::string_view not_modelled[] = {"x-flts", "stale-tm", "svm", "fs1gp"};

/// "auto" of intremap and eim: nothing.
struct automatic {
  std::optional<bool> interrupt_remapping;
  std::optional<bool> extended_interrupts;
};

class unit_reader {
 public:
  explicit unit_reader(qemu_irqchip irqchip) : irqchip_(irqchip) {}

  absl::Status read(const std::string& name, const std::string& value) {
    if (absl::c_linear_search(irrelevant, name)) return absl::OkStatus();
    if (name == "aw-bits" || name == "x-aw-bits") return read_width(name, value);
    if (bool* const target = switch_of(name)) return read_switch(name, value, *target);
    if (name == "intremap") return read_automatic(name, value, auto_.interrupt_remapping);
    if (name == "eim") return read_automatic(name, value, auto_.extended_interrupts);
    if (absl::c_linear_search(not_modelled, name)) {
      if (parse_qemu_switch(value) == false) return absl::OkStatus();
      return refuse(name, value, "the unit does not have this mode");
    }
    return refuse(name, value, "no such option is modelled");
  }

  qemu_unit_options options() {
    options_.deviations = true;
    options_.interrupt_remapping =
        auto_.interrupt_remapping.value_or(irqchip_ != qemu_irqchip::in_kernel);
    const bool by_itself =
        options_.interrupt_remapping && (irqchip_ != qemu_irqchip::emulated || buggy_eim_);
    options_.extended_interrupts = auto_.extended_interrupts.value_or(by_itself);
    return options_;
  }

 private:
  static absl::Status refuse(std::string_view name, std::string_view value, std::string_view why) {
    return errno_status(EINVAL, absl::StrFormat("intel-iommu: %s is \"%s\": %s", name, value, why));
  }

  absl::Status read_width(std::string_view name, std::string_view value) {
    const auto bits = parse_number(value);
    if (!bits || (*bits != 39 && *bits != 48)) return refuse(name, value, "not 39 or 48");
    options_.aw_bits = static_cast<unsigned>(*bits);
    return absl::OkStatus();
  }

  static absl::Status read_switch(std::string_view name, std::string_view value, bool& target) {
    const std::optional<bool> on = parse_qemu_switch(value);
    if (!on) return refuse(name, value, "not on or off");
    target = *on;
    return absl::OkStatus();
  }

  static absl::Status read_automatic(std::string_view name, std::string_view value,
                                     std::optional<bool>& target) {
    target = parse_qemu_switch(value);
    if (!target && value != "auto") return refuse(name, value, "not on, off or auto");
    return absl::OkStatus();
  }

  bool* switch_of(std::string_view name) {
    const std::pair<std::string_view, bool*> switches[] = {
        {"caching-mode", &options_.caching_mode},
        {"pt", &options_.pass_through},
        {"device-iotlb", &options_.device_iotlb},
        {"snoop-control", &options_.snoop_control},
        {"dma-drain", &options_.dma_drain},
        {"dma-translation", &options_.dma_translation},
        {"x-buggy-eim", &buggy_eim_},
        {"x-scalable-mode", &options_.scalable_mode},
        {"x-pasid-mode", &options_.pasids},
    };
    for (const auto& [known, target] : switches) {
      if (known == name) return target;
    }
    return nullptr;
  }

  qemu_irqchip irqchip_;
  qemu_unit_options options_;
  automatic auto_;
  bool buggy_eim_ = false;  // QEMU then takes eim=on without a look at the accelerator
};

}  // namespace

absl::StatusOr<qemu_unit_options> parse_qemu_unit(const qemu_properties& properties,
                                                  qemu_irqchip irqchip) {
  unit_reader reader(irqchip);
  for (const auto& [name, value] : properties) {
    if (absl::Status status = reader.read(name, value); !status.ok()) return status;
  }
  const qemu_unit_options options = reader.options();
  if (options.pasids && !options.scalable_mode) {
    return errno_status(EINVAL, "intel-iommu: x-pasid-mode needs x-scalable-mode");
  }
  if (options.scalable_mode && !options.dma_drain) {
    return errno_status(EINVAL, "intel-iommu: x-scalable-mode needs dma-drain");
  }
  return options;
}

remapping_unit_config qemu_unit(const qemu_unit_options& options) {
  remapping_unit_config unit;
  unit.base = phys_addr(unit_base);
  const uint8_t four_levels = options.aw_bits == 48 ? vtd::sagaw_bit(48) : uint8_t{0};
  unit.cap = default_cap()
                 .set_caching_mode(options.caching_mode)
                 .set_sagaw(options.dma_translation ? vtd::sagaw_bit(39) | four_levels : uint8_t{0})
                 .set_max_guest_address_width(options.aw_bits)
                 .set_write_drain(options.dma_drain)
                 .set_read_drain(options.dma_drain);
  unit.ecap = default_ecap()
                  .set_device_tlb(options.device_iotlb)
                  .set_interrupt_remapping(options.interrupt_remapping)
                  .set_extended_interrupt_mode(options.extended_interrupts)
                  .set_pass_through(options.pass_through)
                  .set_snoop_control(options.snoop_control)
                  .set_max_handle_mask(options.interrupt_remapping ? handle_mask : 0)
                  .set_scalable_mode(options.scalable_mode)
                  .set_supervisor_requests(options.scalable_mode)
                  .set_second_level(options.scalable_mode)
                  // PSS stays 0, which says PASIDs of one bit.
                  .set_pasid_bits(options.pasids ? 1 : 0);
  unit.sees_all = true;
  if (options.deviations) unit.deviations = qemu_deviations;
  return unit;
}

}  // namespace iommulab
