// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_unit.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "platform/machine/parse.h"
#include "platform/vtd/config.h"

namespace iommulab {
namespace {

constexpr uint64_t unit_base = 0xfed90000;

/// With interrupt remapping the unit can invalidate 2^15 entries at once.
constexpr unsigned handle_mask = 15;

}  // namespace

absl::StatusOr<qemu_unit_options> parse_qemu_unit(std::string_view device) {
  qemu_unit_options options;
  options.deviations = true;
  bool buggy_eim = false;  // QEMU then takes eim=on without a look at the accelerator
  const std::pair<const char*, bool*> switches[] = {
      {"intremap", &options.interrupt_remapping},
      {"caching-mode", &options.caching_mode},
      {"pt", &options.pass_through},
      {"device-iotlb", &options.device_iotlb},
      {"snoop-control", &options.snoop_control},
      {"dma-drain", &options.dma_drain},
      {"dma-translation", &options.dma_translation},
      {"eim", &options.extended_interrupts},
      {"x-buggy-eim", &buggy_eim},
  };
  const std::vector<std::string> words = absl::StrSplit(std::string(device), ',');
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "on" : words[i].substr(equals + 1);
    const auto refuse = [&](std::string_view why) {
      return errno_status(EINVAL,
                          absl::StrFormat("intel-iommu: %s is \"%s\": %s", name, value, why));
    };
    if (name == "aw-bits") {
      const auto bits = parse_number(value);
      if (!bits || (*bits != 39 && *bits != 48)) return refuse("not 39 or 48");
      options.aw_bits = static_cast<unsigned>(*bits);
      continue;
    }
    bool known = false;
    for (const auto& [option, target] : switches) {
      if (name != option) continue;
      if (value != "on" && value != "off") return refuse("not on or off");
      *target = value == "on";
      known = true;
    }
    if (!known) return refuse("no such option is modelled");
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
                  .set_max_handle_mask(options.interrupt_remapping ? handle_mask : 0);
  unit.sees_all = true;
  if (options.deviations) unit.deviations = qemu_deviations;
  return unit;
}

}  // namespace iommulab
