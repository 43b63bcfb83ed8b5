// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_wiring.h"

#include <algorithm>

#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

bool is_chipset_port(const listed_function& f) {
  return std::any_of(
      acs_quirk_rows().begin(), acs_quirk_rows().end(), [&](const acs_quirk_row& row) {
        return row.rule == acs_rule::chipset_port && row.names(f.ids.vendor, f.ids.device);
      });
}

/// As the lines say, or else the bytes.
std::optional<listed_sriov> sriov_of(const listed_function& f) {
  if (f.sriov && f.sriov->virtual_functions != 0) return f.sriov;
  std::optional<listed_sriov> found;
  for_each_extended_capability(f.bytes, [&](uint16_t id, uint16_t at) {
    if (id != pci_ext_cap_id_sriov) return;
    const auto word = [&](unsigned offset) {
      return static_cast<uint16_t>(config_get(f.bytes, static_cast<uint16_t>(at + offset), 2));
    };
    if (!cap_layout::sriov_vf_enable.test(word(cap_layout::sriov_control))) return;
    found = listed_sriov{{at},
                         true,
                         word(cap_layout::sriov_num_vfs),
                         word(cap_layout::sriov_first_vf_offset),
                         word(cap_layout::sriov_vf_stride)};
  });
  return found;
}

/// The first function that the device may have.
listed_address device_of(const listed_function& f) {
  return {f.domain, f.bus, static_cast<uint8_t>(f.devfn & ~7U)};
}

}  // namespace

listed_wiring::listed_wiring(const std::vector<listed_function>& listed) {
  for (const listed_function& f : listed) learn_virtual_functions(f);
  for (const listed_function& f : listed) learn_wiring(f);
  has_chipset_ports_ = std::any_of(listed.begin(), listed.end(), is_chipset_port);
}

/// Whoever listed them said whose they are, or the capability of whose they are says where they lie
/// (PCI Express Base 9.2.1.2).
void listed_wiring::learn_virtual_functions(const listed_function& f) {
  if (f.physical_function && *f.physical_function != f.place()) {
    physical_of_[f.place()] = *f.physical_function;
  }
  const auto sriov = sriov_of(f);
  if (!sriov || !sriov->enabled || sriov->first_offset == 0) return;
  unsigned id = (unsigned{f.bus} << 8 | f.devfn) + sriov->first_offset;
  for (unsigned i = 0; i < sriov->virtual_functions && id <= 0xffff; ++i) {
    physical_of_[{f.domain, static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id & 0xff)}] =
        f.place();
    id += sriov->stride;
  }
}

void listed_wiring::learn_wiring(const listed_function& f) {
  if (physical_of(f)) return;
  ++functions_of_[device_of(f)];
  if (f.ari) functions_by_ari_[bus_of(f)].insert(f.devfn);
  if (!f.bridge) return;
  const listed_bus behind{f.domain, f.bridge->secondary};
  if (f.is_cardbus_bridge() && f.bridge->secondary != 0) cardbus_.insert(behind);
  if (!f.leads_to_a_bus()) return;
  secondaries_.insert(behind);
  for (unsigned bus = f.bridge->secondary + 1U; bus <= f.bridge->subordinate; ++bus) {
    behind_bridges_.insert({f.domain, static_cast<uint8_t>(bus)});
  }
}

std::optional<listed_address> listed_wiring::physical_of(const listed_function& f) const {
  const auto found = physical_of_.find(f.place());
  return found == physical_of_.end() ? std::nullopt : std::optional(found->second);
}

bool listed_wiring::has_siblings(const listed_function& f) const {
  return !physical_of(f) && functions_of_.at(device_of(f)) > 1;
}

uint8_t listed_wiring::next_by_ari(const listed_function& f) const {
  if (f.ari->next) return *f.ari->next;
  const auto functions = functions_by_ari_.find(bus_of(f));
  if (functions == functions_by_ari_.end()) return 0;
  const auto next = functions->second.upper_bound(f.devfn);
  return next == functions->second.end() ? 0 : *next;
}

}  // namespace iommulab
