// SPDX-License-Identifier: GPL-2.0-only
//
// What the device of a fault says, by what is known of the system.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "cli/fault/device_places.h"
#include "cli/fault/fault_report.h"
#include "cli/machines/class_names.h"

namespace iommulab {
namespace {

constexpr unsigned functions_of_a_device = 8;
constexpr uint32_t first_vmd_segment = 0x10000;

std::string function_words(const system_facts::function& f) {
  return absl::StrFormat("%s [%04x:%04x]", pci_class_name(f.class_code), f.vendor, f.device);
}

/// Whether the facts show all of the device's bus, so that a function they do not name is not
/// there: its root bus was scanned before their eyes, or a bridge above it and what lies behind it.
bool scan_is_whole(source_id id, const system_facts& facts) {
  const bool below_root = std::any_of(
      facts.scanned_roots.begin(), facts.scanned_roots.end(),
      [id](source_id root) { return root.segment == id.segment && root.bus <= id.bus; });
  const bool below_bridge =
      std::any_of(facts.bridges.begin(), facts.bridges.end(), [&](const auto& bridge) {
        const auto& [owner, buses] = bridge;
        return owner.segment == id.segment && buses.first <= id.bus && id.bus <= buses.last &&
               facts.functions.contains(owner);
      });
  return below_root || below_bridge;
}

/// The first function of the same device that the facts name.
auto find_sibling(source_id id, const system_facts& facts) {
  for (unsigned function = 0; function < functions_of_a_device; ++function) {
    source_id sibling = id;
    sibling.devfn = pci_devfn(id.device(), function);
    const auto found = facts.functions.find(sibling);
    if (found != facts.functions.end()) return found;
  }
  return facts.functions.end();
}

bool has_other_devices_on_its_bus(source_id id, const system_facts& facts) {
  return std::any_of(facts.functions.begin(), facts.functions.end(), [id](const auto& known) {
    return known.first.segment == id.segment && known.first.bus == id.bus &&
           known.first.device() != id.device();
  });
}

/// Of an id that no function has, by facts that would show it.
void hint_absent(const fault_line& fault, const system_facts& facts,
                 std::vector<std::string>& hints) {
  const source_id id = *fault.device;
  hints.push_back(absl::StrFormat("%s has no function %s", facts.source, to_short_string(id)));
  const auto sibling = find_sibling(id, facts);
  if (sibling != facts.functions.end()) {
    const bool not_set_up = fault.reason && means_not_set_up(*fault.reason);
    hints.push_back(absl::StrFormat(
        "a function that does not exist, of the device whose function %d is %s: %s",
        sibling->first.function(), function_words(sibling->second),
        not_set_up ? "it uses a wrong requester id"
                   : "the kernel has set this id up, so it knows that the device uses it"));
    return;
  }
  if (id.devfn == 0 && has_other_devices_on_its_bus(id, facts)) {
    hints.push_back("it may be the id that a PCIe-to-PCI bridge gives the requests of bus " +
                    to_short_string(id).substr(0, 2));
  }
}

/// Of an id that the facts do not name, and that may be there all the same.
void hint_not_shown(const fault_line& fault, const system_facts& facts,
                    std::vector<std::string>& hints) {
  const auto sibling = find_sibling(*fault.device, facts);
  if (sibling != facts.functions.end()) {
    hints.push_back(absl::StrFormat("%s shows only part of the PCI scan, and of this device %s, %s",
                                    facts.source, to_short_string(sibling->first),
                                    function_words(sibling->second)));
  }
  for (std::string& hint : place_hints(fault, chipset_of(fault, facts))) {
    hints.push_back(std::move(hint));
  }
}

void hint_phantom(const fault_line& fault, const system_facts& facts,
                  std::vector<std::string>& hints) {
  const auto sibling = find_sibling(*fault.device, facts);
  if (sibling == facts.functions.end()) return;
  std::string words = phantom_words(fault, sibling->first, sibling->second);
  if (!words.empty()) hints.push_back(std::move(words));
}

}  // namespace

std::vector<std::string> device_hints(const fault_group& group, const system_facts& facts) {
  const fault_line& fault = group.fault;
  std::vector<std::string> hints;
  if (!fault.device) return hints;
  if (fault.segment.value_or(0) >= first_vmd_segment) {
    // The id is without its segment here: it would meet another function of the facts.
    hints.emplace_back(
        "segments from 10000 on are those of Intel VMD: requests of the devices in them bear the "
        "VMD function's id, not their own");
    return hints;
  }
  const auto known = facts.functions.find(*fault.device);
  const auto owners = facts.aliases.find(*fault.device);
  if (known != facts.functions.end()) {
    hints.push_back(absl::StrFormat("%s, by %s", function_words(known->second), facts.source));
    for (std::string& hint : known_habits(fault, known->second)) hints.push_back(std::move(hint));
  } else if (owners != facts.aliases.end()) {
    std::string names;
    for (const source_id owner : owners->second) {
      names += (names.empty() ? "" : ", ") + to_short_string(owner);
    }
    hints.push_back(
        absl::StrFormat("%s has no function %s", facts.source, to_short_string(*fault.device)));
    hints.push_back("it is the id that the requests of " + names + " bear");
    return hints;
  } else if (scan_is_whole(*fault.device, facts)) {
    hint_absent(fault, facts, hints);
  } else {
    hint_not_shown(fault, facts, hints);
  }
  const bool is_vmd = facts.vmd == *fault.device;
  if (is_vmd && known == facts.functions.end()) {
    hints.push_back(absl::StrFormat(
        "Intel VMD, by %s: requests of the drives behind it bear its id, so the fault may be any "
        "of theirs",
        facts.source));
  }
  hint_phantom(fault, facts, hints);
  return hints;
}

}  // namespace iommulab
