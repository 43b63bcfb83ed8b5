// SPDX-License-Identifier: GPL-2.0-or-later
#include "platform/machine/qemu_unit.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr uint64_t unit_base = 0xfed90000;

constexpr uint64_t field(uint64_t value, unsigned shift) {
  return value << shift;
}
constexpr uint64_t flag(bool on, unsigned shift) {
  return field(on ? 1 : 0, shift);
}

/// Capability register (VT-d 3.0, 10.4.2)
uint64_t cap_of(const qemu_unit_options& o) {
  constexpr uint64_t domains_65536 = 6;            // ND
  constexpr uint64_t sagaw_39 = 1u << 1;           // SAGAW: three levels
  constexpr uint64_t sagaw_48 = 1u << 2;           // SAGAW: four levels
  constexpr uint64_t fault_record_offset = 0x220;  // FRO, in units of 16 bytes
  constexpr uint64_t fault_records = 1;            // NFR, less one
  constexpr uint64_t large_pages_2m_1g = 0b0011;   // SLLPS
  constexpr uint64_t max_address_mask = 18;        // MAMV
  return field(domains_65536, 0) | flag(o.caching_mode, 7) |
         field(sagaw_39 | (o.aw_bits == 48 ? sagaw_48 : 0), 8) | field(o.aw_bits - 1, 16) |
         field(fault_record_offset / 16, 24) | field(large_pages_2m_1g, 34) | flag(true, 39) |
         field(fault_records - 1, 40) | field(max_address_mask, 48) | flag(o.dma_drain, 54) |
         flag(o.dma_drain, 55);
}

/// Extended capability register (VT-d 3.0, 10.4.3)
uint64_t ecap_of(const qemu_unit_options& o) {
  constexpr uint64_t iotlb_register_offset = 0xf0;  // IRO, in units of 16 bytes
  constexpr uint64_t max_handle_mask = 15;          // MHMV, with interrupt remapping
  return flag(true, 1) /* QI */ | flag(o.device_iotlb, 2) | flag(o.interrupt_remapping, 3) |
         flag(o.pass_through, 6) | flag(o.snoop_control, 7) | field(iotlb_register_offset / 16, 8) |
         field(o.interrupt_remapping ? max_handle_mask : 0, 20);
}

}  // namespace

absl::StatusOr<qemu_unit_options> parse_qemu_unit(std::string_view device) {
  qemu_unit_options options;
  const std::pair<const char*, bool*> switches[] = {
      {"intremap", &options.interrupt_remapping},
      {"caching-mode", &options.caching_mode},
      {"pt", &options.pass_through},
      {"device-iotlb", &options.device_iotlb},
      {"snoop-control", &options.snoop_control},
      {"dma-drain", &options.dma_drain},
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
      uint64_t bits = 0;
      if (!parse_number(value, bits) || (bits != 39 && bits != 48)) return refuse("not 39 or 48");
      options.aw_bits = static_cast<unsigned>(bits);
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
  unit.cap = cap_of(options);
  unit.ecap = ecap_of(options);
  return unit;
}

}  // namespace iommulab
